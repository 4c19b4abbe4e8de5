//! From what the containers did and said to phases, result, usage and verdict: pure.
//!
//! The operator fills [`PhaseFact`]s from the kubelet's record, a run without a cluster from its
//! own. Not here: Pod facts beside the reports (the operator adds an [`Ending`] for those).

use jiff::Timestamp;

use crate::phase::Phase;
use crate::reason::Reason;
use crate::report::{Outcome, Report};
use crate::status::{
    ClaudeTaskStatus, Condition, ConditionStatus, ConflictSummary, DisplayPhase, PhaseState,
    PhaseStatus, RECONCILING, STALLED, SUCCEEDED, TaskResult, Usage,
};

/// What is known of one phase's container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PhaseFact {
    /// It has not started.
    #[default]
    Pending,
    /// It runs.
    Running {
        /// Since when.
        started_at: Option<Timestamp>,
    },
    /// It ended.
    Ended {
        /// When it started.
        started_at: Option<Timestamp>,
        /// When it ended.
        finished_at: Option<Timestamp>,
        /// Its exit code.
        exit_code: i32,
        /// What it said, if that was a report of this phase.
        report: Option<Box<Report>>,
    },
}

impl PhaseFact {
    /// The report of an ended phase.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Ended { report, .. } => report.as_deref(),
            Self::Pending | Self::Running { .. } => None,
        }
    }

    fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Ended { exit_code, .. } => Some(*exit_code),
            Self::Pending | Self::Running { .. } => None,
        }
    }

    const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending => None,
            Self::Running { started_at } | Self::Ended { started_at, .. } => *started_at,
        }
    }
}

/// The facts of the five phases in order, indexed by [`Phase`].
pub type PhaseFacts = [PhaseFact; 5];

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: Reason,
    /// A sentence for the task's author.
    pub message: String,
}

/// The verdict that the reports alone prove, or nothing. In order: `push` ended with 0 and a valid
/// success; a git container ended otherwise with a reason. What agent containers say decides
/// nothing here: a later git container repeats what it believes of it.
pub fn ending(facts: &PhaseFacts) -> Option<Ending> {
    let push = &facts[Phase::Push as usize];
    if push.exit_code() == Some(0)
        && let Some(report) = push.report()
        && report.outcome != Outcome::Failed
        && let Some(reason) = report.reason.filter(|reason| reason.is_success())
    {
        return Some(Ending { reason, message: report.message.clone() });
    }
    Phase::ALL.into_iter().filter(|phase| !phase.is_agent()).find_map(|phase| {
        let fact = &facts[phase as usize];
        let report = fact.report().filter(|_| fact.exit_code() != Some(0))?;
        let reason = report.reason.filter(|reason| !reason.is_success())?;
        Some(Ending { reason, message: report.message.clone() })
    })
}

/// The agent side's own account of its failure: believed when nothing else speaks.
pub fn own_words(facts: &PhaseFacts) -> Option<Ending> {
    facts.iter().filter_map(PhaseFact::report).find_map(|report| {
        let reason = report.reason.filter(|reason| !reason.is_success())?;
        Some(Ending { reason, message: report.message.clone() })
    })
}

/// The state of each phase. With an `ending`, phases that never ran are Skipped, and the one that
/// was interrupted carries its reason.
pub fn phases(facts: &PhaseFacts, ending: Option<&Ending>) -> Vec<PhaseStatus> {
    Phase::ALL
        .into_iter()
        .map(|phase| phase_status(phase, &facts[phase as usize], ending))
        .collect()
}

fn phase_status(phase: Phase, fact: &PhaseFact, ending: Option<&Ending>) -> PhaseStatus {
    let blank = PhaseStatus {
        name: phase,
        state: PhaseState::Pending,
        started_at: fact.started_at(),
        finished_at: None,
        reason: None,
        message: String::new(),
    };
    let interrupted = |status: PhaseStatus| PhaseStatus {
        state: PhaseState::Failed,
        reason: ending.map(|ending| ending.reason),
        message: ending.map(|ending| ending.message.clone()).unwrap_or_default(),
        ..status
    };
    match fact {
        PhaseFact::Pending if ending.is_some() => {
            PhaseStatus { state: PhaseState::Skipped, ..blank }
        }
        PhaseFact::Pending => blank,
        PhaseFact::Running { .. } if ending.is_some() => interrupted(blank),
        PhaseFact::Running { .. } => PhaseStatus { state: PhaseState::Running, ..blank },
        PhaseFact::Ended { finished_at, report, .. } => {
            let ended = PhaseStatus { finished_at: *finished_at, ..blank };
            match report {
                // A report without a reason is that of an interrupted phase.
                Some(report) if report.outcome != Outcome::Failed || report.reason.is_some() => {
                    PhaseStatus {
                        state: state_of(report.outcome),
                        reason: report.reason,
                        message: report.message.clone(),
                        ..ended
                    }
                }
                Some(_) | None => interrupted(ended),
            }
        }
    }
}

