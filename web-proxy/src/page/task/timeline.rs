//! The phases of the attempt in order, and the attempts before it.
//!
//! Not here: what the phases printed (the log).

use crd::ClaudeTask;
use crd::status::{AttemptStatus, PhaseStatus};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::page::state::State;
use crate::page::{facts, format, marks};

/// The phases, each with its duration; with `logs` each leads to its first line.
pub fn timeline(task: &ClaudeTask, logs: bool, now: Timestamp) -> Markup {
    let Some(status) = &task.status else { return html! { div data-live="timeline" {} } };
    html! {
        div data-live="timeline" {
            @if !status.phases.is_empty() {
                ol.timeline aria-label="Phases" {
                    @for phase in &status.phases {
                        @let jump = logs.then(|| format!("{}.{}", facts::attempt(task), phase.name.container()));
                        (step(phase, jump, now))
                    }
                }
            }
            @if !status.attempts.is_empty() {
                ul.attempts aria-label="Attempts that are over" {
                    @for attempt in &status.attempts { (earlier(attempt, logs, now)) }
                }
            }
        }
    }
}

fn step(phase: &PhaseStatus, jump: Option<String>, now: Timestamp) -> Markup {
    let state = State::from(phase.state);
    let reason = phase.reason.map(|reason| format::words(reason.as_str()));
    let parts = [Some(state.word().to_owned()), reason, Some(phase.message.clone())];
    let title: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let inner = html! {
        (marks::shape(state)) " " (facts::phase_word(phase.name))
        @if let Some(start) = phase.started_at {
            // A phase that never ran to its end has no end; only a running one is counted on.
            @if phase.finished_at.is_some() || !state.is_final() {
                " " (marks::elapsed(start, phase.finished_at, now))
            }
        }
    };
    html! {
        li class=(state.key()) title=(title.join(" · ")) {
            @match jump.filter(|_| phase.started_at.is_some()) {
                Some(jump) => { a href="#log" data-jump=(jump) { (inner) } }
                None => { span { (inner) } }
            }
        }
    }
}

fn earlier(attempt: &AttemptStatus, logs: bool, now: Timestamp) -> Markup {
    let label = format!("Attempt {}", attempt.number);
    html! {
        li {
            @if logs { a href="#log" data-jump=(attempt.number) { (label) } } @else { (label) }
            " · " (format::words(attempt.reason.as_str()))
            @if let (Some(start), Some(end)) = (attempt.started_at, attempt.finished_at) {
                " · " (marks::elapsed(start, Some(end), now))
            }
            @if !attempt.message.is_empty() { " · " span.dim { (attempt.message) } }
        }
    }
}
