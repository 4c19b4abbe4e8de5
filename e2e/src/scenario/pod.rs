//! How a Pod can end or never begin, and that a verdict waits until it cannot start any more.

use std::time::Duration;

use anyhow::{Context, ensure};
use crd::spec::{Quantities, Resources, SecretName};
use crd::status::PhaseState::{Pending, Running, Succeeded};
use crd::status::{AttemptStatus, SUCCEEDED};
use crd::{ClaudeTaskSpec, Phase, Reason, names};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};

use super::case::Case;
use super::meanwhile::expect_no_checkpoint;
use super::site::model_secret;
use super::verdict::Verdict;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["pod":
    a_missing_git_secret_is_named,
    a_missing_model_secret_is_named,
    a_secret_that_comes_in_time_is_used,
    a_pod_that_no_node_takes_is_unschedulable,
    a_deleted_pod_is_followed_by_one_that_goes_on_from_its_work,
    a_deleted_pod_tells_what_was_paid,
];

fn secret(name: &str) -> SecretName {
    SecretName { name: name.to_owned() }
}

/// Waits until the status tells the obstacle without a verdict, then for the verdict; by then
/// neither Job nor Pod is there to start.
pub(super) async fn obstructed<'a>(
    case: &Case<'a>,
    reason: Reason,
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<Verdict<'a>> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.start(change).await?;
    let told = |status: &crd::ClaudeTaskStatus| {
        status.condition(SUCCEEDED).is_some_and(|condition| condition.reason == reason.as_str())
    };
    let status = case.status_when(&format!("{reason} in the status"), told).await?;
    ensure!(!status.is_finished(), "a verdict while the Pod could still start: {status:?}");
    ensure!(!pods(case).await?.is_empty(), "no Pod that could still start");
    let verdict = case.verdict().await?;
    verdict.expect(reason)?;
    ensure!(pods(case).await?.is_empty(), "a Pod is left that could start");
    ensure!(jobs(case).await?.is_empty(), "a Job is left that could start a Pod");
    Ok(verdict)
}

fn of_task(case: &Case<'_>) -> ListParams {
    ListParams::default().labels(&format!("{}={}", names::LABEL_TASK, case.name))
}

pub(super) async fn pods(case: &Case<'_>) -> anyhow::Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    Ok(pods.list(&of_task(case)).await?.items)
}

pub(super) async fn jobs(case: &Case<'_>) -> anyhow::Result<Vec<Job>> {
    let jobs: Api<Job> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    Ok(jobs.list(&of_task(case)).await?.items)
}

async fn a_missing_git_secret_is_named(case: Case<'_>) -> anyhow::Result<()> {
    let missing = |spec: &mut ClaudeTaskSpec| {
        spec.repository.credentials_secret = Some(secret("no-git-secret"));
    };
    let verdict = obstructed(&case, Reason::SecretMissing, missing).await?;
    ensure!(verdict.message().contains("no-git-secret"), "{}", verdict.message());
    case.expect_model_requests(0).await
}

async fn a_missing_model_secret_is_named(case: Case<'_>) -> anyhow::Result<()> {
    let missing = |spec: &mut ClaudeTaskSpec| {
        spec.claude.credentials_secret = Some(secret("no-model-secret"));
    };
    let verdict = obstructed(&case, Reason::SecretMissing, missing).await?;
    ensure!(verdict.message().contains("no-model-secret"), "{}", verdict.message());
    case.expect_model_requests(0).await
}

async fn a_secret_that_comes_in_time_is_used(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    case.start(|spec| spec.claude.credentials_secret = Some(secret(&case.name))).await?;
    let missing = |status: &crd::ClaudeTaskStatus| {
        status.condition(SUCCEEDED).is_some_and(|c| c.reason == Reason::SecretMissing.as_str())
    };
    case.status_when("SecretMissing in the status", missing).await?;
    case.site.secret(&case.name, &model_secret(&case.site.model_url())).await?;
    case.verdict().await?.expect(Reason::Pushed)
}