const fn state_of(outcome: Outcome) -> PhaseState {
    match outcome {
        Outcome::Succeeded => PhaseState::Succeeded,
        Outcome::Failed => PhaseState::Failed,
        Outcome::Skipped => PhaseState::Skipped,
    }
}

/// What came out so far. The checkpoint is named while the branch does not hold the work.
pub fn result(facts: &PhaseFacts) -> TaskResult {
    let report = |phase: Phase| facts[phase as usize].report();
    let (clone, run) = (report(Phase::Clone), report(Phase::Run));
    let (rebase, resolve, push) =
        (report(Phase::Rebase), report(Phase::ConflictResolution), report(Phase::Push));
    let pushed = push.filter(|push| push.outcome == Outcome::Succeeded);
    let checkpoint = [push, rebase].into_iter().flatten().find_map(|r| r.checkpoint.clone());
    TaskResult {
        branch: pushed.and_then(|push| push.branch.clone()),
        commit: pushed.and_then(|push| push.commit.clone()),
        start_commit: clone.and_then(|clone| clone.start_commit.clone()),
        onto_commit: [push, rebase, clone]
            .into_iter()
            .flatten()
            .find_map(|r| r.onto_commit.clone()),
        conflicts: rebase.and_then(|rebase| conflicts(rebase, resolve)),
        diff: pushed.and_then(|push| push.diff),
        checkpoint: checkpoint.filter(|_| pushed.is_none()),
        summary: run.and_then(|run| run.summary.clone()),
    }
}

fn conflicts(rebase: &Report, resolve: Option<&Report>) -> Option<ConflictSummary> {
    let resolved = resolve.filter(|resolve| resolve.outcome == Outcome::Succeeded);
    Some(ConflictSummary {
        count: rebase.conflicts.filter(|count| *count > 0)?,
        files: rebase.conflict_files.clone(),
        rounds: resolve.and_then(|resolve| resolve.rounds),
        resolved_by: resolved.map(|_| "Claude".to_owned()),
    })
}

/// What all Claude processes used, or nothing when none has reported.
pub fn usage(facts: &PhaseFacts) -> Option<Usage> {
    facts.iter().filter_map(|fact| fact.report()?.usage).reduce(|sum, usage| sum + usage)
}

/// The state of the attempt in one word.
pub fn display(facts: &PhaseFacts, ending: Option<&Ending>) -> DisplayPhase {
    match ending {
        Some(ending) if ending.reason.is_success() => DisplayPhase::Succeeded,
        Some(Ending { reason: Reason::Cancelled, .. }) => DisplayPhase::Cancelled,
        Some(_) => DisplayPhase::Failed,
        None => Phase::ALL
            .into_iter()
            .rfind(|phase| facts[*phase as usize] != PhaseFact::Pending)
            .map_or(DisplayPhase::Queued, DisplayPhase::of),
    }
}

/// The three conditions. `obstacle` is a reason why an unfinished attempt does not get on (an
/// image that cannot be pulled); `now` is used only for conditions that change.
pub fn conditions(
    previous: &ClaudeTaskStatus,
    display: DisplayPhase,
    ending: Option<&Ending>,
    obstacle: Option<&Ending>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    use ConditionStatus::{False, True, Unknown};
    let said = ending.or(obstacle);
    let reason = said.map_or(display.as_str(), |said| said.reason.as_str());
    let message = said.map(|said| said.message.as_str()).unwrap_or_default();
    let success = ending.map(|ending| ending.reason.is_success());
    let make = |type_: &str, status| {
        let since = previous.condition(type_).filter(|old| old.status == status);
        Condition {
            type_: type_.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: since.map_or(now, |old| old.last_transition_time),
            observed_generation: generation,
        }
    };
    let verdict = success.map_or(Unknown, |success| if success { True } else { False });
    vec![
        make(SUCCEEDED, verdict),
        make(RECONCILING, if ending.is_some() { False } else { True }),
        make(STALLED, if success == Some(false) { True } else { False }),
    ]
}

