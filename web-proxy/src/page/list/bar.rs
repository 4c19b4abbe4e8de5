//! What stands above the list: the filter and the figures.
//!
//! Not here: the rows ([`super::row`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use crd::ClaudeTask;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Counts, Filter};
use crate::page::state::State;
use crate::page::{facts, format, marks};

/// The filter over `tasks`, and the figures of those that it is about.
pub fn bar(tasks: &[Arc<ClaudeTask>], filter: &Filter, counts: &Counts, now: Timestamp) -> Markup {
    html! {
        div.bar {
            (controls(tasks, filter))
            (figures(filter, counts, now))
        }
        (chips(filter))
    }
}

fn controls(tasks: &[Arc<ClaudeTask>], filter: &Filter) -> Markup {
    let of = |fact: fn(&ClaudeTask) -> &str| -> BTreeSet<&str> {
        tasks.iter().map(|task| fact(task)).filter(|fact| !fact.is_empty()).collect()
    };
    let shown = ["namespace", "requester", "phase", "text"];
    html! {
        form.filter method="get" action="/" role="search" data-auto {
            (choice("namespace", "All namespaces", &of(facts::namespace), &filter.namespace))
            (choice("requester", "Anybody", &of(|task| facts::requester(task).unwrap_or_default()), &filter.requester))
            select name="phase" aria-label="State" {
                option value="" { "Any state" }
                @for state in State::OF_TASKS {
                    @let chosen = state.key().eq_ignore_ascii_case(&filter.phase);
                    option value=(state.key()) selected[chosen] { (state.shape()) " " (state.word()) }
                }
            }
            input name="text" type="search" value=(filter.text) placeholder="filter…" aria-label="Words to look for";
            @for (name, value) in filter.entries() {
                @if !value.is_empty() && !shown.contains(&name) {
                    input type="hidden" name=(name) value=(value);
                }
            }
            button.quiet type="submit" { "Filter" }
        }
    }
}

/// A choice among values; none where there is nothing to choose.
fn choice(name: &str, any: &str, values: &BTreeSet<&str>, chosen: &str) -> Markup {
    html! {
        @if values.len() > 1 || !chosen.is_empty() {
            select name=(name) aria-label=(any) {
                option value="" { (any) }
                @if !chosen.is_empty() && !values.contains(chosen) {
                    option value=(chosen) selected { (chosen) }
                }
                @for value in values {
                    option value=(value) selected[*value == chosen] { (value) }
                }
            }
        }
    }
}

fn figures(filter: &Filter, counts: &Counts, now: Timestamp) -> Markup {
    let base = filter.whole_state();
    let link = |state: State, day: String, count: usize, what: &str| {
        let to = Filter { phase: state.key(), day, ..base.clone() };
        html! {
            @if count > 0 {
                a class={ "count " (state.key()) } href=(to.href()) {
                    span.shape aria-hidden="true" { (state.shape()) } " " (format::count(count as u64)) " " (what)
                }
            }
        }
    };
    html! {
        p.counts data-live="counts" role="status" {
            (link(State::Running, String::new(), counts.running, "running"))
            (link(State::Pending, String::new(), counts.pending, "pending"))
            (link(State::Waiting, String::new(), counts.waiting, "waiting"))
            (link(State::Failed, format::day(now), counts.failed_today, "failed today"))
            span title="Cost of the tasks that ended today (UTC) or have not ended" {
                (marks::figure(&format::money(counts.cost_today))) " today"
            }
        }
        button.quiet type="button" data-notify="*" aria-pressed="false" hidden { "Notify me" }
    }
}

/// What else is asked for, each with a link that asks for it no more.
fn chips(filter: &Filter) -> Markup {
    let without = |clear: fn(&mut Filter)| {
        let mut less = filter.clone();
        clear(&mut less);
        less.href()
    };
    let chips = [
        ("repository", facts::short(&filter.repository), without(|f| f.repository.clear())),
        ("verdict", format::words(&filter.verdict), without(|f| f.verdict.clear())),
        ("ended on", filter.day.clone(), without(|f| f.day.clear())),
        ("ended since", filter.since.clone(), without(|f| f.since.clear())),
        ("conflicts", filter.conflicts.clone(), without(|f| f.conflicts.clear())),
    ];
    html! {
        @if chips.iter().any(|(_, value, _)| !value.is_empty()) {
            ul.chips {
                @for (what, value, href) in chips.iter().filter(|(_, value, _)| !value.is_empty()) {
                    li {
                        (what) " " strong { (value) } " "
                        a href=(href) aria-label={ "Any " (what) } { "✕" }
                    }
                }
            }
        }
    }
}
