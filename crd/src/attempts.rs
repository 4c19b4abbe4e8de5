//! Whether an attempt that is over was the last one, and how the next one begins.
//!
//! All that is counted is counted in the status, so that the operator and a run without a cluster
//! go on alike. Not here: why an attempt ended, and that nothing of it can still start.

use jiff::{SignedDuration, Timestamp};

use crate::fold::{Ending, PhaseFact, PhaseFacts};
use crate::span::after;
use crate::status::{AttemptStatus, DisplayPhase, PhaseState, TaskResult, Usage};
use crate::{ClaudeTask, ClaudeTaskStatus, Outcome, Phase, Reason, advance, fold};

/// Most new attempts after a disruption.
pub const DISRUPTIONS: u32 = 3;
/// Most new attempts after a race that was lost at the push.
pub const RACES: u32 = 5;
/// Attempts that are over and stay in the status.
const HISTORY: usize = 5;
/// An attempt that has less time than this cannot get to its push.
const WORTH_IT: SignedDuration = SignedDuration::from_secs(60);

/// How long a task waits for a model API that limits its rate or is overloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first wait; each further one is twice as long. Default 1 minute.
    pub first: SignedDuration,
    /// The longest wait. Default 30 minutes.
    pub longest: SignedDuration,
    /// All waits together; one that would go beyond it is not begun. Default 6 hours.
    pub limit: SignedDuration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: SignedDuration::from_mins(1),
            longest: SignedDuration::from_mins(30),
            limit: SignedDuration::from_hours(6),
        }
    }
}

/// Number of the attempt that `task` is at, from 1.
pub fn current(task: &ClaudeTask) -> u32 {
    task.status.as_ref().and_then(|status| status.attempt).unwrap_or(1)
}

/// Why there is a new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The Pod was lost by no fault of the task.
    Disruption,
    /// The model API asks for patience: the attempt begins then.
    Wait(Timestamp),
    /// A branch moved.
    Race,
    /// Claude failed, and the task allows another try.
    Retry,
}

/// Why there is a new attempt after one that ended with `ending`; nothing when the ending is the
/// verdict. `task` carries the status of the attempt that is over.
pub fn next(
    task: &ClaudeTask,
    facts: &PhaseFacts,
    ending: &Ending,
    deadline: Timestamp,
    patience: &Patience,
    now: Timestamp,
) -> Option<Cause> {
    let last = task.status.clone().unwrap_or_default();
    if ending.reason.is_success() || now >= deadline_for_a_start(deadline) {
        return None;
    }
    if lost_a_race(facts) {
        return (last.again.races < RACES).then_some(Cause::Race);
    }
    match ending.reason {
        Reason::RateLimited | Reason::Overloaded => {
            let wait = pause(last.again.waits, patience);
            let waited = (0..last.again.waits).map(|earlier| pause(earlier, patience));
            let whole = waited.fold(wait, SignedDuration::saturating_add);
            (whole <= patience.limit).then(|| Cause::Wait(after(now, wait)))
        }
        reason if reason.is_disruption() && !was_given_up(&last, facts, ending) => {
            (last.again.disruptions < DISRUPTIONS).then_some(Cause::Disruption)
        }
        reason if is_claudes(reason, facts) => {
            (last.again.retries < task.spec.retries).then_some(Cause::Retry)
        }
        _ => None,
    }
}

/// The verdict of a task that was cancelled when `over`, after which another attempt would have
/// begun, ended one.
pub fn cancelled_after(over: &Ending) -> Ending {
    let message = format!("cancelled after {}: {}", over.reason, over.message);
    Ending { reason: Reason::Cancelled, message }
}

/// The last moment at which an attempt may begin.
fn deadline_for_a_start(deadline: Timestamp) -> Timestamp {
    deadline.saturating_sub(WORTH_IT).unwrap_or(Timestamp::MIN)
}

/// The wait after so many earlier ones.
fn pause(earlier: u32, patience: &Patience) -> SignedDuration {
    patience.first.saturating_mul(1 << earlier.min(16)).min(patience.longest)
}

/// A git container says that this attempt cannot follow a branch that moved, and a new one can.
fn lost_a_race(facts: &PhaseFacts) -> bool {
    [Phase::Rebase, Phase::Push].into_iter().any(|phase| match &facts[phase as usize] {
        PhaseFact::Ended { exit_code, report: Some(report), .. } => {
            *exit_code != 0 && report.outcome == Outcome::Failed && report.again
        }
        _ => false,
    })
}

/// A Pod in which nothing ever started, and which was deleted for that: the next one would be given
/// up as well.
fn was_given_up(last: &ClaudeTaskStatus, facts: &PhaseFacts, ending: &Ending) -> bool {
    // Of a container that never was the kubelet says, when its Pod is deleted, that it has ended.
    let idle = fold::started_at(facts).is_none()
        && last.phases.iter().all(|phase| phase.started_at.is_none());
    let shown = advance::obstacle(last);
    idle && ending.reason == Reason::Lost && shown.is_some_and(|shown| shown == *ending)
}

