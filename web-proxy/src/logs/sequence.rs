//! Which lines of a log are new when it is read again from its beginning.
//!
//! Lines are known by their number. What has no number, or one that is not above the last, is only
//! known by how many such lines followed the last numbered one; so nothing that a container writes
//! under a false number hides its other lines. Not here: lines that a viewer has seen
//! ([`super::buffer`]).

/// What was read of a container's log.
#[derive(Debug, Default)]
pub struct Sequence {
    /// The highest number so far.
    last: u64,
    /// Lines without a place in the order since then.
    since: u64,
    /// Set while what was read before may come again.
    again: Option<Again>,
}

#[derive(Debug, Clone, Copy)]
struct Again {
    /// The last numbered line has come by.
    reached: bool,
    /// Lines without a place that are still to come by.
    skip: u64,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was read before.
    Known,
    /// The next in order.
    Numbered,
    /// New, without a place in the order.
    Raw,
}

impl Sequence {
    /// Says that the log is being read from its beginning once more. It may begin later than
    /// before: the kubelet hands out the newest file only.
    pub fn restart(&mut self) {
        self.again = Some(Again { reached: self.last == 0, skip: self.since });
    }

    /// What the next line is, by its number.
    pub fn admit(&mut self, seq: Option<u64>) -> Verdict {
        if self.is_known(seq) {
            return Verdict::Known;
        }
        self.again = None;
        match seq {
            Some(seq) if seq > self.last => {
                self.last = seq;
                self.since = 0;
                Verdict::Numbered
            }
            _ => {
                self.since += 1;
                Verdict::Raw
            }
        }
    }

    fn is_known(&mut self, seq: Option<u64>) -> bool {
        let Some(again) = &mut self.again else { return false };
        if seq.is_some_and(|seq| seq > self.last) {
            return false;
        }
        if !again.reached {
            again.reached = seq == Some(self.last);
            return true;
        }
        let known = again.skip > 0;
        again.skip = again.skip.saturating_sub(1);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::{Sequence, Verdict};

    type Log = [Option<u64>];

    fn new_lines(sequence: &mut Sequence, log: &Log) -> Vec<(Option<u64>, Verdict)> {
        let verdicts = log.iter().map(|seq| (*seq, sequence.admit(*seq)));
        verdicts.filter(|(_, verdict)| *verdict != Verdict::Known).collect()
    }

    /// Reads the log in three goes, each from the beginning, and compares with one.
    fn is_the_same_at_every_cut(log: &Log) {
        let whole = new_lines(&mut Sequence::default(), log);
        assert_eq!(whole.len(), log.len());
        for first in 0..=log.len() {
            for second in 0..=log.len() {
                let mut sequence = Sequence::default();
                let mut all = new_lines(&mut sequence, &log[..first]);
                for end in [second, log.len()] {
                    sequence.restart();
                    all.extend(new_lines(&mut sequence, &log[..end]));
                }
                assert_eq!(all, whole, "{log:?} cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn no_cut_loses_or_repeats_a_line() {
        is_the_same_at_every_cut(&[Some(1), Some(2), Some(3), Some(4)]);
        is_the_same_at_every_cut(&[None, None, Some(1), None, Some(2), None, None]);
        is_the_same_at_every_cut(&[None, None, None]);
        is_the_same_at_every_cut(&[]);
    }

    #[test]
    fn a_false_number_hides_no_line() {
        let most = Some(u64::MAX);
        is_the_same_at_every_cut(&[Some(1), most, Some(2), None, Some(3)]);
        is_the_same_at_every_cut(&[Some(1), Some(5), Some(2), Some(3), Some(5), Some(6)]);
        is_the_same_at_every_cut(&[Some(0), Some(1), Some(1), Some(0), Some(2)]);
    }

    #[test]
    fn after_a_rotation_what_is_there_is_new() {
        let mut sequence = Sequence::default();
        new_lines(&mut sequence, &[Some(1), Some(2), None]);
        sequence.restart();
        let new = new_lines(&mut sequence, &[Some(8), None, Some(9)]);
        assert_eq!(new.len(), 3);
        sequence.restart();
        assert_eq!(new_lines(&mut sequence, &[Some(9), Some(10)]).len(), 1);
    }
}
