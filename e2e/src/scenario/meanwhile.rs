//! What people do to the repository while a task runs, and what is there in the end.
//!
//! Not here: the subjects that scenarios are about.

use anyhow::ensure;
use crd::spec::ClaudeTaskSpec;

use super::case::Case;
use super::verdict::Verdict;
use crate::repo::{Commit, Work};

/// Starts the task, and while Claude waits at the gate lets people do something.
pub async fn meanwhile<'a>(
    case: &Case<'a>,
    change: impl FnOnce(&mut ClaudeTaskSpec),
    act: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Verdict<'a>> {
    case.start(change).await?;
    case.at_gate().await?;
    act().await?;
    case.open_gate().await?;
    case.verdict().await
}

/// Starts the task, and while Claude waits at the gate moves `main` by these files.
pub async fn while_main_moves<'a>(
    case: &Case<'a>,
    work: &Work,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<Verdict<'a>> {
    let moves = async || {
        work.commit_files("Meanwhile", files).await?;
        work.push(&case.remote(), &["main"]).await
    };
    meanwhile(case, change, moves).await
}

/// The commits on the task's branch that are not on `main`, newest first.
pub async fn own_commits(case: &Case<'_>) -> anyhow::Result<(Work, Vec<Commit>)> {
    commits_of(case, &case.branch()).await
}

/// The commits on a branch that are not on `main`, newest first.
pub async fn commits_of(case: &Case<'_>, branch: &str) -> anyhow::Result<(Work, Vec<Commit>)> {
    let pushed = case.pushed().await?;
    let range = format!("refs/remotes/origin/main..refs/remotes/origin/{branch}");
    let commits = pushed.log(&range).await?;
    Ok((pushed, commits))
}

/// Asserts what a file of the task's branch holds.
pub async fn expect_content(case: &Case<'_>, file: &str, content: &str) -> anyhow::Result<()> {
    let tip = format!("refs/remotes/origin/{}", case.branch());
    let found = case.pushed().await?.content(&tip, file).await?;
    ensure!(found == content, "{file} holds {found:?} instead of {content:?}");
    Ok(())
}

/// Asserts that the branch is not there, `main` is where the test left it, and the work is on the
/// checkpoint.
pub async fn expect_only_a_checkpoint(
    case: &Case<'_>,
    work: &Work,
    verdict: &Verdict<'_>,
) -> anyhow::Result<()> {
    let main = work.commit_of("main").await?;
    expect_checkpoint(case, verdict, &[("main", Some(&main)), (&case.branch(), None)]).await
}

/// Asserts that these branches are at these commits, or absent, and the work is on the checkpoint
/// that the status names.
pub async fn expect_checkpoint(
    case: &Case<'_>,
    verdict: &Verdict<'_>,
    branches: &[(&str, Option<&str>)],
) -> anyhow::Result<()> {
    expect_branches(case, branches).await?;
    let refs = case.remote().refs().await?;
    let checkpoint = verdict.result().checkpoint.clone().unwrap_or_default();
    ensure!(refs.contains_key(&checkpoint), "no checkpoint {checkpoint:?}: {refs:?}");
    Ok(())
}

/// Asserts that these branches are at these commits, or absent.
pub async fn expect_branches(
    case: &Case<'_>,
    branches: &[(&str, Option<&str>)],
) -> anyhow::Result<()> {
    let refs = case.remote().refs().await?;
    for (branch, commit) in branches {
        let found = refs.get(&format!("refs/heads/{branch}")).map(String::as_str);
        ensure!(found == *commit, "{branch} is {found:?} instead of {commit:?}: {refs:?}");
    }
    Ok(())
}

/// Asserts that no checkpoint is left.
pub async fn expect_no_checkpoint(case: &Case<'_>) -> anyhow::Result<()> {
    let refs = case.remote().refs().await?;
    let left = refs.keys().find(|name| name.starts_with("refs/claudetask/"));
    ensure!(left.is_none(), "a checkpoint is left: {left:?}");
    Ok(())
}
