//! What came out of it: the verdicts, the branches, the cost, and how to look around.
//!
//! Not here: the table while the tasks run ([`super::live`]).

use anyhow::Result;
use crd::log::one_line;
use crd::status::{PhaseState, SUCCEEDED, TaskResult, Usage};
use crd::{ClaudeTask, ClaudeTaskStatus, Reason};

use super::row::dollars;
use super::screen::Screen;
use super::stage::Stage;
use super::table::{Paint, painted, symbol};
use super::{diagnosis, files};
use crate::repo::Work;

/// Characters of a commit's name that are shown.
const SHORT: usize = 12;

/// Tells all of it; true when every task has succeeded.
pub async fn tell(stage: &Stage, tasks: &[ClaudeTask], screen: &mut Screen) -> Result<bool> {
    screen.say("");
    let mut good = tasks.len() == stage.plots.len();
    for task in tasks {
        good &= verdict(stage, task, screen).await?;
    }
    screen.say("");
    screen.say("What is on the git server now:");
    for line in graph(stage, screen.colour()).await?.lines() {
        screen.say(&format!("  {line}"));
    }
    screen.say("");
    screen.say(&cost(tasks, stage.model.is_scripted()));
    Ok(good)
}

async fn verdict(stage: &Stage, task: &ClaudeTask, screen: &mut Screen) -> Result<bool> {
    let blank = ClaudeTaskStatus::default();
    let status = task.status.as_ref().unwrap_or(&blank);
    let told = status.condition(SUCCEEDED);
    let reason: Option<Reason> = told.and_then(|told| told.reason.parse().ok());
    let good = reason.is_some_and(Reason::is_success);
    let (end, paint) =
        if good { (PhaseState::Succeeded, Paint::Good) } else { (PhaseState::Failed, Paint::Bad) };
    let mark = painted(&symbol(end).to_string(), paint, screen.colour());
    let name = task.metadata.name.as_deref().unwrap_or_default();
    let message = told.map(|told| printable(&told.message)).unwrap_or_default();
    screen.say(&format!("{mark} {name}: {}", reason.map_or("no verdict", Reason::as_str)));
    screen.say(&format!("    {message}"));
    for line in outcome(&status.result, status.usage) {
        screen.say(&format!("    {line}"));
    }
    if !good {
        let (path, hint) =
            (diagnosis::write(stage, name, status).await?, reason.map(Reason::remedy));
        screen.say(&format!("    {}", hint.unwrap_or_default()));
        screen.say(&format!("    Everything that its containers said: {}", files::shown(&path)));
    }
    Ok(good)
}

/// What a task's result says, a line for each part of it.
fn outcome(result: &TaskResult, usage: Option<Usage>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(conflicts) = &result.conflicts
        && conflicts.count > 0
    {
        let by = conflicts.resolved_by.as_deref().map(|by| format!(", resolved by {by}"));
        let rounds = conflicts.rounds.map(|rounds| format!(" in {}", count(rounds, "round")));
        let resolved = by.map(|by| by + &rounds.unwrap_or_default()).unwrap_or_default();
        lines.push(format!("conflict in {}{resolved}", printable(&conflicts.files.join(", "))));
    }
    if let Some(diff) = result.diff {
        let files = count(diff.files, "file");
        lines.push(format!("{files} changed, +{} −{} lines", diff.insertions, diff.deletions));
    }
    if let Some(summary) = &result.summary {
        lines.push(format!("“{}”", one_line(summary)));
    }
    if let Some(usage) = usage {
        lines.push(format!("{}, {}", dollars(usage.cost_usd), count(usage.turns, "turn")));
    }
    if let Some(checkpoint) = &result.checkpoint {
        lines.push(format!("the work is saved at {}", printable(checkpoint)));
    }
    lines
}

fn count(number: u32, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn printable(text: &str) -> String {
    text.trim().replace(|one: char| one.is_control(), " ")
}

/// The branches as a clone of now shows them.
async fn graph(stage: &Stage, colour: bool) -> Result<String> {
    let clone = Work::clone(&stage.remote).await?;
    let colour = if colour { "--color=always" } else { "--color=never" };
    let abbrev = format!("--abbrev={SHORT}");
    let log = ["log", "--graph", "--oneline", "--decorate", "--remotes", colour, &abbrev];
    let remote = "--decorate-refs=refs/remotes/origin/*";
    let no_head = "--decorate-refs-exclude=refs/remotes/origin/HEAD";
    clone.git(&[&log[..], &[remote, no_head]].concat()).await
}

fn cost(tasks: &[ClaudeTask], scripted: bool) -> String {
    let usages = tasks.iter().filter_map(|task| task.status.as_ref()?.usage);
    let sum = usages.fold(Usage::default(), |sum, usage| sum + usage);
    let tokens = sum.input_tokens + sum.cache_read_tokens + sum.cache_write_tokens;
    let (amount, turns) = (dollars(sum.cost_usd), count(sum.turns, "turn"));
    let told = format!("{amount} for {turns}, {tokens} tokens in, {} out.", sum.output_tokens);
    let note = if scripted { "\n(The answers were scripted, so nobody paid that.)" } else { "" };
    format!("Cost as Claude Code counts it: {told}{note}")
}

#[cfg(test)]
mod tests {
    use crd::status::{ConflictSummary, Diff};

    use super::*;

    #[test]
    fn a_result_is_told_in_the_order_of_interest() {
        let conflicts = ConflictSummary {
            count: 1,
            files: vec!["src/total.sh".to_owned()],
            rounds: Some(1),
            resolved_by: Some("Claude".to_owned()),
        };
        let result = TaskResult {
            conflicts: Some(conflicts),
            diff: Some(Diff { files: 2, insertions: 7, deletions: 1 }),
            summary: Some("Kept\nboth.".to_owned()),
            ..TaskResult::default()
        };
        let usage = Usage { turns: 1, ..Usage::default() };
        assert_eq!(
            outcome(&result, Some(usage)),
            [
                "conflict in src/total.sh, resolved by Claude in 1 round",
                "2 files changed, +7 −1 lines",
                "“Kept both.”",
                "$0.00, 1 turn",
            ]
        );
        assert!(outcome(&TaskResult::default(), None).is_empty());
    }
}
