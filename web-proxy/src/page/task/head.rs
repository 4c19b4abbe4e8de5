//! The head of a task's page: its name, its state, and what one can do.
//!
//! Not here: the phases ([`super::timeline`]).

use crd::ClaudeTask;
use jiff::Timestamp;
use maud::{Markup, html};

use super::actions;
use crate::page::state::State;
use crate::page::{Rights, facts, format, marks};

/// The head of the page.
pub fn head(task: &ClaudeTask, rights: Rights, now: Timestamp) -> Markup {
    html! {
        div.head data-live="head" {
            div.title {
                h1 { (facts::name(task)) }
                p.summary role="status" { (summary(task, now)) }
                (actions::actions(task, rights))
            }
            (origin(task, now))
        }
    }
}

/// State, attempt, duration and cost on one line.
fn summary(task: &ClaudeTask, now: Timestamp) -> Markup {
    let state = State::of(task);
    let start = task.status.as_ref().and_then(|status| status.started_at);
    let attempt = facts::attempt(task);
    html! {
        (marks::state(state))
        @if task.spec.cancel && !facts::is_finished(task) { " · cancelling" }
        @if attempt > 0 { " · attempt " (attempt) }
        @if let Some(start) = start { " · " (marks::elapsed(start, facts::finished_at(task), now)) }
        @if !facts::cost(task).is_zero() { " · " (marks::figure(&format::money(facts::cost(task)))) }
    }
}

/// Whence the task comes and where it goes.
fn origin(task: &ClaudeTask, now: Timestamp) -> Markup {
    let namespace = facts::namespace(task);
    let onto = task.spec.rebase.onto.as_deref().filter(|onto| *onto != facts::start(task));
    html! {
        p.origin {
            span.dim { (namespace) }
            " · " span title=(task.spec.repository.url) { (facts::repository(task)) }
            " · " code { (facts::start(task)) }
            @if let Some(onto) = onto { " onto " code { (onto) } }
            " → " code { (task.push_branch()) }
            @if let Some(requester) = facts::requester(task) { " · asked by " (requester) }
            @if let Some(created) = facts::created(task) { " · " (marks::time(created, now)) }
            @if let Some(old) = facts::retry_of(task) {
                " · runs " a href=(facts::address(namespace, old)) { (old) } " again"
            }
        }
    }
}
