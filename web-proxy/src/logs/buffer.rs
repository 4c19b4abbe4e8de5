//! The newest events of one container, bounded in bytes, and where each viewer is in them.
//!
//! A viewer holds a [`Place`] and takes shared bytes; nothing is copied or kept for it. What the
//! fastest viewer has not taken is not dropped: the reader waits instead, so one viewer with a slow
//! line sees the whole of a long log. Not here: waiting and waking ([`super::container`]).

use std::collections::VecDeque;

use bytes::Bytes;

use super::chunk::Chunk;

/// Chunks, each with its place in the container's run of events.
#[derive(Debug)]
pub struct Buffer {
    chunks: VecDeque<Placed>,
    /// Bytes of a chunk into which smaller ones are joined.
    join: usize,
    /// Chunks before this one are joined already.
    joined: usize,
    size: usize,
    end: u64,
    /// How far the fastest viewer is.
    taken: u64,
}

#[derive(Debug)]
struct Placed {
    begin: u64,
    chunk: Chunk,
}

impl Placed {
    fn end(&self) -> u64 {
        self.begin + self.chunk.bytes().len() as u64
    }
}

/// How far a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    /// Number of the last line that the viewer has.
    seen: u64,
    /// False until the events after that line are found.
    found: bool,
}

impl Place {
    /// After the line with this number; 0 is the beginning.
    pub fn after(seq: u64) -> Self {
        Self { offset: 0, seen: seq, found: seq == 0 }
    }
}

/// What a viewer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The number with which it goes on, when lines before that are missing.
    pub gap: Option<u64>,
    /// Whole events.
    pub bytes: Bytes,
}

impl Buffer {
    /// An empty one that joins events into chunks of about so many bytes.
    pub fn new(join: usize) -> Self {
        Self { chunks: VecDeque::new(), join, joined: 0, size: 0, end: 0, taken: 0 }
    }

    /// Memory that it takes, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// True when a viewer at this place can take nothing.
    pub fn is_read(&self, place: &Place) -> bool {
        place.offset >= self.end
    }

    /// Appends events.
    pub fn push(&mut self, chunk: Chunk) {
        let placed = Placed { begin: self.end, chunk };
        self.end = placed.end();
        self.size += placed.chunk.size();
        if !self.tail_leads_to(&placed.chunk) {
            self.join_tail();
        }
        self.chunks.push_back(placed);
        if self.end - self.chunks[self.joined].begin >= self.join as u64 {
            self.join_tail();
        }
    }

    /// Drops the oldest events until no more than `allowed` bytes are left, but none that no
    /// viewer has taken. False when too many are left.
    pub fn make_room(&mut self, allowed: usize) -> bool {
        while self.size > allowed {
            match self.chunks.front() {
                Some(first) if first.end() <= self.taken && self.chunks.len() > 1 => {
                    self.size -= first.chunk.size();
                    self.chunks.pop_front();
                    self.joined = self.joined.saturating_sub(1);
                }
                // One chunk is always kept: without it nobody gets on.
                _ => return self.chunks.len() <= 1,
            }
        }
        true
    }

    /// The next events for a viewer, whose place moves on.
    pub fn take(&mut self, place: &mut Place) -> Option<Taken> {
        let begin = self.chunks.front().map_or(self.end, |first| first.begin);
        let dropped = place.offset < begin;
        place.offset = place.offset.max(begin);
        let first = self.chunks.partition_point(|placed| placed.end() <= place.offset);
        let mut taken = None;
        for placed in self.chunks.range(first..) {
            taken = take(placed, place, dropped);
            if taken.is_some() {
                break;
            }
        }
        self.taken = self.taken.max(place.offset);
        taken
    }

    /// True when no line is missing between the chunks that are not joined yet and this one.
    fn tail_leads_to(&self, chunk: &Chunk) -> bool {
        let last = self.chunks.range(self.joined..).rev().find_map(|placed| placed.chunk.last());
        match (last, chunk.next(0)) {
            (Some(last), Some(next)) => last.checked_add(1) == Some(next),
            _ => true,
        }
    }

    /// Makes one chunk of the small ones at the end: whoever comes later takes much at once.
    fn join_tail(&mut self) {
        if self.chunks.len() - self.joined > 1 {
            let begin = self.chunks[self.joined].begin;
            let small: Vec<Chunk> =
                self.chunks.drain(self.joined..).map(|placed| placed.chunk).collect();
            let chunk = Chunk::join(&small);
            self.size -= small.iter().map(Chunk::size).sum::<usize>();
            self.size += chunk.size();
            self.chunks.push_back(Placed { begin, chunk });
        }
        self.joined = self.chunks.len();
    }
}

