//! Memory and disk that run short: the runner ends what fills them and saves the work; without its
//! guard kernel and kubelet end the Pod.
//!
//! This node has control groups of version 1; version 2 is tested in the runner, on samples of its
//! files.

use anyhow::{Context, ensure};
use crd::spec::{Quantities, Resources};
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{ClaudeTaskSpec, Reason, names};
use futures::future::try_join;

use super::case::Case;
use super::caught::in_run_before;
use super::nodes::run_container;
use super::outpost::There;
use super::pod::pods;
use super::verdict::Verdict;
use crate::model_server::Step;

super::scenarios!["guards":
    a_command_that_eats_memory_is_ended_and_claude_goes_on,
    commands_that_eat_again_and_again_end_the_task_with_the_work_saved,
    a_full_workspace_ends_the_task_with_the_work_saved,
];

/// Played alone: the operator is installed anew without the guard.
pub mod off {
    use super::without_them_kernel_and_kubelet_end_the_task;
    super::super::scenarios!["guards-off": without_them_kernel_and_kubelet_end_the_task];
}

const ADD_B: &str = "echo b > b.txt && git add . && git commit -qm 'Add b'";
/// Takes 160 MiB a second, for ever.
const EAT: &str = "while head -c 8M /dev/zero; do sleep 0.05; done | tail -c 4G | wc -c";
/// Takes more than there is at once.
const GULP: &str = "head -c 2G /dev/zero | tail";
/// Longer than the kubelet takes to look at the volumes.
const WAIT: &str = "timeout 8 tail -f /dev/null; true";

fn little_memory(spec: &mut ClaudeTaskSpec) {
    let limits = Quantities { memory: Some("640Mi".to_owned()), ..Quantities::default() };
    spec.environment.resources = Some(Resources { requests: Quantities::default(), limits });
}

/// The files that lie on the task's checkpoint; no branch was pushed.
async fn saved(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<Vec<String>> {
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    let uid = verdict.task.metadata.uid.clone().context("no UID")?;
    case.pushed().await?.files(&format!("{}{uid}", names::CHECKPOINT_PREFIX)).await
}

/// Run failed, Rebase saved the work, and the status names the checkpoint.
async fn expect_saved(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<()> {
    verdict
        .expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])
        .with_context(|| format!("{:?}", verdict.status.phases))?;
    ensure!(verdict.result().checkpoint.is_some(), "{:?}", verdict.result());
    let files = saved(case, verdict).await?;
    ensure!(files == ["a.txt", "b.txt"], "{files:?}");
    Ok(())
}

async fn a_command_that_eats_memory_is_ended_and_claude_goes_on(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell(EAT), case.shell(ADD_B), Step::text("Done.")]).await?;
    let verdict = case.run(little_memory).await?;
    verdict.expect(Reason::Pushed)?;
    let log = verdict.logs().await?;
    ensure!(log.contains("Memory runs short") && log.contains("tail, which held"), "{log}");
    let tip = format!("refs/remotes/origin/{}", case.branch());
    ensure!(case.pushed().await?.files(&tip).await? == ["a.txt", "b.txt"], "the branch");
    ensure!(verdict.result().checkpoint.is_none(), "{:?}", verdict.result());
    case.expect_model_requests(3).await
}

async fn commands_that_eat_again_and_again_end_the_task_with_the_work_saved(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let eat = std::iter::repeat_n(case.shell(EAT), 6);
    case.script(std::iter::once(case.shell(ADD_B)).chain(eat)).await?;
    let verdict = case.run(little_memory).await?;
    verdict.expect(Reason::OutOfMemory)?;
    ensure!(verdict.message().contains("of the 640 MiB of memory"), "{}", verdict.message());
    expect_saved(&case, &verdict).await?;
    // Three commands are ended; with the fourth Claude is stopped.
    case.expect_model_requests(5).await
}

async fn a_full_workspace_ends_the_task_with_the_work_saved(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // More than the guard's share of the volume and less than the limit, which is set when the
    // operator is installed for scenarios: beyond that the kubelet may be faster.
    let fill = case.shell(&format!("head -c 190M /dev/urandom > big.bin; {WAIT}"));
    case.script([case.shell(ADD_B), fill, Step::text("Done.")]).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::DiskFull)?;
    for words in ["the volume workspace held", "of the 200 MiB", "lost: big.bin ("] {
        ensure!(verdict.message().contains(words), "{}", verdict.message());
    }
    expect_saved(&case, &verdict).await?;
    case.expect_model_requests(2).await
}

/// Side by side, so that the operator is installed anew only twice.
async fn without_them_kernel_and_kubelet_end_the_task(case: Case<'_>) -> anyhow::Result<()> {
    case.site.install(&[("tasks.guard", "0")]).await?;
    let cases = ["a_command_without_guard", "a_volume_without_guard", "a_runner_without_guard"];
    let [command, volume, runner] = cases.map(|name| Case::new(case.site, name));
    let killed = try_join(a_command_is_killed(&command), the_runner_is_killed(&runner));
    let ended = try_join(killed, Box::pin(the_pod_is_evicted(&volume))).await;
    case.site.install(&[]).await?;
    ended.map(drop)
}

async fn a_command_is_killed(case: &Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell(ADD_B), case.shell(GULP), Step::text("Done.")]).await?;
    let verdict = case.run(little_memory).await?;
    verdict.expect(Reason::OutOfMemory)?;
    ensure!(saved(case, &verdict).await? == ["a.txt", "b.txt"], "the checkpoint");
    // Claude goes on, unless the whole container is killed.
    let requests = case.model_requests().await?;
    ensure!((2..=3).contains(&requests), "{requests} model requests");
    Ok(())
}

/// The kernel takes what holds most, which is never the runner, unless it is told to.
async fn the_runner_is_killed(case: &Case<'_>) -> anyhow::Result<()> {
    let play = async |there: &There<'_>| {
        let case = &there.case;
        in_run_before(case, case.shell(GULP), little_memory).await?;
        let id = run_container(pods(case).await?.pop().context("no Pod")?)?;
        there.node(move |node| node.offer_to_the_kernel(&id)).await?;
        case.open_gate().await?;
        let verdict = case.verdict().await?;
        verdict.expect(Reason::OutOfMemory)?;
        let words = "container run used more memory than its limit";
        ensure!(verdict.message().contains(words), "{}", verdict.message());
        verdict.expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])?;
        ensure!(saved(case, &verdict).await? == ["a.txt", "b.txt"], "the checkpoint");
        case.expect_model_requests(2).await
    };
    case.site.outpost.visit(case, play).await
}

async fn the_pod_is_evicted(case: &Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // The kubelet measures now and then, and until it does the agent must be seen to be alive.
    let fill = case.shell("head -c 400M /dev/zero > big.bin");
    let wait = std::iter::repeat_n(case.shell(WAIT), 15);
    case.script([case.shell(ADD_B), fill].into_iter().chain(wait)).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::DiskFull)?;
    ensure!(verdict.message().contains("exceeds the limit"), "{}", verdict.message());
    let files = saved(case, &verdict).await?;
    ensure!(files.iter().any(|file| file == "b.txt"), "{files:?}");
    let requests = case.model_requests().await?;
    ensure!((3..=17).contains(&requests), "{requests} model requests");
    Ok(())
}
