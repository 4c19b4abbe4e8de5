//! The next status of a task, and whether it is worth a write.
//!
//! The folding of reports is [`crd::fold`]'s; here the Pod's name, the Job's and what an earlier
//! status already knew come in. Not here: which ending applies ([`crate::decide`]).

use crd::fold::{self, Ending, PhaseFacts};
use crd::status::{
    ConditionStatus, DisplayPhase, PhaseState, PhaseStatus, RECONCILING, SUCCEEDED, TaskResult,
};
use crd::{ClaudeTask, ClaudeTaskStatus, Reason};
use jiff::{SignedDuration, Timestamp};

use crate::stall::after;

/// A phase that ended is written together with the start of the next one, if that follows soon.
/// It takes about a second, but a busy kubelet tells of it several seconds late.
const FOLLOWS_SOON: SignedDuration = SignedDuration::from_secs(10);

/// What is known at the moment of a decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Name of the attempt's Job.
    pub job_name: Option<&'a str>,
    /// Name of its Pod and what its containers did, unless there is no trace of a Pod.
    pub pod: Option<(&'a str, &'a PhaseFacts)>,
    /// The verdict.
    pub ending: Option<&'a Ending>,
    /// Why the attempt does not get on, if it does not.
    pub obstacle: Option<&'a Ending>,
}

/// The status that says all of `known`; what only the last status knew stays.
pub fn next(task: &ClaudeTask, known: Known, now: Timestamp) -> ClaudeTaskStatus {
    let last = task.status.clone().unwrap_or_default();
    let mut next = match known.pod {
        Some((pod, facts)) => told_by_pod(&last, pod, facts, known.ending),
        None => without_pod(&last, known),
    };
    let display = next.phase.unwrap_or(DisplayPhase::Queued);
    let generation = task.metadata.generation;
    let obstacle = known.obstacle.map(|obstacle| steady(&last, obstacle));
    next.conditions =
        fold::conditions(&last, display, known.ending, obstacle.as_ref(), generation, now);
    next.observed_generation = generation;
    next.attempt = Some(last.attempt.unwrap_or(1));
    next.job_name = known.job_name.map(str::to_owned).or(last.job_name);
    next.finished_at = known.ending.map(|_| now);
    let idle = next.phase == Some(DisplayPhase::Queued) && known.obstacle.is_none();
    if idle {
        // The name of a Pod that has done nothing yet is not worth a write of its own.
        next.pod_name = last.pod_name;
    }
    next
}

fn told_by_pod(
    last: &ClaudeTaskStatus,
    pod: &str,
    facts: &PhaseFacts,
    ending: Option<&Ending>,
) -> ClaudeTaskStatus {
    ClaudeTaskStatus {
        phase: Some(fold::display(facts, ending)),
        phases: phases(facts, ending),
        pod_name: Some(pod.to_owned()),
        attempts: last.attempts.clone(),
        again: last.again,
        deadline: last.deadline,
        started_at: last.started_at.or(fold::started_at(facts)),
        result: result(last, facts, ending),
        earlier_usage: last.earlier_usage,
        usage: [last.earlier_usage, fold::usage(facts)]
            .into_iter()
            .flatten()
            .reduce(|sum, usage| sum + usage),
        session_id: fold::session_id(facts).or_else(|| last.session_id.clone()),
        ..ClaudeTaskStatus::default()
    }
}

/// What came out of this attempt, and of earlier ones where it has nothing of its own to say: where
/// the work started, what Claude said of it, and which ref holds it while the branch does not.
fn result(last: &ClaudeTaskStatus, facts: &PhaseFacts, ending: Option<&Ending>) -> TaskResult {
    let (earlier, own) = (last.result.clone(), fold::result(facts));
    let on_the_branch =
        ending.is_some_and(|end| matches!(end.reason, Reason::Pushed | Reason::AlreadyPushed));
    TaskResult {
        start_commit: own.start_commit.or(earlier.start_commit),
        checkpoint: own.checkpoint.or(earlier.checkpoint).filter(|_| !on_the_branch),
        summary: own.summary.or(earlier.summary),
        ..own
    }
}

