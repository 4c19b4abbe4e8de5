//! The page of one task: its phases, what became of it, and its log.
//!
//! Not here: the log's lines, which the script fetches, and who may see what.

use crd::ClaudeTask;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Place, Rights, Shell, facts, frame, marks};
use crate::page::state::State;

mod actions;
mod head;
mod outcome;
mod timeline;
mod verdict;

/// All that the page of a task is made of.
#[derive(Debug, Clone, Copy)]
pub struct TaskView<'a> {
    /// The task as the apiserver has it.
    pub task: &'a ClaudeTask,
    /// What the caller may do with it.
    pub rights: Rights,
    /// Its events, oldest first; none when the caller may not see them.
    pub events: Option<&'a [EventRow]>,
    /// The object as YAML.
    pub yaml: &'a str,
}

/// An event about the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// When it was last seen.
    pub at: Timestamp,
    /// `Normal` or `Warning`.
    pub kind: String,
    /// Its reason.
    pub reason: String,
    /// What it says.
    pub note: String,
}

/// The page of the task in this view.
pub fn task(shell: &Shell, view: &TaskView<'_>) -> Markup {
    let TaskView { task, rights, .. } = *view;
    let key = format!("{}/{}", facts::namespace(task), facts::name(task));
    let body = html! {
        div.task data-task=(key) {
            (head::head(task, rights, shell.now))
            (timeline::timeline(task, rights.logs, shell.now))
            (verdict::verdict(task, shell.now))
            div.columns {
                div.facts {
                    (prompt(task))
                    (outcome::outcome(task))
                    @if let Some(events) = view.events { (listed(events, shell.now)) }
                    (yaml(view.yaml))
                }
                @if rights.logs { (log(task)) }
            }
        }
    };
    let title = format!("{} {}", State::of(task).shape(), facts::name(task));
    frame(shell, &title, Place::Elsewhere, &body)
}

fn prompt(task: &ClaudeTask) -> Markup {
    html! {
        section aria-labelledby="prompt" {
            h2 #prompt { "Prompt" }
            pre.prose tabindex="0" role="region" aria-label="Text of the prompt" { (task.spec.prompt) }
        }
    }
}

fn listed(events: &[EventRow], now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="events" data-live="events" {
            h2 #events { "Events" }
            @if events.is_empty() {
                p.hint { "None. The cluster keeps events for about an hour." }
            } @else {
                ul.events {
                    @for event in events {
                        li.warning[event.kind == "Warning"] {
                            (marks::time(event.at, now)) " "
                            @if event.kind == "Warning" { span.shape aria-hidden="true" { "!" } span.unseen { "Warning: " } }
                            strong { (event.reason) } " " (event.note)
                        }
                    }
                }
            }
        }
    }
}

fn yaml(yaml: &str) -> Markup {
    html! {
        details.yaml data-live="yaml" {
            summary { h2 { "YAML" } }
            div.code {
                (marks::copy(yaml, "the YAML"))
                pre tabindex="0" role="region" aria-label="YAML" { code { (yaml) } }
            }
        }
    }
}

/// The place of the log; its lines come by the script.
fn log(task: &ClaudeTask) -> Markup {
    let address = facts::log_address(task);
    html! {
        section.log #log aria-labelledby="log-title" data-logs=(address) {
            div.tools {
                h2 #log-title { "Log" }
                span.connection role="status" aria-live="polite" {}
                span.controls hidden {
                    label { input.follow type="checkbox" checked; " follow" }
                    label { input.raw type="checkbox"; " raw" }
                    input.search type="search" placeholder="search…" aria-label="Search the log";
                }
                a href={ (address) "?format=text" } { "as text" }
            }
            div.lines tabindex="0" role="region" aria-label="Lines of the log" {}
            noscript { p.hint { "Without scripts the log is there " a href={ (address) "?format=text" } { "as text" } "." } }
        }
        script src=(super::assets::address("log.js")) defer {}
    }
}
