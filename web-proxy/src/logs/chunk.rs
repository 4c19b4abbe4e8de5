//! Events of one container as one run of bytes that all viewers share.
//!
//! The numbered lines in a chunk follow each other without a gap; where lines are missing, another
//! chunk begins. Not here: how many chunks are kept ([`super::buffer`]).

use bytes::{Bytes, BytesMut};

/// Memory of a chunk besides its bytes and ends, about.
const OVERHEAD: usize = 128;

/// Finished events.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    bytes: Bytes,
    /// Number of the first numbered line.
    first: u64,
    /// Where the event of each numbered line ends.
    ends: Vec<u32>,
}

/// Events that are being gathered.
#[derive(Debug, Default)]
pub struct Draft {
    bytes: BytesMut,
    first: u64,
    ends: Vec<u32>,
}

impl Draft {
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when there is nothing to hand out.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// True when the line with this number may stand in the same chunk.
    pub fn takes(&self, seq: u64) -> bool {
        self.ends.is_empty() || seq == self.first + self.ends.len() as u64
    }

    /// Appends the event of a line that has a number.
    pub fn numbered(&mut self, seq: u64, append: impl FnOnce(&mut BytesMut)) {
        if self.ends.is_empty() {
            self.first = seq;
        }
        append(&mut self.bytes);
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    /// Appends the event of a line that has none.
    pub fn raw(&mut self, append: impl FnOnce(&mut BytesMut)) {
        append(&mut self.bytes);
    }

    /// What was gathered; the draft is empty then.
    pub fn seal(&mut self) -> Chunk {
        let (bytes, ends) = (self.bytes.split().freeze(), std::mem::take(&mut self.ends));
        Chunk { bytes, first: self.first, ends }
    }
}

impl Chunk {
    /// Its events.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Memory that it takes, about.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u32>() + OVERHEAD
    }

    /// Number of its last numbered line.
    pub fn last(&self) -> Option<u64> {
        (!self.ends.is_empty()).then(|| self.first + self.ends.len() as u64 - 1)
    }

    /// Number of the first line whose event ends after `offset`.
    pub fn next(&self, offset: usize) -> Option<u64> {
        let before = self.ends.partition_point(|end| *end as usize <= offset);
        (before < self.ends.len()).then(|| self.first + before as u64)
    }

    /// Where the events after that of the line `seq` begin: at 0 when all numbered lines here are
    /// later ones; none when all are earlier.
    pub fn after(&self, seq: u64) -> Option<usize> {
        let last = self.last()?;
        match seq {
            _ if seq > last => None,
            _ if seq < self.first => Some(0),
            _ => self.ends.get(usize::try_from(seq - self.first).ok()?).map(|end| *end as usize),
        }
    }

    /// Many chunks as one; no line is missing between them.
    pub fn join(chunks: &[Self]) -> Self {
        let mut bytes = BytesMut::with_capacity(chunks.iter().map(|chunk| chunk.bytes.len()).sum());
        let mut ends = Vec::with_capacity(chunks.iter().map(|chunk| chunk.ends.len()).sum());
        for chunk in chunks {
            let begin = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            ends.extend(chunk.ends.iter().map(|end| begin.saturating_add(*end)));
            bytes.extend_from_slice(&chunk.bytes);
        }
        let first =
            chunks.iter().find(|chunk| !chunk.ends.is_empty()).map_or(0, |chunk| chunk.first);
        Self { bytes: bytes.freeze(), first, ends }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::{Chunk, Draft};

    /// Numbered lines by their number, others as 0; each is one byte long.
    fn chunk(lines: &[u64]) -> Chunk {
        let mut draft = Draft::default();
        for line in lines {
            match line {
                0 => draft.raw(|out| out.put_u8(b'r')),
                seq => draft.numbered(*seq, |out| out.put_u8(b'n')),
            }
        }
        draft.seal()
    }

    #[test]
    fn a_line_is_found_by_its_number() {
        let chunk = chunk(&[0, 5, 6, 0, 0, 7, 0]);
        let after = [4, 5, 6, 7, 8].map(|seq| chunk.after(seq));
        assert_eq!(after, [Some(0), Some(2), Some(3), Some(6), None]);
        assert_eq!(
            [0, 2, 3, 6].map(|offset| chunk.next(offset)),
            [Some(5), Some(6), Some(7), None]
        );
        assert_eq!(self::chunk(&[0, 0]).after(0), None);
    }

    #[test]
    fn a_joined_chunk_finds_the_lines_of_all() {
        let joined = Chunk::join(&[chunk(&[0]), chunk(&[3, 0]), chunk(&[4])]);
        assert_eq!([3, 4].map(|seq| joined.after(seq)), [Some(2), Some(4)]);
        assert_eq!(joined.bytes().as_ref(), b"rnrn");
    }

    #[test]
    fn a_draft_takes_only_the_next_number() {
        let mut draft = Draft::default();
        assert!(draft.takes(9));
        draft.numbered(9, |out| out.put_u8(b'n'));
        assert!(draft.takes(10) && !draft.takes(11));
        draft.seal();
        assert!(draft.takes(11) && draft.is_empty());
    }
}
