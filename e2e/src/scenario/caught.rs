//! Tasks caught in the middle of a phase, by holding what that phase asks of the git server or of
//! the model.
//!
//! Each begins with `a.txt` alone on `main`. Not here: what is done to a task that was caught.

use std::time::Duration;

use anyhow::Context;
use crd::{ClaudeTaskSpec, Phase, names};

use super::case::Case;
use super::pod::when_running;
use crate::git_server::{Action, Call};
use crate::model_server::Step;
use crate::wait::until;

/// How long the work may take to reach the checkpoint.
const SAVE_LIMIT: Duration = Duration::from_secs(30);

/// Files of the repository and of the work, but for a task that is caught in ConflictResolution.
pub const WORK: [&str; 2] = ["a.txt", "b.txt"];

/// The ref that holds the task's saved work.
pub async fn checkpoint(case: &Case<'_>) -> anyhow::Result<String> {
    let uid = case.current().await?.metadata.uid.context("no UID")?;
    Ok(format!("{}{uid}", names::CHECKPOINT_PREFIX))
}

/// Clone asks the server what it holds, and waits for the answer; the rule that holds it.
pub async fn in_clone(case: &Case<'_>) -> anyhow::Result<u64> {
    prepare(case).await?;
    let rule = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.start(|_| ()).await?;
    case.held(rule).await?;
    when_running(case, Phase::Clone).await?;
    Ok(rule)
}

/// Claude has changed something, which is on the checkpoint, and waits at the gate.
pub async fn in_run(case: &Case<'_>) -> anyhow::Result<()> {
    in_run_before(case, Step::text("Done."), |_| ()).await
}

/// The same with what follows once the gate is open.
pub async fn in_run_before(
    case: &Case<'_>,
    then: Step,
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(then)]).await?;
    case.start(change).await?;
    case.at_gate().await?;
    let checkpoint = checkpoint(case).await?;
    until("the work on the checkpoint", SAVE_LIMIT, async || {
        Ok(case.remote().refs().await?.contains_key(&checkpoint).then_some(()))
    })
    .await
}

/// Rebase has stored the finished work, and waits for what onto is now; the rule that holds it.
pub async fn in_rebase(case: &Case<'_>) -> anyhow::Result<u64> {
    in_run(case).await?;
    // The first push of the checkpoint after Run is that of the finished work, and the first look
    // after that is for onto.
    let stored = case.push_rule(&checkpoint(case).await?, Action::HoldResponse).await?;
    case.open_gate().await?;
    case.held(stored).await?;
    let fetch = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.site.git.release(stored).await?;
    case.held(fetch).await?;
    Ok(fetch)
}

/// Claude waits at the gate before it resolves a conflict in `a.txt`, of `agent` with the `other`
/// branch's `other`.
pub async fn in_resolution(case: &Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    work.branch("other", "main").await?;
    work.commit_files("Other", &[("a.txt", "other\n")]).await?;
    work.push(&case.remote(), &["other"]).await?;
    let both = case.gated(case.shell("echo both > a.txt"));
    let agent =
        [case.shell("echo agent > a.txt; git commit -qam Agent"), Step::text("Done."), both];
    case.script(agent.into_iter().chain([Step::text("Resolved.")])).await?;
    case.start(|spec| spec.rebase.onto = Some("other".to_owned())).await?;
    case.at_gate().await
}

/// Push has begun to push the task's branch, and waits for the answer; the rule that holds it.
pub async fn in_push(case: &Case<'_>, action: Action) -> anyhow::Result<u64> {
    prepare(case).await?;
    let rule = case.push_rule(&format!("refs/heads/{}", case.branch()), action).await?;
    case.start(|_| ()).await?;
    case.held(rule).await?;
    Ok(rule)
}

async fn prepare(case: &Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await
}
