//! The list of tasks: what runs, what needs somebody, what it cost.
//!
//! Not here: which tasks the caller may see.

use std::sync::Arc;

use crd::ClaudeTask;
use maud::{Markup, html};

use super::{Place, Shell, facts, frame};

mod filter;

pub use filter::Filter;

/// The list of those `tasks` that the `filter` keeps; `activity` is what a running one does.
pub fn list(
    shell: &Shell,
    tasks: &[Arc<ClaudeTask>],
    filter: &Filter,
    activity: impl Fn(&ClaudeTask) -> Option<String>,
) -> Markup {
    let kept = filter.apply(tasks);
    let body = html! {
        h1.unseen { "Tasks" }
        ol { @for task in &kept {
            li { a href=(facts::href(task)) { (facts::name(task)) } " " (activity(task).unwrap_or_default()) }
        } }
    };
    frame(shell, "Tasks", Place::List, &body)
}
