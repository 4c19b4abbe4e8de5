//! What became of the tasks of some weeks: four charts, and tables by repository and requester.
//!
//! Not here: tasks that are deleted; the history is that of the objects that are there.

use std::sync::Arc;

use crd::ClaudeTask;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Place, Shell, format, frame};

mod chart;
mod charts;
mod figures;
mod tables;

use figures::Figures;

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
    let figures = Figures::of(tasks, range.count(), shell.now);
    let body = html! {
        div.bar {
            h1 { "History" }
            (choice(range))
        }
        div data-live="history" {
            @if figures.count == 0 {
                div.empty {
                    p { "No task ended in these days." }
                    p { a.button href="/" { "Show all tasks" } }
                }
            } @else {
                p.hint {
                    a href=(figures.list().href()) { (format::counted(figures.count as u64, "task")) }
                    " ended since " (figures.since)
                    " (UTC) and cost " (format::money(figures.cost)) ". Tasks that are deleted are not counted."
                }
                div.charts { @for chart in charts::charts(&figures) { (chart.draw()) } }
                (tables::table("By repository", "Repository", &figures.repositories, &figures.since))
                (tables::table("By requester", "Requester", &figures.requesters, &figures.since))
            }
        }
    };
    frame(shell, "History", Place::History, &body)
}

fn choice(range: &Range) -> Markup {
    html! {
        nav.ranges aria-label="Days" {
            @for days in Range::OFFERED {
                a href={ "/history?days=" (days) } aria-current=[(days == range.count()).then_some("true")] {
                    (days) " days"
                }
            }
        }
    }
}
