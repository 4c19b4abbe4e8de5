//! The next status of a task: what is known now, over what its last status knew.
//!
//! The operator and a run without a cluster write the status with it. The folding of reports is
//! [`crate::fold`]'s. Not here: which ending applies.

use jiff::Timestamp;

use crate::fold::{self, Ending, PhaseFacts};
use crate::status::{
    ConditionStatus, DisplayPhase, PhaseState, PhaseStatus, SUCCEEDED, TaskResult,
};
use crate::{ClaudeTask, ClaudeTaskStatus, Reason};

/// What is known at the moment of a decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Name of the attempt's Job.
    pub job_name: Option<&'a str>,
    /// Name of its Pod, empty where there is none, and what its containers did; nothing when there
    /// is no trace of them.
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
        Some((pod, facts)) => told_by_containers(&last, pod, facts, known.ending),
        None => without_containers(&last, known),
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

fn told_by_containers(
    last: &ClaudeTaskStatus,
    pod: &str,
    facts: &PhaseFacts,
    ending: Option<&Ending>,
) -> ClaudeTaskStatus {
    ClaudeTaskStatus {
        phase: Some(fold::display(facts, ending)),
        phases: phases(facts, ending),
        pod_name: Some(pod.to_owned()).filter(|pod| !pod.is_empty()),
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

/// Without containers the last status is all there is; phases that had not ended never will.
fn without_containers(last: &ClaudeTaskStatus, known: Known) -> ClaudeTaskStatus {
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
