//! The verdict as an annotation: it outlives a backup that drops the status.
//!
//! It is written before the status, and from then on it is the verdict: a task that carries one is
//! never worked on. It names namespace and name, so that a copy under another name runs. Not here:
//! what the verdict is ([`crate::decide`]).

use crd::fold::Ending;
use crd::status::{DisplayPhase, SUCCEEDED, TaskResult};
use crd::{ClaudeTask, ClaudeTaskStatus, Reason, names};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest message in the annotation, in characters.
const SHORT: usize = 1000;

/// What the annotation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Noted {
    namespace: String,
    name: String,
    /// A reason of the documented list, here or in another version.
    reason: String,
    #[serde(default)]
    message: String,
    /// `Succeeded`, `Failed` or `Cancelled`.
    phase: String,
    #[serde(default)]
    finished_at: Option<Timestamp>,
    #[serde(default)]
    result: TaskResult,
}

/// A verdict that was reached before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Why, in words of this version.
    pub ending: Ending,
    /// When, if that is known.
    pub finished_at: Option<Timestamp>,
    /// What came out of it.
    pub result: TaskResult,
}

/// The annotation for a finished `status` of `task`; nothing when there is no verdict in it.
pub fn note(task: &ClaudeTask, status: &ClaudeTaskStatus) -> Option<String> {
    let verdict = status.condition(SUCCEEDED).filter(|_| status.is_finished())?;
    let noted = Noted {
        namespace: task.metadata.namespace.clone()?,
        name: task.metadata.name.clone()?,
        reason: verdict.reason.clone(),
        message: verdict.message.chars().take(SHORT).collect(),
        phase: status.phase.map(DisplayPhase::as_str).unwrap_or_default().to_owned(),
        finished_at: status.finished_at,
        result: TaskResult { conflicts: None, ..status.result.clone() },
    };
    serde_json::to_string(&noted).ok()
}

/// The verdict that `task`'s annotation names, if it is this task's.
pub fn earlier(task: &ClaudeTask) -> Option<Earlier> {
    let text = task.metadata.annotations.as_ref()?.get(names::ANNOTATION_VERDICT)?;
    let noted: Noted = serde_json::from_str(text).ok()?;
    let own = task.metadata.name.as_ref() == Some(&noted.name)
        && task.metadata.namespace.as_ref() == Some(&noted.namespace);
    own.then(|| Earlier {
        ending: ending(&noted),
        finished_at: noted.finished_at,
        result: noted.result,
    })
}

/// A reason of another version keeps its name in the message: whatever it was, it was a verdict.
fn ending(noted: &Noted) -> Ending {
    if let Ok(reason) = noted.reason.parse() {
        return Ending { reason, message: noted.message.clone() };
    }
    let succeeded = noted.phase == DisplayPhase::Succeeded.as_str();
    let reason = if succeeded { Reason::AlreadyPushed } else { Reason::Lost };
    Ending { reason, message: format!("{}: {}", noted.reason, noted.message) }
}
