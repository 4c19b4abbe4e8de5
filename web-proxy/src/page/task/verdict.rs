//! What a task that did not simply succeed has to say first: why, what it means, what to do.
//!
//! Not here: the sentences, which belong to the reasons ([`crd::reason`]).

use crd::{ClaudeTask, Reason};
use jiff::Timestamp;
use maud::{Markup, html};

use super::actions;
use crate::page::state::State;
use crate::page::{facts, format, marks};

/// The verdict, or what a task waits for.
pub fn verdict(task: &ClaudeTask, now: Timestamp) -> Markup {
    html! {
        div data-live="verdict" {
            @match State::of(task) {
                State::Succeeded if facts::reason(task) == Some(Reason::Pushed) => {}
                State::Succeeded | State::Failed | State::Cancelled => { (ended(task)) }
                State::Waiting => { (waiting(task, now)) }
                State::Pending => { (pending(task)) }
                _ => {}
            }
        }
    }
}

fn ended(task: &ClaudeTask) -> Markup {
    let Some(verdict) = facts::verdict(task) else { return html! {} };
    let state = State::of(task);
    html! {
        section class={ "verdict " (state.key()) } aria-labelledby="verdict" {
            h2 #verdict {
                span.shape aria-hidden="true" { (state.shape()) } " " (format::words(&verdict.reason))
            }
            @if let Some(reason) = facts::reason(task) {
                p { (reason.meaning()) }
                p { strong { "Next: " } (reason.remedy()) }
            }
            @if let Some(checkpoint) = actions::checkpoint(task) { (checkpoint) }
            @if !verdict.message.is_empty() {
                pre.prose tabindex="0" role="region" aria-label="Message" { (verdict.message) }
            }
        }
    }
}

fn waiting(task: &ClaudeTask, now: Timestamp) -> Markup {
    let status = task.status.as_ref();
    let last = status.and_then(|status| status.attempts.last());
    html! {
        section.verdict.waiting aria-labelledby="verdict" {
            h2 #verdict {
                span.shape aria-hidden="true" { (State::Waiting.shape()) } " Waiting"
                @if let Some(last) = last { ": " (format::words(last.reason.as_str())) }
            }
            @if let Some(last) = last { p { (last.reason.meaning()) } }
            @if let Some(at) = status.and_then(|status| status.resume_at) {
                p { "The next attempt begins by itself " (marks::time(at, now)) "." }
            }
        }
    }
}

fn pending(task: &ClaudeTask) -> Markup {
    let message = facts::verdict(task).map_or("", |verdict| verdict.message.as_str());
    html! {
        p.notice {
            @match message {
                "" if task.status.is_none() => {
                    "No operator has seen this task yet. If that stays so, see that the operator runs and watches this namespace."
                }
                "" => { "The task has not started yet." }
                message => { (message) }
            }
        }
    }
}
