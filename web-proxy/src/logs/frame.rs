//! From lines of a container's log to events of an SSE stream, as bytes.
//!
//! A line may hold anything. The data of an event is JSON on one line, and JSON escapes every
//! control character, so no text can end an event or begin another. Not here: which lines are sent
//! ([`super::sequence`], [`super::buffer`]).

use bytes::{BufMut, BytesMut};
use crd::log::{Line, Note};
use jiff::Timestamp;
use serde::Serialize;

use super::position::{Position, Step};

/// First of every stream: a browser that lost it comes back after a second.
pub const RETRY: &[u8] = b"retry: 1000\n\n";
/// A comment, so that nobody on the way takes a quiet stream for a dead one.
pub const BEAT: &[u8] = b": \n\n";
/// Last of a stream: everything was sent.
pub const END: &[u8] = b"event: end\ndata: {}\n\n";
/// Last of a stream: the task is over, and its Pods, with the logs in them, are gone.
pub const GONE: &[u8] = b"event: end\ndata: {\"gone\":true}\n\n";

#[derive(Serialize)]
struct Numbered<'a> {
    attempt: u32,
    seq: u64,
    time: Timestamp,
    phase: &'static str,
    #[serde(flatten)]
    note: &'a Note,
}

#[derive(Serialize)]
struct Raw<'a> {
    attempt: u32,
    phase: &'static str,
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Gap {
    phase: &'static str,
    from: u64,
}

/// Appends the event of a line. The container is the one that was read, whatever the line says.
pub fn line(out: &mut BytesMut, step: Step, line: &Line) {
    let position = Position { step, seq: line.seq };
    let Line { seq, time, note, .. } = line;
    let phase = step.phase.container();
    out.put_slice(b"event: line\nid: ");
    out.put_slice(position.to_string().as_bytes());
    data(out, &Numbered { attempt: step.attempt, seq: *seq, time: *time, phase, note });
}

/// Appends the event of a line that is no [`Line`] or has no place in the order. It has no id: a
/// viewer cannot say that it was the last one seen.
pub fn raw(out: &mut BytesMut, step: Step, text: &[u8], cut: bool) {
    let mut text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text));
    if cut {
        text.to_mut().push_str("… (the line was cut)");
    }
    let phase = step.phase.container();
    out.put_slice(b"event: line");
    data(out, &Raw { attempt: step.attempt, phase, kind: "raw", text: &text });
}

/// Appends the event that says that lines before the one with the number `from` are missing.
pub fn gap(out: &mut BytesMut, step: Step, from: u64) {
    out.put_slice(b"event: gap");
    data(out, &Gap { phase: step.phase.container(), from });
}

fn data(out: &mut BytesMut, value: &impl Serialize) {
    out.put_slice(b"\ndata: ");
    let begin = out.len();
    if serde_json::to_writer((&mut *out).writer(), value).is_err() {
        // Strings, numbers and times can always be written; half an object must not be sent.
        out.truncate(begin);
        out.put_slice(b"{}");
    }
    out.put_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use crd::Phase;
    use crd::log::Line;
    use serde_json::{Value, json};

    use super::{gap, line, raw};
    use crate::logs::position::Step;

    const STEP: Step = Step { attempt: 2, phase: Phase::Run };

    fn frame(append: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        append(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn data(frame: &str) -> Value {
        let rows: Vec<&str> = frame.strip_suffix("\n\n").unwrap().split('\n').collect();
        serde_json::from_str(rows.last().unwrap().strip_prefix("data: ").unwrap()).unwrap()
    }

    fn parsed(value: &Value) -> Line {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn a_line_keeps_its_fields_and_gets_attempt_and_id() {
        let tool = json!({"seq": 7, "time": "2026-01-01T00:00:00Z", "phase": "run",
            "kind": "tool", "turn": 3, "tool": "Bash", "text": "cargo test"});
        let frame = frame(|out| line(out, STEP, &parsed(&tool)));
        assert!(frame.starts_with("event: line\nid: 2.run.7\ndata: {"), "{frame}");
        let mut expected = tool;
        expected["attempt"] = json!(2);
        assert_eq!(data(&frame), expected);
    }

    #[test]
    fn the_container_is_the_one_that_was_read() {
        let lie =
            json!({"seq": 1, "time": "2026-01-01T00:00:00Z", "phase": "push", "kind": "error"});
        assert_eq!(data(&frame(|out| line(out, STEP, &parsed(&lie))))["phase"], "run");
    }

    #[test]
    fn no_text_ends_an_event() {
        let hostile = "a\n\nevent: end\ndata: {}\r\n\rb\u{2028}\0\x1b[2J";
        let said = json!({"seq": 1, "time": "2026-01-01T00:00:00Z", "phase": "run",
            "kind": "text", "text": hostile});
        for frame in [
            frame(|out| line(out, STEP, &parsed(&said))),
            frame(|out| raw(out, STEP, hostile.as_bytes(), false)),
        ] {
            assert_eq!(frame.matches("\n\n").count(), 1, "{frame}");
            assert!(!frame.contains('\r') && !frame.contains('\0'), "{frame}");
            assert_eq!(data(&frame)["text"], hostile);
        }
    }

    #[test]
    fn what_is_no_json_is_raw_and_has_no_id() {
        let panic = frame(|out| raw(out, STEP, b"thread 'main' panicked\r", false));
        assert!(!panic.contains("id:"));
        let expected = json!({"attempt": 2, "phase": "run", "kind": "raw",
            "text": "thread 'main' panicked"});
        assert_eq!(data(&panic), expected);
        let bytes = frame(|out| raw(out, STEP, b"\xff\xfe", true));
        assert_eq!(data(&bytes)["text"], "\u{fffd}\u{fffd}… (the line was cut)");
    }

    #[test]
    fn a_gap_says_where_it_goes_on() {
        let frame = frame(|out| gap(out, STEP, 812));
        assert_eq!(frame, "event: gap\ndata: {\"phase\":\"run\",\"from\":812}\n\n");
    }
}
