//! Cancel in every phase but Run ([`super::lifecycle`]): nothing is pushed, and what was paid for is
//! on the checkpoint; a push that has happened is a success.

use std::time::Duration;

use anyhow::ensure;
use crd::status::DisplayPhase;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{Phase, Reason};

use super::case::Case;
use super::caught::{WORK, checkpoint, in_clone, in_push, in_rebase, in_resolution};
use super::meanwhile::expect_no_checkpoint;
use super::pod::{jobs, pods};
use super::verdict::Verdict;
use crate::git_server::Action;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["cancel", twice:
    in_clone_it_does_not_wait_for_a_silent_server,
    in_rebase_it_keeps_the_finished_work,
    in_conflict_resolution_it_keeps_the_finished_work,
    before_the_next_try_to_push_it_keeps_the_finished_work,
    of_a_push_that_has_happened_it_comes_too_late,
];

/// Longest time until a request to stop is in the container: the kubelet promises to show a changed
/// annotation within its sync period of a minute and the half that it adds at random.
const TOLD_LIMIT: Duration = Duration::from_secs(90);
/// Longest time until a finished task's Job and Pod are gone.
const GONE_LIMIT: Duration = Duration::from_secs(15);

/// Cancels, and returns when the phase's container has been told.
async fn cancel_in(case: &Case<'_>, phase: Phase) -> anyhow::Result<()> {
    case.cancel().await?;
    until("the request in the container", TOLD_LIMIT, async || {
        let shown = case.site.stop_request(&case.name, phase).await?;
        Ok(shown.starts_with(Reason::Cancelled.as_str()).then_some(()))
    })
    .await
}

/// Waits for the verdict, which is Cancelled with nothing pushed and the work saved.
async fn stopped<'a>(case: &Case<'a>, files: &[&str]) -> anyhow::Result<Verdict<'a>> {
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Cancelled)?;
    ensure!(verdict.status.phase == Some(DisplayPhase::Cancelled), "{:?}", verdict.status.phase);
    ensure!(verdict.status.attempt.unwrap_or(1) == 1, "{:?}", verdict.status.attempts);
    let target = case.remote().branch(&case.branch()).await?;
    ensure!(target.is_none(), "the target is at {target:?}");
    let name = checkpoint(case).await?;
    ensure!(verdict.result().checkpoint.as_ref() == Some(&name), "{:?}", verdict.result());
    let pushed = case.pushed().await?;
    let found = pushed.files(&name).await?;
    ensure!(found == files, "{name} holds {found:?}");
    let message = pushed.log(&name).await?.swap_remove(0).body;
    ensure!(message.contains("ClaudeTask-State: complete"), "{message}");
    Ok(verdict)
}

async fn in_clone_it_does_not_wait_for_a_silent_server(case: Case<'_>) -> anyhow::Result<()> {
    let rule = in_clone(&case).await?;
    case.cancel().await?;
    let verdict = case.verdict().await?;
    case.site.git.release(rule).await?;
    verdict.expect(Reason::Cancelled)?;
    verdict.expect_phases([Failed, Skipped, Skipped, Skipped, Skipped])?;
    until("Job and Pod to be gone", GONE_LIMIT, async || {
        let gone =
            !case.has_pods() || jobs(&case).await?.is_empty() && pods(&case).await?.is_empty();
        Ok(gone.then_some(()))
    })
    .await?;
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    expect_no_checkpoint(&case).await?;
    case.expect_model_requests(0).await
}

async fn in_rebase_it_keeps_the_finished_work(case: Case<'_>) -> anyhow::Result<()> {
    let rule = in_rebase(&case).await?;
    case.cancel().await?;
    // The server stays silent until then: once it answers, the landing may be quicker than the look
    // for a request, which is made five times in a second.
    let verdict = stopped(&case, &WORK).await?;
    case.site.git.release(rule).await?;
    verdict.expect_phases([Succeeded, Succeeded, Failed, Skipped, Skipped])?;
    case.expect_model_requests(2).await
}

async fn in_conflict_resolution_it_keeps_the_finished_work(case: Case<'_>) -> anyhow::Result<()> {
    in_resolution(&case).await?;
    case.cancel().await?;
    let verdict = stopped(&case, &["a.txt"]).await?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Failed, Skipped])?;
    let tree = case.pushed().await?.content(&checkpoint(&case).await?, "a.txt").await?;
    ensure!(tree == "agent\n", "{tree:?}");
    case.open_gate().await?;
    case.expect_model_requests(3).await
}

async fn before_the_next_try_to_push_it_keeps_the_finished_work(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let rule = case.push_rule("refs/heads/main", Action::HoldRequest).await?;
    case.start(|spec| spec.push.branch = Some("main".to_owned())).await?;
    case.held(rule).await?;
    let theirs = work.commit_files("Colleague", &[("c.txt", "c\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    cancel_in(&case, Phase::Push).await?;
    case.site.git.release(rule).await?;
    let verdict = stopped(&case, &WORK).await?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Failed])?;
    let main = case.remote().branch("main").await?;
    ensure!(main.as_ref() == Some(&theirs), "main is at {main:?}");
    case.expect_model_requests(2).await
}

async fn of_a_push_that_has_happened_it_comes_too_late(case: Case<'_>) -> anyhow::Result<()> {
    let rule = in_push(&case, Action::HoldResponse).await?;
    cancel_in(&case, Phase::Push).await?;
    case.site.git.release(rule).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    expect_no_checkpoint(&case).await?;
    case.expect_model_requests(2).await
}
