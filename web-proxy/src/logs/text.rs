//! The events of a log as lines of text, for terminals and for browsers without scripts.
//!
//! Lines hold text of the model and of the repository, so nothing in them steers a terminal. Not
//! here: which events there are ([`super::viewer`]).

use bytes::{Bytes, BytesMut};
use crd::log::without_control;
use futures::future::ready;
use futures::stream::once;
use futures::{Stream, StreamExt};
use serde::Deserialize;

/// What ends an event.
const END: &[u8] = b"\n\n";
/// What is said in place of the lines that a reader does not get: it took none for too long, or may
/// read no more.
const CUT: &str = "! The log goes on, but this reading of it ends here.\n";

/// Events out of a stream that comes in pieces.
#[derive(Debug, Default)]
pub struct Events {
    rest: BytesMut,
}

/// Makes text of events.
#[derive(Debug, Default)]
struct Text {
    events: Events,
    /// The log has ended.
    ended: bool,
}

/// A line of the log, or what stands in place of lines.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Data {
    attempt: Option<u32>,
    time: Option<String>,
    phase: String,
    kind: String,
    turn: Option<u32>,
    tool: Option<String>,
    text: String,
    from: Option<u64>,
    gone: bool,
}

impl Events {
    /// Takes in more of the stream, and hands out every event that is whole by it.
    pub fn take(&mut self, bytes: &[u8], mut whole: impl FnMut(&str)) {
        self.rest.extend_from_slice(bytes);
        while let Some(at) = self.rest.windows(END.len()).position(|window| window == END) {
            let event = self.rest.split_to(at + END.len());
            whole(&String::from_utf8_lossy(&event));
        }
    }
}

/// The text of the events of a log, and whether it is all of it.
pub fn lines(events: impl Stream<Item = Bytes>) -> impl Stream<Item = Bytes> {
    let events = events.map(Some).chain(once(ready(None)));
    events.scan(Text::default(), |text, event| {
        ready(Some(match event {
            Some(bytes) => text.take(&bytes),
            None if text.ended => Bytes::new(),
            None => Bytes::from_static(CUT.as_bytes()),
        }))
    })
}

impl Text {
    /// Takes in more of the stream, and gives the text of the events that are whole by it.
    fn take(&mut self, bytes: &[u8]) -> Bytes {
        let (mut text, ended) = (String::new(), &mut self.ended);
        self.events.take(bytes, |event| {
            *ended |= event.starts_with("event: end\n");
            text.extend(line(event));
        });
        Bytes::from(text)
    }
}

/// The text of an event; none when there is nothing to say.
fn line(event: &str) -> Option<String> {
    let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
    let data: Data = serde_json::from_str(field("data: ")?).ok()?;
    match field("event: ")? {
        "line" => shown(&data),
        "gap" => {
            let before = data.from.map(|from| format!(" before {from}")).unwrap_or_default();
            Some(format!("! {}: lines{before} are gone\n", data.phase))
        }
        "end" if data.gone => Some("! The Pods are gone, and their logs with them.\n".to_owned()),
        _ => None,
    }
}

fn shown(data: &Data) -> Option<String> {
    let mark = match data.kind.as_str() {
        // What the answer is comes in the next line.
        "turn" if data.text.is_empty() => return None,
        "warning" => "! ",
        "error" => "x ",
        _ => "",
    };
    let attempt = data.attempt.filter(|attempt| *attempt > 1);
    let parts = [
        data.time.clone(),
        Some(data.phase.clone()),
        attempt.map(|attempt| format!("attempt {attempt}")),
        data.turn.map(|turn| format!("turn {turn}")),
        data.tool.clone(),
    ];
    let front: Vec<_> = parts.into_iter().flatten().map(|part| without_control(&part)).collect();
    let mut lines = data.text.lines().map(|line| line.replace(is_steering, " "));
    let mut shown = format!("{}  {mark}{}\n", front.join(" "), lines.next().unwrap_or_default());
    for line in lines {
        shown.push_str("    ");
        shown.push_str(&line);
        shown.push('\n');
    }
    Some(shown)
}

fn is_steering(one: char) -> bool {
    one.is_control() && one != '\t'
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::StreamExt;

    use super::{CUT, lines};

    const EVENTS: &str = "retry: 1000\n\nevent: line\nid: 1.clone.1\ndata: {\"attempt\":1,\
        \"time\":\"2026-01-01T00:00:00Z\",\"phase\":\"clone\",\"kind\":\"phase\",\"text\":\"fetches\"}\n\n\
        : \n\nevent: line\nid: 2.run.3\ndata: {\"attempt\":2,\"phase\":\"run\",\"kind\":\"tool\",\
        \"turn\":3,\"tool\":\"Bash\",\"text\":\"one\\u001b[2J\\ntwo\\tthree\"}\n\n\
        event: line\ndata: {\"phase\":\"run\",\"kind\":\"turn\",\"turn\":4}\n\n\
        event: gap\ndata: {\"phase\":\"run\",\"from\":9}\n\nevent: end\ndata: {\"gone\":true}\n\n";
    const LINES: &str = "2026-01-01T00:00:00Z clone  fetches\n\
        run attempt 2 turn 3 Bash  one [2J\n    two\tthree\n\
        ! run: lines before 9 are gone\n! The Pods are gone, and their logs with them.\n";

    /// The text of these events when they come in pieces of so many bytes.
    async fn text(events: &str, piece: usize) -> String {
        let pieces: Vec<_> = events.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
        let text: Vec<Bytes> = lines(futures::stream::iter(pieces)).collect().await;
        String::from_utf8(text.concat()).unwrap()
    }

    #[tokio::test]
    async fn events_become_lines_however_they_are_cut() {
        for piece in [1, 7, EVENTS.len()] {
            assert_eq!(text(EVENTS, piece).await, LINES, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_log_that_was_cut_off_says_so() {
        let cut = EVENTS.split_once("event: end").unwrap().0;
        let all = LINES.split_once("! The Pods").unwrap().0;
        assert_eq!(text(cut, 7).await, format!("{all}{CUT}"));
    }
}
