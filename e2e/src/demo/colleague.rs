//! The colleague, who pushes to `main` while Claude works on the second task.
//!
//! Not here: what is pushed ([`super::shop`]).

use std::time::Duration;

use anyhow::Result;
use crd::status::PhaseState;
use crd::{ClaudeTask, ClaudeTaskStatus, Phase};
use kube::Api;
use kube::runtime::wait::await_condition;

use super::plot::NAMESPACE;
use super::shop;
use super::stage::Stage;
use crate::repo::Work;

/// How long the second task may take to reach its gate after the first one has ended.
const GATE_LIMIT: Duration = Duration::from_mins(10);

/// Pushes when the time has come, and says so. A scripted Claude is made to wait for it, until
/// the first task has landed on a `main` that stood still; a real one is not.
pub async fn push(stage: &Stage) -> Result<String> {
    let [clean, conflict] = &stage.plots;
    let tasks: Api<ClaudeTask> = Api::namespaced(stage.client.clone(), NAMESPACE);
    if stage.model.is_scripted() {
        await_condition(tasks, &clean.name, |task: Option<&ClaudeTask>| {
            task.and_then(|task| task.status.as_ref()).is_some_and(ClaudeTaskStatus::is_finished)
        })
        .await?;
        stage.script.wait_until_waiting(&conflict.name, GATE_LIMIT).await?;
    } else {
        await_condition(tasks, &conflict.name, |task: Option<&ClaudeTask>| {
            task.and_then(|task| task.status.as_ref()).is_some_and(runs)
        })
        .await?;
    }
    let pushed = push_now(stage).await;
    if stage.model.is_scripted() {
        stage.script.open(&conflict.name).await?;
    }
    let commit = pushed?;
    Ok(format!(
        "While Claude works on {}, a colleague pushes to main:\n  {} {}",
        conflict.name,
        &commit[..12],
        shop::SHIPPING_SUBJECT
    ))
}

fn runs(status: &ClaudeTaskStatus) -> bool {
    status.phases.iter().any(|it| it.name == Phase::Run && it.state == PhaseState::Running)
}

async fn push_now(stage: &Stage) -> Result<String> {
    let work = Work::clone(&stage.remote).await?;
    let files = shop::shipping();
    let files = files.each_ref().map(|(file, content)| (*file, content.as_str()));
    let commit = work.commit_files(shop::SHIPPING_SUBJECT, &files).await?;
    work.push(&stage.remote, &["main"]).await?;
    Ok(commit)
}