async fn a_pod_that_no_node_takes_is_unschedulable(case: Case<'_>) -> anyhow::Result<()> {
    let requests = Quantities { cpu: Some("900".to_owned()), ..Quantities::default() };
    let much = Resources { requests, limits: Quantities::default() };
    let change = |spec: &mut ClaudeTaskSpec| spec.environment.resources = Some(much);
    obstructed(&case, Reason::Unschedulable, change).await.map(drop)
}

async fn a_deleted_pod_is_followed_by_one_that_goes_on_from_its_work(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let first = case.shell("echo b > b.txt");
    case.script([first, case.shell("echo c > c.txt"), case.gated(Step::text("Done."))]).await?;
    case.start(|_| ()).await?;
    case.at_gate().await?;
    let pod = case.pod().await?;
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    pods.delete(&pod, &DeleteParams::default()).await?;
    let over = first_attempt(&case).await?;
    ensure!(over.reason == Reason::Lost, "{over:?}");
    let uid = case.current().await?.metadata.uid.context("no UID")?;
    let checkpoint = format!("{}{uid}", names::CHECKPOINT_PREFIX);
    let files = case.pushed().await?.files(&checkpoint).await?;
    ensure!(files == ["a.txt", "b.txt", "c.txt"], "{checkpoint} holds {files:?}");
    case.open_gate().await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    ensure!(verdict.status.attempt == Some(2), "{:?}", verdict.status.attempts);
    let files = case.pushed().await?.files(&format!("origin/{}", case.branch())).await?;
    ensure!(files == ["a.txt", "b.txt", "c.txt"], "the branch holds {files:?}");
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    expect_no_checkpoint(&case).await?;
    expect_told_of_earlier_work(&case).await?;
    case.expect_model_requests(3 + 3).await
}

/// Asserts that Claude was told of the work that an earlier attempt saved.
pub(super) async fn expect_told_of_earlier_work(case: &Case<'_>) -> anyhow::Result<()> {
    let asked = case.site.model.requests(&case.part).await?;
    let mut texts = asked.iter().flat_map(|request| &request.texts);
    ensure!(texts.any(|text| text.contains("work of an earlier attempt at this task")), "not told");
    Ok(())
}

/// The first attempt, once it is over and another one begins.
pub(super) async fn first_attempt(case: &Case<'_>) -> anyhow::Result<AttemptStatus> {
    until("a second attempt", Duration::from_secs(150), async || {
        let status = case.current().await?.status.unwrap_or_default();
        ensure!(!status.is_finished(), "a verdict instead: {:?}", status.conditions);
        Ok(status.attempts.first().cloned())
    })
    .await
}

async fn a_deleted_pod_tells_what_was_paid(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let command = "timeout 100 tail -f /dev/null";
    // What an answer costs is only known at its end, after its command is in the log.
    case.script([case.shell("true"), case.shell(command), Step::text("Done.")]).await?;
    case.start(|_| ()).await?;
    let pod = case.pod().await?;
    until("the command in the log", Duration::from_mins(1), async || {
        // There is no log before the container has started.
        let log = case.site.log(&pod, Phase::Run.container()).await.unwrap_or_default();
        Ok(log.contains(command).then_some(()))
    })
    .await?;
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    pods.delete(&pod, &DeleteParams::default()).await?;
    let over = first_attempt(&case).await?;
    ensure!(over.reason == Reason::Lost, "{over:?}");
    let status = case.current().await?.status.unwrap_or_default();
    let usage = status.earlier_usage.unwrap_or_default();
    ensure!(usage.cost_usd > crd::Usd::ZERO, "{usage:?}");
    case.cancel().await?;
    case.verdict().await?.expect(Reason::Cancelled)
}

/// Waits until a phase of the task runs; for scenarios that act in the middle of it.
pub(super) async fn when_running(case: &Case<'_>, phase: Phase) -> anyhow::Result<()> {
    let what = format!("{phase} to run");
    until(&what, Duration::from_mins(1), async || {
        let status = case.current().await?.status.unwrap_or_default();
        let state = status.phases.iter().find(|p| p.name == phase).map_or(Pending, |p| p.state);
        ensure!(state == Pending || state == Running || state == Succeeded, "{phase} is {state:?}");
        Ok((state == Running).then_some(()))
    })
    .await
}
