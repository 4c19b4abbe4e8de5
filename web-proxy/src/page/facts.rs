//! What pages read from a task: names, addresses, sums.
//!
//! Not here: how it is shown ([`super::marks`]) and its state ([`super::state`]).

use std::fmt::Write;

use crd::status::{Condition, ConflictSummary, DisplayPhase, SUCCEEDED, TaskResult};
use crd::{ClaudeTask, Phase, Reason, Usd, names};
use jiff::{SignedDuration, Timestamp};

/// Name of the task.
pub fn name(task: &ClaudeTask) -> &str {
    task.metadata.name.as_deref().unwrap_or_default()
}

/// Namespace of the task.
pub fn namespace(task: &ClaudeTask) -> &str {
    task.metadata.namespace.as_deref().unwrap_or_default()
}

/// Address of the task's page.
pub fn href(task: &ClaudeTask) -> String {
    address(namespace(task), name(task))
}

/// Address of the page of the task with this name.
pub fn address(namespace: &str, name: &str) -> String {
    format!("/ns/{}/tasks/{}", segment(namespace), segment(name))
}

/// Address of the task's log.
pub fn log_address(task: &ClaudeTask) -> String {
    let (namespace, name) = (segment(namespace(task)), segment(name(task)));
    format!("/api/v1/namespaces/{namespace}/tasks/{name}/logs")
}

/// Who asked for the task, as far as it says so.
pub fn requester(task: &ClaudeTask) -> Option<&str> {
    annotation(task, names::ANNOTATION_REQUESTED_BY)
}

/// Name of the task that this one runs again.
pub fn retry_of(task: &ClaudeTask) -> Option<&str> {
    annotation(task, names::ANNOTATION_RETRY_OF)
}

/// The last two parts of the repository's address: `acme/shop`.
pub fn repository(task: &ClaudeTask) -> String {
    short(&task.spec.repository.url)
}

/// The last two parts of an address: `acme/shop`.
pub fn short(url: &str) -> String {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let parts: Vec<_> = path.split(['/', ':']).filter(|part| !part.is_empty()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// From where the work starts: a branch, tag or commit, or `HEAD`.
pub fn start(task: &ClaudeTask) -> &str {
    task.spec.repository.reference.as_deref().unwrap_or("HEAD")
}

/// When the object was created.
pub fn created(task: &ClaudeTask) -> Option<Timestamp> {
    task.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// The condition that carries the verdict, or what is known before it.
pub fn verdict(task: &ClaudeTask) -> Option<&Condition> {
    task.status.as_ref()?.condition(SUCCEEDED)
}

/// True once the verdict is there.
pub fn is_finished(task: &ClaudeTask) -> bool {
    task.status.as_ref().is_some_and(crd::ClaudeTaskStatus::is_finished)
}

/// The verdict's reason, once it is there and of the list.
pub fn reason(task: &ClaudeTask) -> Option<Reason> {
    is_finished(task).then(|| verdict(task)?.reason.parse().ok()).flatten()
}

/// When the verdict was reached.
pub fn finished_at(task: &ClaudeTask) -> Option<Timestamp> {
    let at = task.status.as_ref()?.finished_at;
    is_finished(task).then(|| at.or_else(|| Some(verdict(task)?.last_transition_time))).flatten()
}

/// From the first container's start to the verdict, or to `now`; none before the start.
pub fn duration(task: &ClaudeTask, now: Timestamp) -> Option<SignedDuration> {
    let start = task.status.as_ref()?.started_at?;
    Some(finished_at(task).unwrap_or(now).duration_since(start))
}

/// What the model calls cost so far.
pub fn cost(task: &ClaudeTask) -> Usd {
    task.status.as_ref().and_then(|status| status.usage).map_or(Usd::ZERO, |usage| usage.cost_usd)
}

/// Number of the attempt, from 1; 0 before the first.
pub fn attempt(task: &ClaudeTask) -> u32 {
    task.status.as_ref().and_then(|status| status.attempt).unwrap_or(0)
}

/// What came out of it so far.
pub fn result(task: &ClaudeTask) -> Option<&TaskResult> {
    task.status.as_ref().map(|status| &status.result)
}

/// The conflicts of the rebase, if there were any.
pub fn conflicts(task: &ClaudeTask) -> Option<&ConflictSummary> {
    result(task)?.conflicts.as_ref().filter(|conflicts| conflicts.count > 0)
}

/// The phase that runs.
pub fn phase(task: &ClaudeTask) -> Option<Phase> {
    let shown: DisplayPhase = task.status.as_ref()?.phase?;
    Phase::ALL.into_iter().find(|phase| DisplayPhase::of(*phase) == shown)
}

/// The phase's name in one short word.
pub const fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::ConflictResolution => "Conflicts",
        other => other.as_str(),
    }
}

fn annotation<'a>(task: &'a ClaudeTask, key: &str) -> Option<&'a str> {
    let value = task.metadata.annotations.as_ref()?.get(key)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// Text as one segment of a path; names of objects pass as they are.
fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::with_capacity(text.len()), |mut shown, byte| {
        if plain(byte) {
            shown.push(byte.into());
        } else {
            // Writing to a String does not fail.
            let _ = write!(shown, "%{byte:02X}");
        }
        shown
    })
}
