//! One viewer: a socket, the events that come out of it, and what is wrong with them.
//!
//! It keeps no buffer while it waits, so that memory is that of the proxy as far as possible. Not
//! here: what the figures are compared with.

use std::cell::RefCell;
use std::io::{BufRead, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Outcome;

/// One line of so many is timed.
const SAMPLE: u64 = 50;

/// What viewers saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub lines: u64,
    pub bytes: usize,
    pub gaps: u64,
    pub repeats: u64,
    pub ended: usize,
    pub returned: usize,
    pub delays: Vec<Duration>,
}

impl Seen {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.gaps += other.gaps;
        self.repeats += other.repeats;
        self.ended += other.ended;
        self.returned += other.returned;
        self.delays.extend(other.delays);
    }
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 << 10]);
}

/// Follows the log to its end; whoever is cut comes again.
pub async fn follow(address: SocketAddr, number: usize, open: Arc<AtomicUsize>) -> Outcome<Seen> {
    let mut reader = Reader { number: number as u64, ..Reader::default() };
    loop {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!(
            "GET /logs HTTP/1.1\r\nHost: proxy\r\nLast-Event-ID: {}\r\n\r\n",
            reader.last_id()
        );
        socket.write_all(request.as_bytes()).await?;
        let mut is_open = false;
        loop {
            socket.readable().await?;
            let read = BUFFER.with_borrow_mut(|buffer| {
                let count = socket.try_read(buffer)?;
                reader.http(&buffer[..count]);
                Ok::<_, std::io::Error>(count)
            });
            match read {
                Ok(0) => break,
                Ok(_) if !is_open && reader.seen.returned == 0 => {
                    is_open = true;
                    open.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
            if reader.seen.ended > 0 {
                return Ok(reader.seen);
            }
        }
        reader.again();
    }
}

#[derive(Default)]
struct Reader {
    number: u64,
    stage: Http,
    /// A line whose end has not come: of the head, of a chunk's size, or of an event.
    http_line: Vec<u8>,
    event_line: Vec<u8>,
    last: u64,
    timed: bool,
    seen: Seen,
}

#[derive(Default, Clone, Copy)]
enum Http {
    #[default]
    Head,
    Size,
    Data(usize),
    Tail,
}

impl Reader {
    fn last_id(&self) -> String {
        if self.last == 0 { String::new() } else { format!("1.run.{}", self.last) }
    }

    fn again(&mut self) {
        self.seen.returned += 1;
        self.stage = Http::Head;
        self.http_line.clear();
        self.event_line.clear();
    }

    /// Takes a response apart: a head, then chunks.
    fn http(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if let Http::Data(left) = self.stage {
                let (data, rest) = bytes.split_at(left.min(bytes.len()));
                self.events(data);
                self.stage =
                    if data.len() == left { Http::Tail } else { Http::Data(left - data.len()) };
                bytes = rest;
                continue;
            }
            let _ = bytes.read_until(b'\n', &mut self.http_line);
            if self.http_line.last() != Some(&b'\n') {
                return;
            }
            let line = self.http_line.trim_ascii();
            self.stage = match self.stage {
                Http::Head if line.is_empty() => Http::Size,
                Http::Head => Http::Head,
                Http::Size => {
                    let digits = std::str::from_utf8(line).unwrap_or_default();
                    Http::Data(usize::from_str_radix(digits, 16).unwrap_or_default())
                }
                Http::Tail | Http::Data(_) => Http::Size,
            };
            self.http_line.clear();
        }
    }

    fn events(&mut self, mut bytes: &[u8]) {
        self.seen.bytes += bytes.len();
        while !bytes.is_empty() {
            let mut rest = bytes;
            let _ = rest.skip_until(b'\n');
            let line = &bytes[..bytes.len() - rest.len()];
            bytes = rest;
            if !self.event_line.is_empty() || line.last() != Some(&b'\n') {
                self.event_line.extend_from_slice(line);
                if line.last() == Some(&b'\n') {
                    let line = std::mem::take(&mut self.event_line);
                    self.line(&line);
                }
                continue;
            }
            self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(id) = line.strip_prefix(b"id: 1.run.") {
            let digits = std::str::from_utf8(id).unwrap_or_default();
            self.number_of(digits.trim_end().parse().unwrap_or_default());
        } else if self.timed && line.starts_with(b"data: ") {
            self.timed = false;
            self.seen.delays.extend(delay(line));
        } else if line == b"event: gap\n" {
            self.seen.gaps += 1;
        } else if line == b"event: end\n" {
            self.seen.ended = 1;
        }
    }

    fn number_of(&mut self, seq: u64) {
        self.seen.lines += 1;
        self.seen.gaps += u64::from(seq > self.last + 1);
        self.seen.repeats += u64::from(seq <= self.last);
        self.last = self.last.max(seq);
        self.timed = seq % SAMPLE == self.number % SAMPLE;
    }
}

/// How long ago the line was written.
fn delay(line: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(line).ok()?;
    let time = text.split_once("\"time\":\"")?.1.split_once('"')?.0;
    let written: Timestamp = time.parse().ok()?;
    Timestamp::now().duration_since(written).try_into().ok()
}
