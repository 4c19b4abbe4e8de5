//! The page of one task: its phases, what became of it, and its log.
//!
//! Not here: the log's lines, which the script fetches, and who may see what.

use crd::ClaudeTask;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Place, Rights, Shell, facts, frame};

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
    let body = html! {
        h1 { (facts::name(view.task)) }
        pre { (view.yaml) }
    };
    frame(shell, facts::name(view.task), Place::Elsewhere, &body)
}
