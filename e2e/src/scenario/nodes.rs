//! What is lethal to a Pod or its node, done to the second node: each with its own reason, and the
//! work that was paid for on the checkpoint.

use anyhow::{Context, ensure};
use crd::spec::{Quantities, Resources};
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::status::SUCCEEDED;
use crd::{Phase, Reason};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::case::Case;
use super::caught::{WORK, checkpoint, in_run};
use super::deletion::expect_second;
use super::meanwhile::expect_no_checkpoint;
use super::outpost::There;
use super::pod::{expect_told_of_earlier_work, first_attempt, jobs, pods, when_running};
use super::verdict::Verdict;
use crate::cluster::second::{self, SecondNode};
use crate::cluster::settings::Pressure;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["nodes":
    a_silent_node_is_lost_after_the_last_moment,
    a_node_that_is_silent_for_two_minutes_costs_nothing,
    a_deleted_node_is_lost,
    a_drained_node_gives_the_work_to_the_next_attempt,
    a_node_that_runs_short_evicts_and_the_work_is_saved,
    a_sandbox_that_cannot_be_made_is_told,
    a_killed_sandbox_is_told_and_the_work_is_saved,
    a_container_killed_without_a_word_is_lost,
    more_than_the_ephemeral_storage_limit_is_a_full_disk,
];

/// How long the node is silent, and about how long one command of Claude's takes meanwhile.
const SILENCE: SignedDuration = SignedDuration::from_mins(2);
const COMMAND: u32 = 15;

/// Starts a task whose agent has changed something and now waits; its work so far is saved.
async fn at_work(case: &Case<'_>) -> anyhow::Result<Pod> {
    in_run(case).await?;
    pods(case).await?.pop().context("no Pod")
}

/// Asserts that the first attempt ended for `reason` in these words, that its work is on the
/// checkpoint and the target untouched, and that another attempt begins; then ends the task.
async fn cut_off(case: &Case<'_>, reason: Reason, words: &str) -> anyhow::Result<()> {
    let over = first_attempt(case).await?;
    ensure!(over.reason == reason && over.message.contains(words), "{over:?}");
    let files = case.pushed().await?.files(&checkpoint(case).await?).await?;
    ensure!(files == WORK, "the checkpoint holds {files:?}");
    untouched(case).await?;
    case.cancel().await?;
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

/// As long as nobody evicts the Pod, a kubelet that is away is nobody's loss: what it started runs
/// on, and it takes up the rest when it is back.
async fn a_node_that_is_silent_for_two_minutes_costs_nothing(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let case = &there.case;
        case.repository(&[("a.txt", "one\n")]).await?;
        let commands = 1 + u32::try_from(SILENCE.as_secs())? / COMMAND;
        let command = case.shell(&format!("timeout {COMMAND} tail -f /dev/null; true"));
        let busy = std::iter::repeat_n(command, commands as usize);
        let begin = case.gated(case.shell("echo b > b.txt"));
        case.script(std::iter::once(begin).chain(busy).chain([Step::text("Done.")])).await?;
        case.start(|_| ()).await?;
        case.at_gate().await?;
        // Claude is quicker than the kubelet tells of it: one that never told of Run would leave a Pod
        // in which nothing starts.
        when_running(case, Phase::Run).await?;
        there.node(SecondNode::kill_kubelet).await?;
        case.open_gate().await?;
        let back = Timestamp::now() + SILENCE;
        let limit = SILENCE.unsigned_abs() * 2;
        until("two minutes", limit, async || Ok((Timestamp::now() >= back).then_some(()))).await?;
        ensure!(!is_ready(case).await?, "nobody has noticed that the node is silent");
        let status = case.current().await?.status.unwrap_or_default();
        ensure!(!status.is_finished() && status.attempts.is_empty(), "{status:?}");
        there.node(SecondNode::revive).await?;
        let verdict = case.verdict().await?;
        verdict.expect(Reason::Pushed)?;
        verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
        ensure!(verdict.status.attempt.unwrap_or(1) == 1, "{:?}", verdict.status.attempts);
        ensure!(jobs(case).await?.len() == 1, "more than one Job");
        case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
        expect_no_checkpoint(case).await?;
        case.expect_model_requests(commands as usize + 2).await
    };
    case.site.outpost.alone(&case, play).await
}

async fn is_ready(case: &Case<'_>) -> anyhow::Result<bool> {
    let nodes: Api<Node> = Api::all(case.site.client.clone());
    let status = nodes.get(second::NAME).await?.status.unwrap_or_default();
    let mut conditions = status.conditions.into_iter().flatten();
    Ok(conditions.any(|one| one.type_ == "Ready" && one.status == "True"))
}

async fn a_drained_node_gives_the_work_to_the_next_attempt(case: Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let case = &there.case;
        at_work(case).await?;
        // The next attempt's session begins with the first step again.
        let go_on = case.shell("test -f b.txt && echo c > c.txt");
        case.script([go_on, Step::text("Done.")]).await?;
        let of_task = format!("{}={}", crd::names::LABEL_TASK, case.name);
        there.node(move |node| node.drain(&of_task)).await?;
        let over = first_attempt(case).await?;
        ensure!(over.reason == Reason::Evicted, "{over:?}");
        let files = case.pushed().await?.files(&checkpoint(case).await?).await?;
        ensure!(files == WORK, "the checkpoint holds {files:?}");
        there.node(SecondNode::open).await?;
        let verdict = case.verdict().await?;
        case.open_gate().await?;
        expect_second(case, &verdict, Reason::Evicted).await?;
        let files = case.pushed().await?.files(&format!("origin/{}", case.branch())).await?;
        ensure!(files == ["a.txt", "b.txt", "c.txt"], "the branch holds {files:?}");
        expect_told_of_earlier_work(case).await?;
        case.expect_model_requests(2 + 2).await
    };
    case.site.outpost.alone(&case, play).await
}
