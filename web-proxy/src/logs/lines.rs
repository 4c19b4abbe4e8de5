//! Bytes of a log, as they come, cut into lines of a bounded length.
//!
//! Not here: what a line says ([`super::frame`]).

/// A line that is being read.
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    held: Vec<u8>,
    cut: bool,
}

/// A whole line, without its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Its first bytes, at most as many as the limit.
    pub bytes: &'a [u8],
    /// True when the rest was dropped.
    pub cut: bool,
}

impl Lines {
    /// Nothing read yet; lines longer than `limit` bytes are cut.
    pub fn new(limit: usize) -> Self {
        Self { limit, held: Vec::new(), cut: false }
    }

    /// Takes in more of the log and hands out every line that is whole by it.
    pub fn feed(&mut self, mut bytes: &[u8], mut whole: impl FnMut(Whole<'_>)) {
        while let Some(end) = bytes.iter().position(|one| *one == b'\n') {
            if self.held.is_empty() && !self.cut && end <= self.limit {
                whole(Whole { bytes: &bytes[..end], cut: false });
            } else {
                self.hold(&bytes[..end]);
                whole(Whole { bytes: &self.held, cut: self.cut });
                self.clear();
            }
            bytes = &bytes[end + 1..];
        }
        self.hold(bytes);
    }

    /// What was read of a line whose end has not come.
    pub fn rest(&self) -> Option<Whole<'_>> {
        (!self.held.is_empty()).then_some(Whole { bytes: &self.held, cut: self.cut })
    }

    /// Forgets what was read of a line whose end has not come.
    pub fn clear(&mut self) {
        self.held.clear();
        self.cut = false;
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = self.limit - self.held.len();
        self.cut |= bytes.len() > room;
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    fn read(lines: &mut Lines, parts: &[&[u8]]) -> Vec<(String, bool)> {
        let mut all = Vec::new();
        for part in parts {
            lines.feed(part, |line| {
                all.push((String::from_utf8(line.bytes.to_vec()).unwrap(), line.cut));
            });
        }
        all
    }

    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_parted() {
        let text = b"one\n\ntwo, longer than ten\nthree\nfour";
        let expected = read(&mut Lines::new(10), &[text]);
        assert_eq!(
            expected,
            [("one", false), ("", false), ("two, longe", true), ("three", false)]
                .map(|(line, cut)| (line.to_owned(), cut))
        );
        for first in 0..text.len() {
            for second in first..text.len() {
                let parts = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(read(&mut Lines::new(10), &parts), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_more_memory_than_the_limit() {
        let mut lines = Lines::new(10);
        assert!(read(&mut lines, &[&[b'x'; 7][..]; 100]).is_empty());
        assert_eq!(lines.rest().map(|rest| (rest.bytes.len(), rest.cut)), Some((10, true)));
        lines.clear();
        assert_eq!(lines.rest(), None);
    }
}