/// What the viewer has not seen of this chunk.
fn take(placed: &Placed, place: &mut Place, dropped: bool) -> Option<Taken> {
    let chunk = &placed.chunk;
    let mut from = usize::try_from(place.offset - placed.begin).unwrap_or(usize::MAX);
    place.offset = placed.end();
    if !place.found {
        // Events without a number before the line are older than it.
        from = from.max(chunk.after(place.seen)?);
        place.found = true;
    }
    if from >= chunk.bytes().len() {
        return None;
    }
    let expected = place.seen.saturating_add(1);
    let gap = match chunk.next(from) {
        Some(next) => (next > expected).then_some(next),
        None => dropped.then_some(expected),
    };
    place.seen = chunk.last().map_or(place.seen, |last| last.max(place.seen));
    Some(Taken { gap, bytes: chunk.bytes().slice(from..) })
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::{Buffer, Place};
    use crate::logs::chunk::{Chunk, Draft};

    /// Each line is its number in one byte; 0 is a line without a number.
    fn chunk(lines: &[u8]) -> Chunk {
        let mut draft = Draft::default();
        for line in lines {
            match line {
                0 => draft.raw(|out| out.put_u8(0)),
                seq => draft.numbered(u64::from(*seq), |out| out.put_u8(*seq)),
            }
        }
        draft.seal()
    }

    fn buffer(chunks: &[&[u8]], join: usize) -> Buffer {
        let mut buffer = Buffer::new(join);
        for lines in chunks {
            buffer.push(chunk(lines));
        }
        buffer
    }

    /// All that a viewer gets: gaps as 100 and the number.
    fn all(buffer: &mut Buffer, place: &mut Place) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(taken) = buffer.take(place) {
            all.extend(taken.gap.map(|from| 100 + u8::try_from(from).unwrap()));
            all.extend(taken.bytes);
        }
        all
    }

    #[test]
    fn a_viewer_goes_on_after_any_line_whatever_the_chunks() {
        for join in [1, 4, 1000] {
            for parts in
                [&[&[0, 1, 2][..], &[3, 0], &[0], &[4, 5]][..], &[&[0, 1, 2, 3, 0, 0, 4, 5]]]
            {
                for (seq, rest) in [
                    (0, &[0, 1, 2, 3, 0, 0, 4, 5][..]),
                    (1, &[2, 3, 0, 0, 4, 5]),
                    (2, &[3, 0, 0, 4, 5]),
                    (3, &[0, 0, 4, 5]),
                    (4, &[5]),
                    (5, &[]),
                    (9, &[]),
                ] {
                    let mut buffer = buffer(parts, join);
                    assert_eq!(all(&mut buffer, &mut Place::after(seq)), rest, "after {seq}");
                }
            }
        }
    }

    #[test]
    fn a_viewer_who_is_ahead_waits_for_the_line_after_its_own() {
        let mut buffer = Buffer::new(4);
        let mut place = Place::after(3);
        let mut got = Vec::new();
        for lines in [&[1][..], &[2, 0], &[3, 0], &[4], &[5]] {
            buffer.push(chunk(lines));
            got.extend(all(&mut buffer, &mut place));
        }
        assert_eq!(got, [0, 4, 5]);
    }

    #[test]
    fn joining_moves_nobody() {
        for stop in 0..6_u8 {
            let mut buffer = Buffer::new(5);
            let mut place = Place::after(0);
            let mut got = Vec::new();
            for line in 1..=12 {
                buffer.push(chunk(&[line]));
                if line % 6 == stop {
                    got.extend(all(&mut buffer, &mut place));
                }
            }
            got.extend(all(&mut buffer, &mut place));
            assert_eq!(got, (1..=12).collect::<Vec<u8>>(), "stop at {stop}");
            let sizes: usize = buffer.chunks.iter().map(|placed| placed.chunk.size()).sum();
            assert_eq!(buffer.size(), sizes);
            assert_eq!(buffer.chunks.len(), 4);
        }
    }

    #[test]
    fn missing_lines_are_a_gap_for_those_who_need_them() {
        let parts: [&[u8]; 3] = [&[1, 2], &[0], &[8, 9]];
        for (seq, rest) in
            [(0, &[1, 2, 0, 108, 8, 9][..]), (2, &[0, 108, 8, 9]), (5, &[108, 8, 9]), (7, &[8, 9])]
        {
            // Nothing is joined, everything that may be, or it is not time yet.
            for join in [1, 5, 1000] {
                let mut got = all(&mut buffer(&parts, join), &mut Place::after(seq));
                got.sort_unstable();
                let mut rest = rest.to_vec();
                rest.sort_unstable();
                assert_eq!(got, rest, "after {seq}");
            }
        }
    }

    #[test]
    fn dropped_lines_are_a_gap_for_those_who_are_behind() {
        let mut buffer = buffer(&[&[1], &[2], &[3], &[4]], 1);
        let (mut fast, mut slow) = (Place::after(0), Place::after(0));
        buffer.take(&mut slow);
        all(&mut buffer, &mut fast);
        assert!(buffer.make_room(buffer.size() / 2));
        assert_eq!(all(&mut buffer, &mut slow), [103, 3, 4]);
        assert_eq!(all(&mut buffer, &mut Place::after(2)), [3, 4]);
        assert!(buffer.is_read(&fast));
        buffer.push(chunk(&[5]));
        assert_eq!(all(&mut buffer, &mut fast), [5]);
    }

    #[test]
    fn what_nobody_has_taken_is_kept_and_the_last_chunk_too() {
        let mut buffer = buffer(&[&[1], &[2], &[3]], 1);
        assert!(!buffer.make_room(0));
        let mut place = Place::after(0);
        buffer.take(&mut place);
        assert!(!buffer.make_room(0));
        assert_eq!(buffer.chunks.len(), 2);
        all(&mut buffer, &mut place);
        assert!(buffer.make_room(0));
        assert_eq!(buffer.chunks.len(), 1);
    }

    #[test]
    fn dropped_lines_without_a_number_are_a_gap_too() {
        let mut buffer = buffer(&[&[0], &[0], &[0]], 1);
        all(&mut buffer, &mut Place::after(0));
        buffer.make_room(0);
        assert_eq!(all(&mut buffer, &mut Place::after(0)), [101, 0]);
    }
}
