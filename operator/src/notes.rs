//! The Kubernetes events that a step from one status to the next is worth.
//!
//! Not here: how they are sent ([`crate::act`]).

use crd::status::{ConditionStatus, DisplayPhase, SUCCEEDED};
use crd::{ClaudeTaskStatus, Reason, advance};

/// Longest text of an event in bytes (Kubernetes, `events.k8s.io/v1` Event).
const LIMIT: usize = 1024;

/// One event about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The phase that began, or a reason of the documented list.
    pub reason: String,
    /// True for a failure or an obstacle.
    pub warning: bool,
    /// What happened, what it means, what to do.
    pub text: String,
    /// The attempt in which it happened.
    pub attempt: u32,
}

/// What is worth telling about the step from `last` to `next`.
pub fn of_step(last: &ClaudeTaskStatus, next: &ClaudeTaskStatus) -> Vec<Note> {
    if next.is_finished() {
        return verdict(next).into_iter().collect();
    }
    let is_new = |phase: &DisplayPhase| last.phase != Some(*phase) || last.attempt != next.attempt;
    let begun = next.phase.filter(is_new).map(|phase| begin(phase, next));
    let met = advance::obstacle(next)
        .filter(|met| advance::obstacle(last).is_none_or(|known| known.reason != met.reason))
        .map(|met| Note { warning: true, ..explain(met.reason, &met.message, next) });
    begun.into_iter().chain(met).collect()
}

fn verdict(status: &ClaudeTaskStatus) -> Option<Note> {
    let verdict = status.condition(SUCCEEDED)?;
    let reason: Reason = verdict.reason.parse().ok()?;
    let warning = verdict.status == ConditionStatus::False;
    Some(Note { warning, ..explain(reason, &verdict.message, status) })
}

fn explain(reason: Reason, message: &str, status: &ClaudeTaskStatus) -> Note {
    let advice = format!("{} {}", reason.meaning(), reason.remedy());
    let room = LIMIT.saturating_sub(advice.len() + 2);
    let text = match cut(message, room) {
        "" => advice,
        message => format!("{message}\n{advice}"),
    };
    Note { reason: reason.as_str().to_owned(), warning: false, text, attempt: attempt(status) }
}

fn attempt(status: &ClaudeTaskStatus) -> u32 {
    status.attempt.unwrap_or(1)
}

fn begin(phase: DisplayPhase, status: &ClaudeTaskStatus) -> Note {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let text = match (phase, status.attempts.last()) {
        (DisplayPhase::Queued | DisplayPhase::Waiting, Some(over)) if status.job_name.is_none() => {
            let begins =
                status.resume_at.map_or_else(|| "now".to_owned(), |at| format!("at {at:.0}"));
            let said =
                format!("Attempt {} ended with {}: {}", over.number, over.reason, over.message);
            format!("The next attempt begins {begins}.\n{}", cut(&said, LIMIT / 2))
        }
        (DisplayPhase::Queued, _) => format!("Created Job {}", name(&status.job_name)),
        _ => format!("In Pod {}", name(&status.pod_name)),
    };
    Note { reason: phase.as_str().to_owned(), warning: false, text, attempt: attempt(status) }
}

/// The first `limit` bytes of `text`, or a little less.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}
