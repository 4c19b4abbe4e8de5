//! What is lethal to a Pod or its node, done to the second node: each with its own reason, and the
//! work that was paid for on the checkpoint.

use std::time::Duration;

use anyhow::{Context, ensure};
use crd::spec::{Quantities, Resources};
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::status::SUCCEEDED;
use crd::{ClaudeTaskSpec, Phase, Reason, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::case::Case;
use super::lifecycle::cancel;
use super::outpost::There;
use super::pod::{first_attempt, pods};
use super::verdict::Verdict;
use crate::cluster::second::SecondNode;
use crate::cluster::settings::Pressure;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["nodes":
    a_silent_node_is_lost_after_the_last_moment,
    a_deleted_node_is_lost,
    a_node_that_runs_short_evicts_and_the_work_is_saved,
    a_sandbox_that_cannot_be_made_is_told,
    a_killed_sandbox_is_told_and_the_work_is_saved,
    a_container_killed_without_a_word_is_lost,
    more_than_the_ephemeral_storage_limit_is_a_full_disk,
];

/// How long the work may take to reach the checkpoint.
const SAVE_LIMIT: Duration = Duration::from_secs(30);

/// Files of the repository and of the work that each scenario here begins with.
const WORK: [&str; 2] = ["a.txt", "b.txt"];

/// Starts a task whose agent has changed something and now waits; its work so far is saved.
async fn at_work(case: &Case<'_>) -> anyhow::Result<Pod> {
    at_work_until(case, Step::text("Done."), |_| ()).await
}

/// The same with what follows once the gate is open.
pub(super) async fn at_work_until(
    case: &Case<'_>,
    then: Step,
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<Pod> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(then)]).await?;
    case.start(change).await?;
    case.at_gate().await?;
    let checkpoint = checkpoint(case).await?;
    until("the work on the checkpoint", SAVE_LIMIT, async || {
        Ok(case.remote().refs().await?.contains_key(&checkpoint).then_some(()))
    })
    .await?;
    pods(case).await?.pop().context("no Pod")
}

async fn checkpoint(case: &Case<'_>) -> anyhow::Result<String> {
    let uid = case.current().await?.metadata.uid.context("no UID")?;
    Ok(format!("{}{uid}", names::CHECKPOINT_PREFIX))
}

/// Asserts that the first attempt ended for `reason` in these words, that its work is on the
/// checkpoint and the target untouched, and that another attempt begins; then ends the task.
async fn cut_off(case: &Case<'_>, reason: Reason, words: &str) -> anyhow::Result<()> {
    let over = first_attempt(case).await?;
    ensure!(over.reason == reason && over.message.contains(words), "{over:?}");
    let files = case.pushed().await?.files(&checkpoint(case).await?).await?;
    ensure!(files == WORK, "the checkpoint holds {files:?}");
    untouched(case).await?;
    cancel(case).await?;
    case.open_gate().await?;
    let verdict = case.verdict().await?;
    ensure!(verdict.status.attempts[0] == over, "{:?}", verdict.status.attempts);
    Ok(())
}

async fn untouched(case: &Case<'_>) -> anyhow::Result<()> {
    let target = case.remote().branch(&case.branch()).await?;
    ensure!(target.is_none(), "the target is at {target:?}");
    Ok(())
}

fn says(verdict: &Verdict<'_>, words: &str) -> anyhow::Result<()> {
    let message = verdict.message();
    ensure!(message.contains(words), "{message:?} does not say {words:?}");
    Ok(())
}

/// Id of the container of Run.
pub(super) fn run_container(pod: Pod) -> anyhow::Result<String> {
    let states = pod.status.and_then(|status| status.init_container_statuses);
    let run = states.into_iter().flatten().find(|one| one.name == Phase::Run.container());
    run.and_then(|run| run.container_id).context("no id of the run container")
}

async fn a_killed_sandbox_is_told_and_the_work_is_saved(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let uid = at_work(&there.case).await?.metadata.uid.context("no UID")?;
        there.node(move |node| node.kill_sandbox(&uid)).await?;
        cut_off(&there.case, Reason::Lost, "sandbox").await
    };
    case.site.outpost.visit(&case, play).await
}

