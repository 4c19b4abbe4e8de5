//! Reads what a child process prints, line by line, in a task of its own.
//!
//! Not here: what the lines mean.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where the lines of one or more pipes arrive, without their ends.
pub struct Lines {
    sender: Option<UnboundedSender<Vec<u8>>>,
    receiver: UnboundedReceiver<Vec<u8>>,
    limit: u64,
}

impl Lines {
    /// Keeps at most `limit` bytes of each line; the rest of a longer one is dropped.
    pub fn new(limit: u64) -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender: Some(sender), receiver, limit }
    }

    /// Reads `pipe` to its end as fast as it gives, whatever becomes of the lines: a process that
    /// finds its pipe full waits, and Claude Code gives up on what is not read within two seconds
    /// of its end.
    pub fn drain(&self, pipe: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let (Some(pipe), Some(sender)) = (pipe, self.sender.clone()) else { return };
        let limit = self.limit;
        tokio::spawn(async move {
            let mut pipe = BufReader::with_capacity(64 << 10, pipe);
            while let Ok(Some(line)) = next(&mut pipe, limit).await {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }

    /// The next line; nothing once every pipe has ended.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.sender = None;
        self.receiver.recv().await
    }
}

async fn next<R: AsyncRead + Unpin>(
    from: &mut BufReader<R>,
    limit: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if from.take(limit).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let mut rest = Vec::new();
    while line.last() != Some(&b'\n') && rest.last() != Some(&b'\n') {
        rest.clear();
        if from.take(limit).read_until(b'\n', &mut rest).await? == 0 {
            break;
        }
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::Lines;

    async fn read(limit: u64, bytes: &'static [u8]) -> Vec<String> {
        let mut lines = Lines::new(limit);
        lines.drain(Some(bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push(String::from_utf8(line).unwrap());
        }
        all
    }

    #[tokio::test]
    async fn lines_come_whole_and_the_last_one_needs_no_end() {
        assert_eq!(read(9, b"one\n\ntwo").await, ["one", "", "two"]);
        assert!(read(9, b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_line_beyond_the_limit_is_cut_and_the_next_is_not() {
        assert_eq!(read(4, b"0123456789\nab\n").await, ["0123", "ab"]);
    }
}