/// Earliest start of a phase.
pub fn started_at(facts: &PhaseFacts) -> Option<Timestamp> {
    facts.iter().filter_map(PhaseFact::started_at).min()
}

/// Session of Claude Code.
pub fn session_id(facts: &PhaseFacts) -> Option<String> {
    facts[Phase::Run as usize].report()?.session_id.clone()
}

#[cfg(test)]
mod tests {
    use super::{
        Ending, PhaseFact, PhaseFacts, conditions, display, ending, phases, result, usage,
    };
    use crate::phase::Phase;
    use crate::reason::Reason;
    use crate::report::{Outcome, Report};
    use crate::status::{
        ClaudeTaskStatus, ConditionStatus, DisplayPhase, PhaseState, RECONCILING, STALLED,
        SUCCEEDED, Usage,
    };
    use crate::usd::Usd;

    fn ended(exit_code: i32, report: Report) -> PhaseFact {
        PhaseFact::Ended {
            started_at: None,
            finished_at: None,
            exit_code,
            report: Some(Box::new(report)),
        }
    }

    fn silent(exit_code: i32) -> PhaseFact {
        PhaseFact::Ended { started_at: None, finished_at: None, exit_code, report: None }
    }

    fn ok(phase: Phase) -> PhaseFact {
        ended(0, Report::new(phase, Outcome::Succeeded))
    }

    fn pushed(reason: Reason) -> PhaseFact {
        ended(0, Report { reason: Some(reason), ..Report::new(Phase::Push, Outcome::Succeeded) })
    }

    fn facts<const N: usize>(first: [PhaseFact; N]) -> PhaseFacts {
        let mut facts = PhaseFacts::default();
        for (place, fact) in facts.iter_mut().zip(first) {
            *place = fact;
        }
        facts
    }

    fn states(facts: &PhaseFacts) -> Vec<PhaseState> {
        phases(facts, ending(facts).as_ref()).into_iter().map(|phase| phase.state).collect()
    }

    #[test]
    fn only_push_with_exit_zero_and_a_success_reason_is_a_success() {
        let before =
            || [Phase::Clone, Phase::Run, Phase::Rebase, Phase::ConflictResolution].map(ok);
        let with = |push: PhaseFact| {
            let [a, b, c, d] = before();
            ending(&[a, b, c, d, push]).map(|ending| ending.reason)
        };
        assert_eq!(with(pushed(Reason::Pushed)), Some(Reason::Pushed));
        assert_eq!(with(PhaseFact::Pending), None);
        assert_eq!(with(silent(0)), None, "an exit code alone proves nothing");
        assert_eq!(with(ok(Phase::Push)), None, "a success needs its reason");
        let failed = Report::failed(Phase::Push, Reason::PushRejected, "hook declined");
        assert_eq!(with(ended(0, failed.clone())), None, "a failure with exit 0 is no success");
        assert_eq!(with(ended(1, failed)), Some(Reason::PushRejected));
        let lying =
            Report { reason: Some(Reason::Pushed), ..Report::new(Phase::Push, Outcome::Succeeded) };
        assert_eq!(with(ended(1, lying)), None, "a success with exit 1 is none");
    }

    #[test]
    fn what_an_agent_container_says_decides_nothing() {
        let report = Report::failed(Phase::Run, Reason::AuthenticationFailed, "planted");
        let lone = facts([ok(Phase::Clone), ended(1, report.clone())]);
        assert_eq!(ending(&lone), None);
        let mut pushed_by_run = Report::new(Phase::Run, Outcome::Succeeded);
        pushed_by_run.reason = Some(Reason::Pushed);
        assert_eq!(ending(&facts([ok(Phase::Clone), ended(0, pushed_by_run)])), None);
    }

    #[test]
    fn a_failed_run_is_saved_by_rebase_which_carries_the_verdict() {
        let run = Report::failed(Phase::Run, Reason::BudgetExceeded, "2.00 of 2.00 spent");
        let mut rebase =
            Report::skipped(Phase::Rebase, Reason::BudgetExceeded, "2.00 of 2.00 spent");
        rebase.checkpoint = Some("refs/claudetask/u".into());
        let facts = facts([ok(Phase::Clone), ended(0, run), ended(1, rebase)]);
        assert_eq!(ending(&facts).unwrap().reason, Reason::BudgetExceeded);
        assert_eq!(
            states(&facts),
            [
                PhaseState::Succeeded,
                PhaseState::Failed,
                PhaseState::Skipped,
                PhaseState::Skipped,
                PhaseState::Skipped
            ]
        );
        assert_eq!(result(&facts).checkpoint.as_deref(), Some("refs/claudetask/u"));
        assert_eq!(display(&facts, ending(&facts).as_ref()), DisplayPhase::Failed);
    }

