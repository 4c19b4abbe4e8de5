//! `kubectl delete pod` in every phase but Run ([`super::pod`]): another attempt ends the task, and
//! what was paid for is not paid for again.

use std::time::Duration;

use anyhow::ensure;
use crd::Reason;
use crd::status::PhaseState::{self, Skipped, Succeeded};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};

use super::case::Case;
use super::caught::{in_clone, in_push, in_rebase, in_resolution};
use super::meanwhile::{expect_content, expect_no_checkpoint};
use super::verdict::Verdict;
use crate::git_server::{Action, Call};
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["deletion":
    in_clone_costs_nothing,
    in_rebase_the_finished_work_is_landed_without_a_model_request,
    in_conflict_resolution_only_that_is_paid_again,
    before_the_server_has_the_push_it_is_pushed_by_the_next_attempt,
    after_the_server_has_the_push_it_is_a_success,
];

/// Longest time until git has dealt with a push that it was handed late.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Deletes the task's Pod as `kubectl delete pod` does, without waiting for its end.
async fn delete_pod(case: &Case<'_>) -> anyhow::Result<()> {
    let pod = case.pod().await?;
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    pods.delete(&pod, &DeleteParams::default()).await.map(drop)?;
    Ok(())
}

/// Asserts that the second attempt pushed the branch, once, and left no checkpoint.
pub(super) async fn expect_second(
    case: &Case<'_>,
    verdict: &Verdict<'_>,
    first: Reason,
) -> anyhow::Result<()> {
    verdict.expect(Reason::Pushed)?;
    let over: Vec<_> = verdict.status.attempts.iter().map(|over| over.reason).collect();
    ensure!(over == [first, Reason::Pushed], "{:?}", verdict.status.attempts);
    ensure!(verdict.status.again.disruptions == 1, "{:?}", verdict.status.again);
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    expect_no_checkpoint(case).await
}

/// The phases of an attempt that begins with finished work.
const WITHOUT_RUN: [PhaseState; 5] = [Succeeded, Skipped, Succeeded, Skipped, Succeeded];

async fn in_clone_costs_nothing(case: Case<'_>) -> anyhow::Result<()> {
    let rule = in_clone(&case).await?;
    delete_pod(&case).await?;
    let verdict = case.verdict().await?;
    case.site.git.release(rule).await?;
    expect_second(&case, &verdict, Reason::Lost).await?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    expect_content(&case, "b.txt", "b\n").await?;
    case.expect_model_requests(2).await
}

async fn in_rebase_the_finished_work_is_landed_without_a_model_request(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let rule = in_rebase(&case).await?;
    delete_pod(&case).await?;
    let verdict = case.verdict().await?;
    case.site.git.release(rule).await?;
    expect_second(&case, &verdict, Reason::Lost).await?;
    verdict.expect_phases(WITHOUT_RUN)?;
    expect_content(&case, "b.txt", "b\n").await?;
    case.expect_model_requests(2).await
}

async fn in_conflict_resolution_only_that_is_paid_again(case: Case<'_>) -> anyhow::Result<()> {
    in_resolution(&case).await?;
    // The next attempt asks in a new session, which begins with the first step.
    case.script([case.shell("echo both > a.txt"), Step::text("Resolved.")]).await?;
    delete_pod(&case).await?;
    let verdict = case.verdict().await?;
    case.open_gate().await?;
    expect_second(&case, &verdict, Reason::Lost).await?;
    verdict.expect_phases([Succeeded, Skipped, Succeeded, Succeeded, Succeeded])?;
    expect_content(&case, "a.txt", "both\n").await?;
    case.expect_model_requests(3 + 2).await
}

async fn before_the_server_has_the_push_it_is_pushed_by_the_next_attempt(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let rule = in_push(&case, Action::HoldRequest).await?;
    delete_pod(&case).await?;
    let verdict = case.verdict().await?;
    let before = answered(&case).await?;
    // The first attempt's push reaches git only now.
    case.site.git.release(rule).await?;
    until("the late push to be answered", ANSWER_LIMIT, async || {
        Ok((answered(&case).await? > before).then_some(()))
    })
    .await?;
    expect_second(&case, &verdict, Reason::Lost).await?;
    verdict.expect_phases(WITHOUT_RUN)?;
    expect_content(&case, "b.txt", "b\n").await?;
    let tip = case.remote().branch(&case.branch()).await?;
    ensure!(tip == verdict.result().commit, "the branch is at {tip:?}: {:?}", verdict.result());
    case.expect_model_requests(2).await
}

/// How many pushes of the task the server has answered.
async fn answered(case: &Case<'_>) -> anyhow::Result<usize> {
    let all = case.site.git.requests().await?;
    let of_task = all.iter().filter(|entry| entry.repo.as_ref() == Some(&case.repo));
    let pushes = of_task.filter(|entry| entry.call == Some(Call::Push));
    Ok(pushes.filter(|entry| entry.status.is_some()).count())
}

async fn after_the_server_has_the_push_it_is_a_success(case: Case<'_>) -> anyhow::Result<()> {
    let rule = in_push(&case, Action::HoldResponse).await?;
    delete_pod(&case).await?;
    let verdict = case.verdict().await?;
    case.site.git.release(rule).await?;
    verdict.expect(Reason::Pushed)?;
    ensure!(verdict.status.attempt.unwrap_or(1) == 1, "{:?}", verdict.status.attempts);
    expect_no_checkpoint(&case).await?;
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    expect_content(&case, "b.txt", "b\n").await?;
    case.expect_model_requests(2).await
}
