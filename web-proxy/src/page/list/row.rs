//! One row of the list: a task, and the text that is most useful in its state.
//!
//! Not here: which rows there are.

use crd::status::Condition;
use crd::{ClaudeTask, Phase, log};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::page::state::State;
use crate::page::{facts, format, marks};

/// What all rows have in common.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// The time that is shown as now.
    pub now: Timestamp,
    /// True when tasks of several namespaces are shown.
    pub namespaces: bool,
}

impl Rows {
    /// The row of a task that does `activity`.
    pub fn row(self, task: &ClaudeTask, activity: Option<&str>) -> Markup {
        let state = State::of(task);
        let says = says(task, activity, self.now);
        let at = facts::finished_at(task).or_else(|| facts::created(task));
        html! {
            li data-key=(task.metadata.uid.as_deref().unwrap_or_default()) {
                a.row href=(facts::href(task)) {
                    (marks::shape(state))
                    span.name {
                        @if self.namespaces { span.dim { (facts::namespace(task)) "/" } }
                        (facts::name(task))
                    }
                    span.repository title=(task.spec.repository.url) { (facts::repository(task)) }
                    // What did not come to a branch leaves its place to the reason.
                    @if matches!(state, State::Running | State::Succeeded) {
                        span.branch { (branch(task)) }
                        span.says title=(says) { (says) }
                    } @else {
                        span.says.wide title=(says) { (says) }
                    }
                    span.figures {
                        span.took { (took(task, self.now)) }
                        span.cost { (cost(task)) }
                        span.requester { (facts::requester(task).unwrap_or_default()) }
                        span.age { @if let Some(at) = at { (marks::time(at, self.now)) } }
                    }
                }
            }
        }
    }
}

fn branch(task: &ClaudeTask) -> Markup {
    let commit = facts::result(task).and_then(|result| result.commit.as_deref());
    html! {
        span { (facts::start(task)) " → " (task.push_branch()) }
        @if let Some(commit) = commit { " " code { (commit.chars().take(10).collect::<String>()) } }
    }
}

fn took(task: &ClaudeTask, now: Timestamp) -> Markup {
    let start = task.status.as_ref().and_then(|status| status.started_at);
    html! { @if let Some(start) = start { (marks::elapsed(start, facts::finished_at(task), now)) } }
}

fn cost(task: &ClaudeTask) -> Markup {
    let cost = facts::cost(task);
    html! { @if !cost.is_zero() { (marks::figure(&format::money(cost))) } }
}

/// What there is to say about a task in its state.
pub fn says(task: &ClaudeTask, activity: Option<&str>, now: Timestamp) -> String {
    let text = match State::of(task) {
        State::Running => running(task, activity),
        State::Succeeded => succeeded(task),
        State::Failed => failed(task),
        State::Waiting => waiting(task, now),
        State::Cancelled => "Cancelled".to_owned(),
        State::Pending | State::Skipped => pending(task),
    };
    let is_stopping = task.spec.cancel && !facts::is_finished(task);
    log::one_line(&if is_stopping { format!("Cancelling · {text}") } else { text })
}

fn running(task: &ClaudeTask, activity: Option<&str>) -> String {
    let phase = facts::phase(task);
    let word = phase.map_or("Running", facts::phase_word);
    // A step of the phase itself begins with its container's name.
    let prefix = phase.map(|phase: Phase| format!("{}: ", phase.container())).unwrap_or_default();
    match activity.map(|activity| activity.strip_prefix(&prefix).unwrap_or(activity)) {
        Some(activity) if !activity.is_empty() => format!("{word} · {activity}"),
        _ => word.to_owned(),
    }
}

fn succeeded(task: &ClaudeTask) -> String {
    let reason = facts::verdict(task).map_or("", |verdict| &verdict.reason);
    let conflicts = facts::conflicts(task)
        .map(|conflicts| format!(", {}", format::counted(conflicts.count, "conflict")));
    let diff = facts::result(task)
        .and_then(|result| result.diff)
        .map(|diff| format!(" · +{} −{}", diff.insertions, diff.deletions));
    let (conflicts, diff) = (conflicts.unwrap_or_default(), diff.unwrap_or_default());
    format!("{}{conflicts}{diff}", format::words(reason))
}

fn failed(task: &ClaudeTask) -> String {
    let (attempt, tries) = (facts::attempt(task), task.spec.retries + 1);
    let text = facts::verdict(task).map_or_else(|| "Failed".to_owned(), with_message);
    match attempt {
        0 | 1 => text,
        attempt if attempt <= tries => format!("{text} ({attempt} of {tries} tries)"),
        attempt => format!("{text} (attempt {attempt})"),
    }
}

fn waiting(task: &ClaudeTask, now: Timestamp) -> String {
    let status = task.status.as_ref();
    let last = status.and_then(|status| status.attempts.last());
    let reason = last.map(|last| format!(": {}", format::words(last.reason.as_str())));
    let resume = status.and_then(|status| status.resume_at);
    let resume = resume.map(|at| format!(", goes on {}", format::ago(at, now)));
    format!("Waiting{}{}", reason.unwrap_or_default(), resume.unwrap_or_default())
}

fn pending(task: &ClaudeTask) -> String {
    match facts::verdict(task).map(|verdict| verdict.message.as_str()) {
        Some(message) if !message.is_empty() => format!("Pending: {message}"),
        _ => "Pending".to_owned(),
    }
}

fn with_message(verdict: &Condition) -> String {
    let reason = format::words(&verdict.reason);
    if verdict.message.is_empty() { reason } else { format!("{reason}: {}", verdict.message) }
}

#[cfg(test)]
mod tests {
    use super::says;
    use crate::page::samples;

    #[test]
    fn each_state_says_what_is_most_useful_in_it() {
        let turn = Some("turn 14 · Edit src/login.rs");
        let step = Some("run: starts Claude Code");
        for (task, activity, said) in [
            (samples::fresh("a"), None, "Pending"),
            (samples::queued("a"), None, "Pending: 2 tasks are before it."),
            (samples::running("a"), None, "Run"),
            (samples::running("a"), turn, "Run · turn 14 · Edit src/login.rs"),
            (samples::running("a"), step, "Run · starts Claude Code"),
            (samples::waiting("a"), None, "Waiting: Rate limited, goes on in 10 min"),
            (samples::pushed("a"), None, "Pushed, 2 conflicts · +41 −6"),
            (
                samples::failed("a"),
                None,
                "Verification failed: `cargo test` exits with 101 (2 of 2 tries)",
            ),
            (samples::cancelled("a"), None, "Cancelled"),
        ] {
            assert_eq!(says(&task, activity, samples::now()), said);
        }
    }

    #[test]
    fn a_task_that_is_asked_to_stop_says_so() {
        let mut task = samples::running("a");
        task.spec.cancel = true;
        assert_eq!(says(&task, None, samples::now()), "Cancelling · Run");
    }
}
