//! What a person sees while the cluster is set up: a line when something begins, a sign of life
//! while it lasts, and the time that it took.
//!
//! Not here: the output of the commands themselves, which goes to log files.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Prints lines of progress wherever the caller wants them.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Progress")
    }
}

impl Progress {
    /// Hands every line to `print`.
    pub fn new(print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(print))
    }

    /// Prints to standard error, so that a program's own output stays clean.
    pub fn to_stderr() -> Self {
        Self::new(|line| eprintln!("{line}"))
    }

    /// Prints one line.
    pub fn say(&self, line: impl AsRef<str>) {
        (self.0)(line.as_ref());
    }

    /// Announces `what`, does it, and tells how long it took. `expect` says what to be prepared
    /// for, such as "the first time about 6 minutes".
    pub fn step<T>(&self, what: &str, expect: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let note = if expect.is_empty() { String::new() } else { format!(" ({expect})") };
        self.say(format!("==> {what}{note}"));
        let began = Instant::now();
        let result = work()?;
        self.say(format!("    done in {}", lasted(began.elapsed())));
        Ok(result)
    }
}

/// A duration as a person says it: tenths of a second at first, then minutes.
pub fn lasted(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_step_says_what_it_does_what_to_expect_and_its_time() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let progress = Progress::new(move |line| sink.lock().unwrap().push(line.to_owned()));
        progress.step("Boil water", "about a minute", || Ok(())).unwrap();
        let lines = lines.lock().unwrap();
        assert_eq!(lines[0], "==> Boil water (about a minute)");
        assert!(lines[1].starts_with("    done in 0.0 s"), "{}", lines[1]);
    }

    #[test]
    fn times_are_told_in_units_of_their_size() {
        assert_eq!(lasted(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(lasted(Duration::from_secs(59)), "59 s");
        assert_eq!(lasted(Duration::from_secs(365)), "6 min 05 s");
    }
}
