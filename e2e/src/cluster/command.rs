//! Running other programs: captured, or into a log file with signs of life; and waiting for a
//! condition.
//!
//! Not here: the cluster's long-lived components ([`super::process`]).

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::progress::{Progress, lasted};

const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Runs a command to its end and returns what it printed; a failure carries its error output.
pub fn capture(command: &mut Command) -> Result<String> {
    let name = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and ends well; prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a long command with its output in `log`, with a line of progress every half minute; a
/// failure carries the end of the log.
pub fn logged(progress: &Progress, command: &mut Command, log: &Path) -> Result<()> {
    let name = shown(command);
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    let file = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("share the log file")?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("start {name}"))?;
    let began = Instant::now();
    let mut next_sign = SIGN_OF_LIFE;
    let status: ExitStatus = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for {name}"))? {
            break status;
        }
        if began.elapsed() >= next_sign {
            progress.say(format!("    … {} so far", lasted(next_sign)));
            next_sign += SIGN_OF_LIFE;
        }
        thread::sleep(POLL);
    };
    if !status.success() {
        bail!("{name}: {status}\n{}\n(all of it: {})", last_lines(log, 15), log.display());
    }
    Ok(())
}

/// Asks `condition` again and again until it is true; after `limit` the error says `what` was
/// waited for.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition()? {
        if Instant::now() >= deadline {
            bail!("waited {} in vain for {what}", lasted(limit));
        }
        thread::sleep(POLL * 4);
    }
    Ok(())
}

/// The end of a text file, empty when it cannot be read.
pub fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Program and first arguments: enough to recognise, never a whole environment.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().take(4).map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_tells_its_error_output() {
        let error =
            capture(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no luck"), "{error}");
        assert_eq!(capture(Command::new("echo").arg("x")).unwrap(), "x\n");
    }

    #[test]
    fn a_failed_long_command_tells_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/a.log");
        let progress = Progress::new(|_| ());
        let error = logged(
            &progress,
            Command::new("sh").args(["-c", "seq 100; echo broken >&2; exit 1"]),
            &log,
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("100\nbroken"), "{error}");
        assert!(!error.contains("\n10\n"), "{error}");
    }

    #[test]
    fn waiting_ends_with_the_condition_or_says_what_was_missing() {
        let mut rounds = 0;
        wait_until("three", Duration::from_secs(10), || {
            rounds += 1;
            Ok(rounds == 3)
        })
        .unwrap();
        let error = wait_until("rain", Duration::ZERO, || Ok(false)).unwrap_err();
        assert!(error.to_string().contains("rain"), "{error}");
    }
}
