//! How many tasks there are of what one looks for first.
//!
//! Not here: which tasks are counted.

use std::sync::Arc;

use crd::{ClaudeTask, Usd};
use jiff::Timestamp;

use crate::page::state::State;
use crate::page::{facts, format};

/// Figures of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Those at work.
    pub running: usize,
    /// Those that have not started.
    pub pending: usize,
    /// Those that go on later by themselves.
    pub waiting: usize,
    /// Those that failed on the day of `now`, in UTC.
    pub failed_today: usize,
    /// What those cost that have no verdict, or got it on the day of `now`, in UTC.
    pub cost_today: Usd,
}

impl Counts {
    /// The figures of these tasks.
    pub fn of(tasks: &[Arc<ClaudeTask>], now: Timestamp) -> Self {
        let today = format::day(now);
        let mut counts = Self::default();
        for task in tasks {
            let ended = facts::finished_at(task).map(format::day);
            let is_today = ended.as_ref().is_none_or(|day| *day == today);
            match State::of(task) {
                State::Running => counts.running += 1,
                State::Pending => counts.pending += 1,
                State::Waiting => counts.waiting += 1,
                State::Failed if is_today => counts.failed_today += 1,
                _ => {}
            }
            if is_today {
                counts.cost_today = counts.cost_today + facts::cost(task);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Counts;
    use crate::page::samples;

    #[test]
    fn what_ended_before_today_is_not_counted() {
        let yesterday = json!({"status": {"finishedAt": "2026-03-09T23:59:59Z"}});
        let mut old = serde_json::to_value(samples::failed("old")).unwrap();
        old["status"]["finishedAt"] = yesterday["status"]["finishedAt"].clone();
        let tasks: Vec<_> = [
            samples::running("a"),
            samples::queued("b"),
            samples::waiting("c"),
            samples::failed("d"),
            samples::pushed("e"),
            samples::fresh("f"),
            serde_json::from_value(old).unwrap(),
        ]
        .into_iter()
        .map(std::sync::Arc::new)
        .collect();
        let counts = Counts::of(&tasks, samples::now());
        assert_eq!(
            counts,
            Counts {
                running: 1,
                pending: 2,
                waiting: 1,
                failed_today: 1,
                cost_today: "2.69".parse().unwrap(),
            }
        );
    }
}
