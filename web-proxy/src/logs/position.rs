//! Where a viewer is in the log of a task: the id of an event, and what a browser sends back as
//! `Last-Event-ID`.
//!
//! Not here: where that is in a buffer ([`super::buffer`]).

use std::fmt;
use std::str::FromStr;

use crd::Phase;

/// One container of one attempt. They are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// The phase that the container is.
    pub phase: Phase,
}

/// A line of the log of a task, as `<attempt>.<container>.<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The container that wrote it.
    pub step: Step,
    /// Number of the line in its container, from 1; 0 is before the first.
    pub seq: u64,
}

/// The text is no position of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in a log: <attempt>.<container>.<seq> is expected")]
pub struct NoPosition;

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { attempt, phase } = self.step;
        write!(formatter, "{attempt}.{}.{}", phase.container(), self.seq)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut parts = text.split('.');
        let (Some(attempt), Some(container), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoPosition);
        };
        let phase = Phase::of_container(container).ok_or(NoPosition)?;
        let attempt = number(attempt)?;
        Ok(Self { step: Step { attempt, phase }, seq: number(seq)? })
    }
}

/// Digits only: Rust's own parser takes a plus sign too.
fn number<N: FromStr>(digits: &str) -> Result<N, NoPosition> {
    if !digits.bytes().all(|one| one.is_ascii_digit()) {
        return Err(NoPosition);
    }
    digits.parse().map_err(|_| NoPosition)
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn an_id_leads_back_to_its_position() {
        for id in ["1.clone.1", "2.run.812", "4294967295.push.18446744073709551615", "1.resolve.0"]
        {
            assert_eq!(id.parse::<Position>().unwrap().to_string(), id);
        }
    }

    #[test]
    fn what_no_proxy_sent_is_refused() {
        let wrong = [
            "",
            "1",
            "1.run",
            "1.run.",
            ".run.1",
            "1.save.1",
            "1.Run.1",
            "1.run.1.1",
            "1.run.-1",
            "+1.run.1",
            "1.run.+1",
            "1.run.18446744073709551616",
            "4294967296.run.1",
            " 1.run.1",
        ];
        for id in wrong {
            assert!(id.parse::<Position>().is_err(), "{id}");
        }
    }

    #[test]
    fn positions_are_ordered_as_lines_are_shown() {
        let ids = [
            "1.clone.9",
            "1.run.1",
            "1.run.2",
            "1.rebase.1",
            "1.resolve.1",
            "1.push.1",
            "2.clone.1",
        ];
        let shown: Vec<Position> = ids.iter().map(|id| id.parse().unwrap()).collect();
        let mut sorted = shown.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, shown);
    }
}