async fn a_container_killed_without_a_word_is_lost(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let id = run_container(at_work(&there.case).await?)?;
        there.node(move |node| node.kill_container(&id)).await?;
        cut_off(&there.case, Reason::Lost, "signal 9").await
    };
    case.site.outpost.visit(&case, play).await
}

async fn more_than_the_ephemeral_storage_limit_is_a_full_disk(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let case = &there.case;
        case.repository(&[("a.txt", "one\n")]).await?;
        // More than the task's own limit, and less than its volumes hold.
        let fill = case.shell("echo big.bin > .gitignore; head -c 120M /dev/zero > big.bin");
        case.script([fill, case.gated(Step::text("Done."))]).await?;
        let limits =
            Quantities { ephemeral_storage: Some("100Mi".into()), ..Quantities::default() };
        let little = Resources { requests: Quantities::default(), limits };
        let verdict = case.run(|spec| spec.environment.resources = Some(little)).await?;
        verdict.expect(Reason::DiskFull)?;
        says(&verdict, "ephemeral")?;
        untouched(case).await?;
        let files = case.pushed().await?.files(&checkpoint(case).await?).await?;
        ensure!(files == [".gitignore", "a.txt"], "the checkpoint holds {files:?}");
        case.expect_model_requests(2).await?;
        case.open_gate().await
    };
    case.site.outpost.visit(&case, play).await
}

async fn a_node_that_runs_short_evicts_and_the_work_is_saved(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        at_work(&there.case).await?;
        there.node(|node| node.start_kubelet(Pressure::Memory)).await?;
        cut_off(&there.case, Reason::Evicted, "low on resource: memory").await
    };
    case.site.outpost.alone(&case, play).await
}

async fn a_sandbox_that_cannot_be_made_is_told(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        there.node(SecondNode::break_network).await?;
        let case = &there.case;
        case.repository(&[("a.txt", "one\n")]).await?;
        case.start(|_| ()).await?;
        let words = "FailedCreatePodSandBox";
        let told = |status: &crd::ClaudeTaskStatus| {
            status.condition(SUCCEEDED).is_some_and(|told| told.message.contains(words))
        };
        let status = case.status_when("the sandbox in the status", told).await?;
        ensure!(!status.is_finished(), "a verdict while the Pod could still start: {status:?}");
        let verdict = case.verdict().await?;
        verdict.expect(Reason::Lost)?;
        says(&verdict, words)?;
        ensure!(pods(case).await?.is_empty(), "a Pod is left that could start");
        untouched(case).await?;
        case.expect_model_requests(0).await
    };
    case.site.outpost.alone(&case, play).await
}

/// The garbage collector takes Pods from a node that is gone for 40 s.
async fn a_deleted_node_is_lost(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        at_work(&there.case).await?;
        there.node(SecondNode::delete).await?;
        cut_off(&there.case, Reason::NodeLost, "node no longer exists").await
    };
    case.site.outpost.alone(&case, play).await
}

/// The status says when the task's time is over; here that is brought forward, instead of waiting
/// for it: nobody on the dead node reads it.
async fn a_silent_node_is_lost_after_the_last_moment(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let case = &there.case;
        at_work(case).await?;
        there.node(SecondNode::kill_kubelet).await?;
        let over = Timestamp::now() - SignedDuration::from_secs(30);
        let earlier = Patch::Merge(json!({"status": {"deadline": over}}));
        case.site.tasks().patch_status(&case.name, &PatchParams::default(), &earlier).await?;
        let verdict = case.verdict().await?;
        verdict.expect(Reason::NodeLost)?;
        verdict.expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])?;
        untouched(case).await?;
        case.expect_model_requests(2).await?;
        case.open_gate().await?;
        let waited = verdict.status.finished_at.context("no end")?.duration_since(over);
        ensure!(waited >= SignedDuration::from_secs(60), "the verdict came after {waited:#}");
        says(&verdict, "does not answer")
    };
    case.site.outpost.alone(&case, play).await
}