    #[test]
    fn a_phase_without_a_report_carries_the_reason_of_the_ending() {
        let facts = facts([ok(Phase::Clone), silent(137)]);
        let lost = Ending { reason: Reason::Lost, message: "gone".into() };
        let run = &phases(&facts, Some(&lost))[1];
        assert_eq!((run.state, run.reason), (PhaseState::Failed, Some(Reason::Lost)));
    }

    #[test]
    fn an_interrupted_phase_carries_the_reason_of_the_ending_and_its_own_usage() {
        let spent = Usage { cost_usd: Usd::from_micros(70_000), turns: 1, ..Usage::default() };
        let run = Report { usage: Some(spent), ..Report::new(Phase::Run, Outcome::Failed) };
        let facts = facts([ok(Phase::Clone), ended(143, run)]);
        let timeout = Ending { reason: Reason::Timeout, message: "an hour is over".into() };
        let run = &phases(&facts, Some(&timeout))[1];
        assert_eq!((run.state, run.reason), (PhaseState::Failed, Some(Reason::Timeout)));
        assert_eq!(run.message, "an hour is over");
        assert_eq!(usage(&facts), Some(spent));
    }

    #[test]
    fn a_pushed_result_has_no_checkpoint_and_the_sum_of_the_usage() {
        let spent =
            |micros| Usage { cost_usd: Usd::from_micros(micros), turns: 2, ..Usage::default() };
        let mut run = Report::new(Phase::Run, Outcome::Succeeded);
        run.usage = Some(spent(200_000));
        let mut rebase = Report::new(Phase::Rebase, Outcome::Succeeded);
        rebase.checkpoint = Some("refs/claudetask/u".into());
        rebase.conflicts = Some(2);
        let mut resolve = Report::new(Phase::ConflictResolution, Outcome::Succeeded);
        resolve.usage = Some(spent(300_000));
        resolve.rounds = Some(1);
        let facts = [
            ok(Phase::Clone),
            ended(0, run),
            ended(0, rebase),
            ended(0, resolve),
            pushed(Reason::Pushed),
        ];
        let usage = usage(&facts).unwrap();
        assert_eq!((usage.cost_usd.to_string(), usage.turns), ("0.50".into(), 4));
        let result = result(&facts);
        assert_eq!(result.checkpoint, None);
        assert_eq!(result.conflicts.unwrap().resolved_by.as_deref(), Some("Claude"));
    }

    #[test]
    fn conditions_keep_their_time_until_their_status_changes() {
        let (early, late) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:01:00Z".parse().unwrap());
        let none = ClaudeTaskStatus::default();
        let first = conditions(&none, DisplayPhase::Cloning, None, None, Some(1), early);
        let status = ClaudeTaskStatus { conditions: first, ..none };
        assert!(!status.is_finished());
        let second = conditions(&status, DisplayPhase::Running, None, None, Some(1), late);
        assert!(second.iter().all(|condition| condition.last_transition_time == early));
        assert_eq!(second[0].reason, "Running");
        let gone = Ending { reason: Reason::Lost, message: "gone".into() };
        let last = conditions(&status, DisplayPhase::Failed, Some(&gone), None, Some(1), late);
        let status = ClaudeTaskStatus { conditions: last, ..status };
        assert!(status.is_finished());
        for (type_, expected) in [
            (SUCCEEDED, ConditionStatus::False),
            (RECONCILING, ConditionStatus::False),
            (STALLED, ConditionStatus::True),
        ] {
            let condition = status.condition(type_).unwrap();
            assert_eq!((condition.status, condition.last_transition_time), (expected, late));
            assert_eq!(condition.reason, "Lost");
        }
    }

    #[test]
    fn the_display_follows_the_newest_phase() {
        assert_eq!(display(&PhaseFacts::default(), None), DisplayPhase::Queued);
        let running = facts([ok(Phase::Clone), PhaseFact::Running { started_at: None }]);
        assert_eq!(display(&running, None), DisplayPhase::Running);
        assert_eq!(states(&running)[1..3], [PhaseState::Running, PhaseState::Pending]);
    }
}
