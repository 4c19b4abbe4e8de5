//! Cancel, time, further attempts, and what happens to a task after its verdict.

use std::time::Duration;

use anyhow::{Context, ensure};
use crd::spec::{Quantities, Resources};
use crd::status::DisplayPhase;
use crd::{ClaudeTask, ClaudeTaskSpec, Reason, names};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::case::Case;
use super::pod::{jobs, pods};
use crate::model_server::{Fault, Step};
use crate::wait::until;

super::scenarios!["lifecycle", twice:
    a_cancel_while_claude_works_saves_the_work_and_names_it,
    a_cancel_while_waiting_ends_the_task_at_once,
    a_rate_limit_is_waited_out;
once:
    // How many turns there is time for differs from one play to the next.
    a_timeout_while_claude_works_saves_the_work,
    a_cancel_before_the_start_ends_the_task_at_once,
    a_restored_task_keeps_its_verdict_and_does_not_run,
    a_finished_task_is_deleted_after_its_time_to_live,
    a_job_deleted_after_the_verdict_is_not_made_again,
];

/// Longest time until a small thing has happened.
const SOON: Duration = Duration::from_secs(30);

async fn a_cancel_while_claude_works_saves_the_work_and_names_it(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    case.start(|_| ()).await?;
    case.at_gate().await?;
    case.cancel().await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Cancelled)?;
    verdict.expect_paid(1)?;
    ensure!(verdict.status.phase == Some(DisplayPhase::Cancelled), "{:?}", verdict.status.phase);
    let checkpoint = verdict.result().checkpoint.clone().context("no checkpoint is named")?;
    let files = case.pushed().await?.files(&checkpoint).await?;
    ensure!(files == ["a.txt", "b.txt"], "{checkpoint} holds {files:?}");
    ensure!(!case.has_pods() || pods(&case).await?.len() == 1, "the Pod and its logs are gone");
    case.open_gate().await?;
    case.expect_model_requests(2).await
}

async fn a_cancel_before_the_start_ends_the_task_at_once(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let requests = Quantities { cpu: Some("900".to_owned()), ..Quantities::default() };
    let much = Resources { requests, limits: Quantities::default() };
    case.start(|spec| spec.environment.resources = Some(much)).await?;
    until("a Pod", SOON, async || Ok((!pods(&case).await?.is_empty()).then_some(()))).await?;
    case.cancel().await?;
    case.verdict().await?.expect(Reason::Cancelled)?;
    ensure!(jobs(&case).await?.is_empty(), "a Job is left that could start");
    case.expect_model_requests(0).await
}

/// A step that is refused with a rate limit, so many times.
fn limited(step: Step, times: u32) -> Step {
    let limited = Fault::status(429, "rate_limit_error", "slow down").header("retry-after", "3600");
    step.failing(limited.times(times))
}

async fn a_cancel_while_waiting_ends_the_task_at_once(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([limited(Step::text("Done."), 1)]).await?;
    case.start(|_| ()).await?;
    let waiting = |status: &crd::ClaudeTaskStatus| status.phase == Some(DisplayPhase::Waiting);
    case.status_when("Waiting", waiting).await?;
    case.cancel().await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Cancelled)?;
    ensure!(!case.has_pods() || jobs(&case).await?.len() == 1, "a second Job");
    case.expect_model_requests(1).await
}

async fn a_timeout_while_claude_works_saves_the_work(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // Signs of life, until long after the end.
    let go_on = case.shell("timeout 8 tail -f /dev/null; true");
    let first = case.shell("echo b > b.txt");
    case.script(std::iter::once(first).chain(std::iter::repeat_n(go_on, 15))).await?;
    case.start(|spec| spec.timeout = Some(crd::Span::from_secs(60))).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Timeout)?;
    let times = (verdict.status.deadline, verdict.status.finished_at);
    let (Some(deadline), Some(finished)) = times else { anyhow::bail!("{times:?}") };
    let late = finished.duration_since(deadline).as_secs();
    ensure!(late <= 75, "the verdict came {late} s after the deadline");
    let uid = verdict.task.metadata.uid.clone().context("no UID")?;
    let checkpoint = format!("{}{uid}", names::CHECKPOINT_PREFIX);
    let files = case.pushed().await?.files(&checkpoint).await?;
    ensure!(files == ["a.txt", "b.txt"], "{checkpoint} holds {files:?}");
    Ok(())
}

async fn a_rate_limit_is_waited_out(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), limited(Step::text("Done."), 1)]).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let over = &verdict.status.attempts;
    ensure!(over.len() == 2, "{over:?}");
    ensure!(over[0].reason == Reason::RateLimited && over[1].reason == Reason::Pushed, "{over:?}");
    ensure!(verdict.status.again.waits == 1, "{:?}", verdict.status.again);
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await
}

async fn a_restored_task_keeps_its_verdict_and_does_not_run(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let first = case.run(|_| ()).await?;
    first.expect(Reason::Pushed)?;
    let tasks = case.site.tasks();
    let mut backup: ClaudeTask = tasks.get(&case.name).await?;
    tasks.delete(&case.name, &DeleteParams::default()).await?;
    until("the task is gone", SOON, async || {
        Ok(tasks.get_opt(&case.name).await?.is_none().then_some(()))
    })
    .await?;
    // What `kubectl apply` of `kubectl get -o yaml` sends: the status is dropped.
    backup.metadata.uid = None;
    backup.metadata.resource_version = None;
    backup.metadata.managed_fields = None;
    backup.status = None;
    tasks.create(&PostParams::default(), &backup).await?;
    let restored = case.verdict().await?;
    restored.expect(Reason::Pushed)?;
    ensure!(restored.task.metadata.uid != first.task.metadata.uid, "it is the same object");
    ensure!(restored.result() == first.result(), "{:?}", restored.result());
    ensure!(restored.status.finished_at == first.status.finished_at, "another end");
    ensure!(restored.status.job_name.is_none(), "{:?}", restored.status.job_name);
    case.expect_model_requests(2).await
}

async fn a_finished_task_is_deleted_after_its_time_to_live(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([Step::text("Nothing to do.")]).await?;
    let short = |spec: &mut ClaudeTaskSpec| {
        spec.ttl_after_finished = Some(crd::Span::from_secs(3));
    };
    case.run(short).await?.expect(Reason::NothingToPush)?;
    until("the task is gone", SOON, async || {
        Ok(case.site.tasks().get_opt(&case.name).await?.is_none().then_some(()))
    })
    .await?;
    until("Job and Pod are gone", SOON, async || {
        Ok((jobs(&case).await?.is_empty() && pods(&case).await?.is_empty()).then_some(()))
    })
    .await
}

async fn a_job_deleted_after_the_verdict_is_not_made_again(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let name = verdict.status.job_name.clone().context("no Job")?;
    let all: Api<Job> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    all.delete(&name, &DeleteParams::foreground()).await?;
    until("the Job is gone", SOON, async || Ok(jobs(&case).await?.is_empty().then_some(())))
        .await?;
    // Something that makes the operator look again.
    let label = Patch::Merge(json!({"metadata": {"labels": {"looked": "again"}}}));
    case.site.tasks().patch(&case.name, &PatchParams::default(), &label).await?;
    case.site.operator_ready().await?;
    ensure!(jobs(&case).await?.is_empty(), "a new Job");
    let now = case.current().await?.status;
    ensure!(now.as_ref() == Some(&verdict.status), "{now:?}");
    case.expect_model_requests(2).await
}
