//! What a phase is doing, as JSON lines on standard output: the log of its container.
//!
//! One thread writes, so a reader that stalls never blocks the work: lines beyond the queue are
//! counted and named instead of written. Not here: the format ([`crd::log`]) and what a line says;
//! each phase decides that.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crd::log::Line;
pub use crd::log::{Kind, Note};
use jiff::Timestamp;

use crate::scrub::Scrub;

/// Longest text of one line in bytes; the rest is cut.
pub const TEXT_LIMIT: usize = 4096;
/// Lines that wait for a slow reader before lines are dropped.
const QUEUE: usize = 4096;
/// How long [`Progress::finish`] waits for a reader that stalls.
const FINISH_LIMIT: Duration = Duration::from_secs(5);

/// The way to the log; clones write to the same one.
#[derive(Clone)]
pub struct Progress {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

struct Shared {
    scrub: Scrub,
    dropped: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Note(Note),
    Finish,
}

impl Progress {
    /// The log of the container called `phase`, on standard output.
    pub fn stdout(phase: &str, scrub: Scrub) -> Self {
        Self::to(phase, scrub, std::io::stdout())
    }

    /// The same, written elsewhere.
    pub fn to(phase: &str, scrub: Scrub, out: impl Write + Send + 'static) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let (phase, count) = (phase.to_owned(), Arc::clone(&dropped));
        let thread = std::thread::spawn(move || write(&phase, &messages, &count, out));
        let writer = Mutex::new(Some(thread));
        Self { queue, shared: Arc::new(Shared { scrub, dropped, writer }) }
    }

    /// A step of the phase.
    pub fn phase(&self, text: impl Into<String>) {
        self.note(Note::new(Kind::Phase, text));
    }

    /// Something that may surprise.
    pub fn warning(&self, text: impl Into<String>) {
        self.note(Note::new(Kind::Warning, text));
    }

    /// Why the phase fails.
    pub fn error(&self, text: impl Into<String>) {
        self.note(Note::new(Kind::Error, text));
    }

    /// Any line; credentials are removed before the text is cut.
    pub fn note(&self, mut note: Note) {
        note.text = cut(&self.shared.scrub.text(&note.text), TEXT_LIMIT);
        note.tool = note.tool.map(|tool| cut(&self.shared.scrub.text(&tool), 100));
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Note(note)) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is queued; lines after that are lost. Call it once, last.
    pub fn finish(&self) {
        let writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = writer else { return };
        let deadline = Instant::now() + FINISH_LIMIT;
        let pause = || std::thread::sleep(Duration::from_millis(1));
        while matches!(self.queue.try_send(Message::Finish), Err(TrySendError::Full(_)))
            && Instant::now() < deadline
        {
            pause();
        }
        while !thread.is_finished() && Instant::now() < deadline {
            pause();
        }
    }
}

fn write(phase: &str, messages: &Receiver<Message>, dropped: &AtomicU64, mut out: impl Write) {
    let mut seq = 0;
    let mut line = |note: Note| {
        seq += 1;
        let line = Line { seq, time: Timestamp::now(), phase: phase.to_owned(), note };
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        // A log that nobody can read is no reason to stop the work.
        let _ = out.write_all(&text).and_then(|()| out.flush());
    };
    while let Ok(Message::Note(note)) = messages.recv() {
        line(note);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} lines were left out: the log's reader is too slow");
            line(Note::new(Kind::Warning, text));
        }
    }
}

/// The first `limit` bytes of `text` at most, ending in an ellipsis when something is missing.
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let keep = limit.saturating_sub('…'.len_utf8());
    format!("{}…", &text[..text.floor_char_boundary(keep)])
}

/// The last `limit` bytes of `text` at most.
pub fn tail(text: &str, limit: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(limit))..]
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc::{Sender, channel};

    use serde_json::Value;

    use super::{Kind, Note, Progress, TEXT_LIMIT, cut, tail};
    use crate::scrub::Scrub;

    struct Out(Sender<Vec<u8>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(scrub: Scrub, say: impl FnOnce(&Progress)) -> Vec<Value> {
        let (to, from) = channel();
        let progress = Progress::to("run", scrub, Out(to));
        say(&progress);
        progress.finish();
        let bytes: Vec<u8> = from.try_iter().flatten().collect();
        bytes
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn lines_are_numbered_and_name_phase_time_turn_and_tool() {
        let lines = lines(Scrub::default(), |progress| {
            progress.phase("starts");
            let tool = Some("Bash".to_owned());
            progress.note(Note { kind: Kind::Tool, turn: Some(2), tool, text: "ls\nx".into() });
        });
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["seq"], &lines[1]["seq"]), (&1.into(), &2.into()));
        assert_eq!(lines[0]["phase"], "run");
        assert!(lines[0]["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        assert_eq!((&lines[1]["kind"], &lines[1]["tool"]), (&"tool".into(), &"Bash".into()));
        assert_eq!((&lines[1]["turn"], &lines[1]["text"]), (&2.into(), &"ls\nx".into()));
    }

    #[test]
    fn a_credential_is_removed_even_where_the_text_is_cut_inside_it() {
        let lines = lines(Scrub::new(["canary-value".to_owned()]), |progress| {
            progress.warning(format!("{}canary-value", "x".repeat(TEXT_LIMIT - 8)));
            progress.warning("has canary-value inside");
        });
        assert!(!lines[0]["text"].as_str().unwrap().contains("canary"));
        assert_eq!(lines[1]["text"], "has [redacted] inside");
    }

    #[test]
    fn a_reader_that_stalls_loses_lines_and_is_told_how_many() {
        struct Stalled(std::sync::mpsc::Receiver<()>, Out);
        impl Write for Stalled {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.recv();
                self.1.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let ((go, stall), (to, from)) = (channel(), channel());
        let progress = Progress::to("run", Scrub::default(), Stalled(stall, Out(to)));
        for _ in 0..super::QUEUE + 500 {
            progress.phase("x");
        }
        drop(go);
        progress.finish();
        let text = String::from_utf8(from.try_iter().flatten().collect()).unwrap();
        assert!(text.contains("lines were left out"));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöüß", 6), "ä…");
        assert_eq!(tail("äöüß", 3), "ß");
        assert_eq!(tail("äöüß", 9), "äöüß");
    }
}