/// Failures of the agent that another try may win. Conflicts that git alone found to be beyond
/// Claude are not among them.
fn is_claudes(reason: Reason, facts: &PhaseFacts) -> bool {
    match reason {
        Reason::AgentFailed
        | Reason::AgentHung
        | Reason::VerificationFailed
        | Reason::ResolutionRejected => true,
        Reason::ConflictsUnresolved => {
            let resolve = facts[Phase::ConflictResolution as usize].report();
            resolve.is_some_and(|report| report.outcome == Outcome::Failed)
        }
        _ => false,
    }
}

/// The status with which the next attempt begins. `over` is all that is known of the one that ended
/// with `ending`.
pub fn begin(
    task: &ClaudeTask,
    facts: &PhaseFacts,
    over: ClaudeTaskStatus,
    ending: &Ending,
    cause: Cause,
    now: Timestamp,
) -> ClaudeTaskStatus {
    let last = task.status.clone().unwrap_or_default();
    let number = over.attempt.unwrap_or(1);
    let usage = spent(task, facts, &over);
    let generation = task.metadata.generation;
    let (display, resume_at, obstacle) = match cause {
        Cause::Wait(at) => (DisplayPhase::Waiting, Some(at), Some(waiting(ending, at))),
        _ => (DisplayPhase::Queued, None, None),
    };
    let mut again = last.again;
    match cause {
        Cause::Disruption => again.disruptions += 1,
        Cause::Wait(_) => again.waits += 1,
        Cause::Race => again.races += 1,
        Cause::Retry => again.retries += 1,
    }
    // What was planned as a wait is not counted; what comes on top is added when it ends.
    let pause = resume_at.map(|at| at.duration_since(now)).unwrap_or_default();
    ClaudeTaskStatus {
        observed_generation: generation,
        phase: Some(display),
        conditions: fold::conditions(&last, display, None, obstacle.as_ref(), generation, now),
        phases: fold::phases(&PhaseFacts::default(), None),
        attempt: Some(number + 1),
        attempts: history(&over, ending, now),
        again,
        resume_at,
        deadline: over.deadline.map(|deadline| after(deadline, pause)),
        started_at: over.started_at,
        result: TaskResult {
            start_commit: over.result.start_commit,
            checkpoint: over.result.checkpoint,
            summary: over.result.summary,
            ..TaskResult::default()
        },
        earlier_usage: usage,
        usage,
        session_id: over.session_id,
        ..ClaudeTaskStatus::default()
    }
}

fn waiting(ending: &Ending, at: Timestamp) -> Ending {
    let until = format!("the next attempt begins at {at:.0}");
    let message = match ending.message.as_str() {
        "" => until,
        said => format!("{said}; {until}"),
    };
    Ending { reason: ending.reason, message }
}

/// The finished status of a task whose last attempt ended with `ending`: where there were earlier
/// ones, it tells of the last as well.
pub fn close(mut finished: ClaudeTaskStatus, ending: &Ending, now: Timestamp) -> ClaudeTaskStatus {
    if !finished.attempts.is_empty() {
        finished.attempts = history(&finished, ending, now);
    }
    finished
}

/// The attempts that are over, with the one that is over now.
fn history(over: &ClaudeTaskStatus, ending: &Ending, now: Timestamp) -> Vec<AttemptStatus> {
    let this = AttemptStatus {
        number: over.attempt.unwrap_or(1),
        job_name: over.job_name.clone(),
        started_at: over.phases.iter().filter_map(|phase| phase.started_at).min(),
        finished_at: Some(now),
        reason: ending.reason,
        message: ending.message.clone(),
    };
    let kept = over.attempts.len().saturating_sub(HISTORY - 1);
    over.attempts.iter().skip(kept).cloned().chain([this]).collect()
}

/// What all attempts so far have used. One that left no account of a Claude that it started counts
/// as all that was left of the budget.
fn spent(task: &ClaudeTask, facts: &PhaseFacts, over: &ClaudeTaskStatus) -> Option<Usage> {
    let without_account = Phase::ALL.into_iter().filter(|phase| phase.is_agent()).any(|phase| {
        match &facts[phase as usize] {
            PhaseFact::Running { .. } => true,
            PhaseFact::Ended { report, .. } => report.is_none(),
            PhaseFact::Pending => over
                .phases
                .iter()
                .any(|known| known.name == phase && known.state == PhaseState::Running),
        }
    });
    match task.spec.claude.max_budget_usd.filter(|_| without_account) {
        Some(budget) => {
            let known = over.usage.unwrap_or_default();
            Some(Usage { cost_usd: known.cost_usd.max(budget), ..known })
        }
        None => over.usage,
    }
}