/// A container may report success and still be what the kubelet killed a process of, and the Pod
/// never gets on: then its phase is what failed. Where the reports tell the ending, they also tell
/// which phase it was.
fn phases(facts: &PhaseFacts, ending: Option<&Ending>) -> Vec<PhaseStatus> {
    let mut phases = fold::phases(facts, ending);
    let starved = ending
        .filter(|ending| ending.reason == Reason::OutOfMemory && fold::ending(facts).is_none());
    let last = phases.iter_mut().rfind(|phase| phase.started_at.is_some());
    if let (Some(ending), Some(last)) = (starved, last) {
        last.state = PhaseState::Failed;
        last.reason = Some(ending.reason);
        last.message.clone_from(&ending.message);
    }
    phases
}

/// Without a Pod the last status is all there is; phases that had not ended never will.
fn without_pod(last: &ClaudeTaskStatus, known: Known) -> ClaudeTaskStatus {
    let ending = known.ending;
    let blank = PhaseFacts::default();
    let phases = match (last.phases.as_slice(), ending) {
        ([], ending) => fold::phases(&blank, ending),
        (phases, Some(ending)) => phases.iter().map(|phase| cut_off(phase, ending)).collect(),
        (phases, None) => phases.to_vec(),
    };
    let phase = match ending {
        None if known.job_name.is_some() && last.job_name.is_none() => DisplayPhase::Queued,
        None => last.phase.unwrap_or(DisplayPhase::Queued),
        Some(_) => fold::display(&blank, ending),
    };
    ClaudeTaskStatus { phase: Some(phase), phases, ..last.clone() }
}

fn cut_off(phase: &PhaseStatus, ending: &Ending) -> PhaseStatus {
    match phase.state {
        PhaseState::Pending => PhaseStatus { state: PhaseState::Skipped, ..phase.clone() },
        PhaseState::Running => PhaseStatus {
            state: PhaseState::Failed,
            reason: Some(ending.reason),
            message: ending.message.clone(),
            ..phase.clone()
        },
        PhaseState::Succeeded | PhaseState::Failed | PhaseState::Skipped => phase.clone(),
    }
}

/// The obstacle that the last status shows: an unfinished task with a failure's reason.
pub fn obstacle(status: &ClaudeTaskStatus) -> Option<Ending> {
    let verdict =
        status.condition(SUCCEEDED).filter(|shown| shown.status == ConditionStatus::Unknown)?;
    let reason: Reason = verdict.reason.parse().ok()?;
    (!reason.is_success()).then(|| Ending { reason, message: verdict.message.clone() })
}

/// The kubelet words the same obstacle a little differently each time; one wording is enough.
fn steady(last: &ClaudeTaskStatus, new: &Ending) -> Ending {
    obstacle(last).filter(|shown| shown.reason == new.reason).unwrap_or_else(|| new.clone())
}

/// When this operator first wrote to the task.
pub fn first_written(status: &ClaudeTaskStatus) -> Option<Timestamp> {
    status.condition(RECONCILING).map(|condition| condition.last_transition_time)
}

/// Whether and when a status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It says nothing new.
    Never,
    /// At once.
    Now,
    /// Not before this, unless more becomes known.
    At(Timestamp),
}

/// When `next` is to be written over `last`.
pub fn write(last: &ClaudeTaskStatus, next: &ClaudeTaskStatus, now: Timestamp) -> Write {
    if last == next {
        return Write::Never;
    }
    let (shown, news) = (headline(last), headline(next));
    let ended = next.phases.iter().filter_map(|phase| phase.finished_at).max();
    match ended.map(|ended| after(ended, FOLLOWS_SOON)) {
        Some(due) if shown == news && now < due => Write::At(due),
        _ => Write::Now,
    }
}

/// The part of a status that cannot wait.
fn headline(status: &ClaudeTaskStatus) -> impl PartialEq + use<'_> {
    (status.phase, &status.conditions, &status.job_name, &status.pod_name)
}
