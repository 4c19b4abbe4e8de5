//! The list of tasks: what runs, what needs somebody, what it cost.
//!
//! Not here: which tasks the caller may see.

use std::sync::Arc;

use crd::ClaudeTask;
use maud::{Markup, html};

use super::state::State;
use super::{Place, Shell, facts, format, frame};

mod bar;
mod counts;
mod filter;
mod row;

pub use counts::Counts;
pub use filter::{Filter, NOBODY};

/// Rows of a page at most: more are slow to draw, and nobody reads them.
const LONGEST: usize = 500;

/// Which tasks a list shows.
pub struct List<'a> {
    all: &'a [Arc<ClaudeTask>],
    filter: &'a Filter,
    kept: Vec<Arc<ClaudeTask>>,
}

impl<'a> List<'a> {
    /// Those of all that the filter keeps.
    pub fn of(all: &'a [Arc<ClaudeTask>], filter: &'a Filter) -> Self {
        Self { all, filter, kept: sorted(filter.apply(all)) }
    }

    /// The tasks that have a row.
    pub fn rows(&self) -> &[Arc<ClaudeTask>] {
        &self.kept[..self.kept.len().min(LONGEST)]
    }

    /// The page; `activity` is what a running task does.
    pub fn page(&self, shell: &Shell, activity: impl Fn(&ClaudeTask) -> Option<String>) -> Markup {
        let Self { all, filter, kept } = self;
        let counts = Counts::of(&filter.whole_state().apply(all), shell.now);
        let rows = row::Rows {
            now: shell.now,
            // A namespace that is the same for all says nothing.
            namespaces: kept
                .iter()
                .any(|task| facts::namespace(task) != facts::namespace(&kept[0])),
        };
        let body = html! {
            h1.unseen { "Tasks" }
            (bar::bar(all, filter, &counts, shell.now))
            div data-live="rows" {
                @if kept.is_empty() {
                    (nothing(shell, filter))
                } @else {
                    ol.rows {
                        @for task in self.rows() { (rows.row(task, activity(task).as_deref())) }
                    }
                    @if kept.len() > LONGEST {
                        p.hint {
                            "The first " (LONGEST) " of " (format::count(kept.len() as u64))
                            " tasks. Narrow the filter to see the others."
                        }
                    }
                }
            }
        };
        let title = match counts.running {
            0 => "Tasks".to_owned(),
            running => format!("{running} running · Tasks"),
        };
        frame(shell, &title, Place::List, &body)
    }
}

/// Running ones on top, then the newest first.
fn sorted(mut tasks: Vec<Arc<ClaudeTask>>) -> Vec<Arc<ClaudeTask>> {
    tasks.sort_by(|one, other| {
        let rank = |task: &ClaudeTask| State::of(task) != State::Running;
        rank(one)
            .cmp(&rank(other))
            .then_with(|| facts::created(other).cmp(&facts::created(one)))
            .then_with(|| facts::name(one).cmp(facts::name(other)))
    });
    tasks
}

/// What to do when there is nothing to see.
fn nothing(shell: &Shell, filter: &Filter) -> Markup {
    html! {
        div.empty {
            @if !filter.is_empty() {
                p { "No task matches this filter." }
                p { a.button href="/" { "Show all tasks" } }
            } @else if shell.may_create {
                p { "No tasks yet. A task names a repository and says what Claude Code is to change in it." }
                p { a.button.primary href="/new" { "New task" } }
            } @else {
                p {
                    "There are no tasks that you may see, and you may not create any. Ask for a role "
                    "with the verbs list and create on claudetasks in your namespace."
                }
            }
        }
    }
}
