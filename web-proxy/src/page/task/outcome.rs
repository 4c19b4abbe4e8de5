//! What came out of a task, and what it cost.
//!
//! Not here: why it ended so ([`super::verdict`]).

use crd::ClaudeTask;
use crd::status::{ConflictSummary, TaskResult, Usage};
use maud::{Markup, html};

use crate::page::{facts, format, marks};

/// Result and cost, as far as they are known.
pub fn outcome(task: &ClaudeTask) -> Markup {
    let usage = task.status.as_ref().and_then(|status| status.usage);
    html! {
        div data-live="outcome" {
            @if let Some(result) = facts::result(task).filter(|result| !result.is_empty()) {
                section aria-labelledby="result" {
                    h2 #result { "Result" }
                    (listed(result))
                    @if let Some(summary) = &result.summary { p.prose { (summary) } }
                }
            }
            @if let Some(usage) = usage {
                section aria-labelledby="cost" {
                    h2 #cost { "Cost" }
                    (spent(task, usage))
                }
            }
        }
    }
}

fn listed(result: &TaskResult) -> Markup {
    html! {
        dl {
            @if let Some(branch) = &result.branch {
                dt { "Branch" } dd { (marks::copyable(branch, "the branch")) }
            }
            @if let Some(commit) = &result.commit { dt { "Commit" } dd { (marks::commit(commit)) } }
            @if let Some(diff) = result.diff {
                dt { "Change" }
                dd.figure {
                    (format::counted(diff.files, "file"))
                    " +" (format::count(diff.insertions)) " −" (format::count(diff.deletions))
                }
            }
            @if let Some(conflicts) = &result.conflicts { dt { "Conflicts" } dd { (resolved(conflicts)) } }
            @else if result.commit.is_some() { dt { "Conflicts" } dd { "none" } }
            @if let Some(start) = &result.start_commit { dt { "Started from" } dd { (marks::commit(start)) } }
            @if let Some(onto) = &result.onto_commit { dt { "Landed on" } dd { (marks::commit(onto)) } }
            @if let Some(checkpoint) = &result.checkpoint {
                dt { "Checkpoint" } dd { (marks::copyable(checkpoint, "the checkpoint")) }
            }
        }
    }
}

fn resolved(conflicts: &ConflictSummary) -> Markup {
    let more = u64::from(conflicts.count).saturating_sub(conflicts.files.len() as u64);
    html! {
        (format::counted(conflicts.count, "file"))
        @match &conflicts.resolved_by {
            Some(by) => { ", resolved by " (by) }
            None => { ", not resolved" }
        }
        @if let Some(rounds) = conflicts.rounds { " in " (format::counted(rounds, "round")) }
        @if !conflicts.files.is_empty() {
            ul.files {
                @for file in &conflicts.files { li { code { (file) } } }
                @if more > 0 { li.dim { "and " (format::count(more)) " more" } }
            }
        }
    }
}

fn spent(task: &ClaudeTask, usage: Usage) -> Markup {
    let tokens = [
        ("Tokens in", usage.input_tokens),
        ("Tokens out", usage.output_tokens),
        ("Read from cache", usage.cache_read_tokens),
        ("Written to cache", usage.cache_write_tokens),
    ];
    html! {
        dl {
            dt { "Cost" }
            dd.figure title={ "$" (usage.cost_usd) } {
                (format::money(usage.cost_usd))
                @if let Some(budget) = task.spec.claude.max_budget_usd { " of " (format::money(budget)) }
            }
            dt { "Turns" }
            dd.figure {
                (format::count(usage.turns))
                @if let Some(turns) = task.spec.claude.max_turns { ", at most " (format::count(turns)) " in one start" }
            }
            @for (what, count) in tokens.into_iter().filter(|(_, count)| *count > 0) { dt { (what) } dd.figure { (format::count(count)) } }
        }
    }
}
