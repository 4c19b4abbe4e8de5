//! One task of the table, from its status and what its log last said.
//!
//! Pure. Not here: how a row looks ([`super::table`]).

use std::time::Duration;

use crd::log::one_line;
use crd::status::{ConditionStatus, PhaseState, PhaseStatus, RECONCILING, STALLED, SUCCEEDED};
use crd::{ClaudeTaskStatus, Phase, Usd};
use jiff::Timestamp;

/// A task as the table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The task's name.
    pub task: String,
    /// The five phases in their order.
    pub cells: [Cell; 5],
    /// From the start of the first container until now, or until the verdict.
    pub time: Option<Duration>,
    /// What it has cost so far, as text, once a phase has told.
    pub cost: Option<String>,
    /// The newest line of the log, or the verdict.
    pub activity: String,
    /// The verdict, once there is one.
    pub succeeded: Option<bool>,
}

/// One phase in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its state.
    pub state: PhaseState,
    /// How long it took so far; none for a phase that did not run.
    pub time: Option<Duration>,
}

impl Row {
    /// The row of a task with this status, whose log last said `heard`.
    pub fn new(task: &str, status: Option<&ClaudeTaskStatus>, heard: &str, now: Timestamp) -> Self {
        let blank = ClaudeTaskStatus::default();
        let status = status.unwrap_or(&blank);
        let of = |name| status.phases.iter().find(|phase| phase.name == name);
        let verdict = status.condition(SUCCEEDED).map(|verdict| verdict.status);
        Self {
            task: task.to_owned(),
            cells: Phase::ALL.map(|phase| cell(of(phase), now)),
            time: status.started_at.map(|start| between(start, status.finished_at.unwrap_or(now))),
            cost: status.usage.map(|usage| dollars(usage.cost_usd)),
            activity: activity(status, heard),
            succeeded: match verdict {
                Some(ConditionStatus::True) => Some(true),
                Some(ConditionStatus::False) => Some(false),
                Some(ConditionStatus::Unknown) | None => None,
            },
        }
    }
}

fn cell(phase: Option<&PhaseStatus>, now: Timestamp) -> Cell {
    let Some(phase) = phase else { return Cell { state: PhaseState::Pending, time: None } };
    let ran = !matches!(phase.state, PhaseState::Pending | PhaseState::Skipped);
    let start = phase.started_at.filter(|_| ran);
    let time = start.map(|start| between(start, phase.finished_at.unwrap_or(now)));
    Cell { state: phase.state, time }
}

/// The clock of the cluster may be ahead of ours: then it is nothing.
fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

fn activity(status: &ClaudeTaskStatus, heard: &str) -> String {
    let stalled = status.condition(STALLED).filter(|one| one.status == ConditionStatus::True);
    let told = if status.is_finished() { status.condition(SUCCEEDED) } else { stalled };
    if let Some(told) = told {
        return one_line(&format!("{}: {}", told.reason, told.message));
    }
    if !heard.is_empty() || status.started_at.is_some() {
        return heard.to_owned();
    }
    let waits = status.condition(RECONCILING).map(|condition| condition.message.as_str());
    one_line(waits.filter(|message| !message.is_empty()).unwrap_or("waits for its Pod"))
}

/// An amount with as many digits as say something: `$0.42`, `$0.0042`.
pub fn dollars(amount: Usd) -> String {
    let micros = amount.micros();
    if micros >= 10_000 || micros == 0 {
        let cents = (micros + 5_000) / 10_000;
        format!("${}.{:02}", cents / 100, cents % 100)
    } else {
        format!("$0.{:04}", (micros + 50) / 100)
    }
}

#[cfg(test)]
mod tests {
    use crd::status::{Condition, Usage};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn condition(type_: &str, status: ConditionStatus, reason: &str, message: &str) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: at(0),
            observed_generation: None,
        }
    }

    fn running() -> ClaudeTaskStatus {
        let phase = |name, state, started_at, finished_at| PhaseStatus {
            name,
            state,
            started_at,
            finished_at,
            reason: None,
            message: String::new(),
        };
        ClaudeTaskStatus {
            started_at: Some(at(0)),
            phases: vec![
                phase(Phase::Clone, PhaseState::Succeeded, Some(at(0)), Some(at(4))),
                phase(Phase::Run, PhaseState::Running, Some(at(5)), None),
                phase(Phase::Push, PhaseState::Skipped, Some(at(6)), Some(at(7))),
            ],
            ..ClaudeTaskStatus::default()
        }
    }

    #[test]
    fn a_running_phase_counts_until_now_and_a_skipped_one_not_at_all() {
        let row = Row::new("a", Some(&running()), "turn 2", at(65));
        let times = row.cells.map(|cell| cell.time.map(|time| time.as_secs()));
        assert_eq!(times, [Some(4), Some(60), None, None, None]);
        assert_eq!(row.cells[2].state, PhaseState::Pending);
        assert_eq!((row.time, row.succeeded), (Some(Duration::from_secs(65)), None));
        assert_eq!(row.activity, "turn 2");
    }

    #[test]
    fn a_clock_that_is_behind_the_clusters_shows_nothing_negative() {
        assert_eq!(Row::new("a", Some(&running()), "", at(-3)).time, Some(Duration::ZERO));
    }

    #[test]
    fn the_verdict_takes_the_place_of_the_log() {
        let verdict = condition(SUCCEEDED, ConditionStatus::False, "AgentFailed", "no\x1b[31mluck");
        let usage = Some(Usage { cost_usd: Usd::from_micros(4_250), ..Usage::default() });
        let finished_at = Some(at(9));
        let status =
            ClaudeTaskStatus { conditions: vec![verdict], usage, finished_at, ..running() };
        let row = Row::new("a", Some(&status), "turn 2", at(60));
        assert_eq!(row.activity, "AgentFailed: no [31mluck");
        assert_eq!((row.succeeded, row.time), (Some(false), Some(Duration::from_secs(9))));
        assert_eq!(row.cost.as_deref(), Some("$0.0043"));
    }

    #[test]
    fn what_stalls_a_task_is_said_before_it_is_the_verdict() {
        let stalled = condition(STALLED, ConditionStatus::True, "SecretMissing", "no such Secret");
        let status = ClaudeTaskStatus { conditions: vec![stalled], ..running() };
        assert_eq!(
            Row::new("a", Some(&status), "", at(9)).activity,
            "SecretMissing: no such Secret"
        );
    }

    #[test]
    fn a_task_waits_for_its_pod_until_a_container_has_started() {
        assert_eq!(Row::new("a", None, "", at(9)).activity, "waits for its Pod");
        assert_eq!(Row::new("a", Some(&running()), "", at(9)).activity, "");
    }

    #[test]
    fn small_amounts_keep_digits_that_say_something() {
        let shown = |micros| dollars(Usd::from_micros(micros));
        assert_eq!(
            [0, 90, 4_250, 10_000, 1_996_000].map(shown),
            ["$0.00", "$0.0001", "$0.0043", "$0.01", "$2.00"]
        );
    }
}
