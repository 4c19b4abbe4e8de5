//! Everything about a failed task in one file, because its Pod goes with the demo.
//!
//! Not here: which file that is ([`super::files`]).

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use crd::{ClaudeTask, ClaudeTaskStatus};
use kube::Api;

use super::files;
use super::plot::NAMESPACE;
use super::screen::Screen;
use super::stage::Stage;
use crate::cluster::command::capture;
use crate::install;

/// Writes a file for each task as it is now, and says where.
pub async fn write_all(stage: &Stage, screen: &mut Screen) -> Result<()> {
    let tasks: Api<ClaudeTask> = Api::namespaced(stage.client.clone(), NAMESPACE);
    for plot in &stage.plots {
        let task = tasks.get_opt(&plot.name).await?;
        let status = task.and_then(|task| task.status).unwrap_or_default();
        let path = write(stage, &plot.name, &status).await?;
        screen.say(&format!("What {} did: {}", plot.name, files::shown(&path)));
    }
    Ok(())
}

/// Writes the file of one task and gives its path.
pub async fn write(stage: &Stage, name: &str, status: &ClaudeTaskStatus) -> Result<PathBuf> {
    let place = ["--namespace", NAMESPACE];
    let mut looks: Vec<Vec<&str>> = vec![[&["describe", "claudetask", name], &place[..]].concat()];
    if let Some(pod) = &status.pod_name {
        let logs = ["logs", pod, "--all-containers", "--prefix", "--tail=-1"];
        looks.push([&logs, &place[..]].concat());
        looks.push([&["describe", "pod", pod], &place[..]].concat());
    }
    let operator = format!("deployment/{}", install::RELEASE);
    looks.push(vec!["logs", &operator, "--namespace", install::SYSTEM, "--tail=500"]);
    let commands = looks.iter().map(|look| {
        let mut kubectl = stage.cluster.kubectl();
        kubectl.args(look);
        (look.join(" "), kubectl)
    });
    let commands: Vec<_> = commands.collect();
    let text = tokio::task::spawn_blocking(move || commands.into_iter().map(run).collect());
    let text: String = text.await?;
    files::write(&format!("{name}.log"), &text)
}

fn run((look, mut kubectl): (String, Command)) -> String {
    let said = capture(&mut kubectl).unwrap_or_else(|error| format!("{error:#}\n"));
    format!("$ kubectl {look}\n{said}\n")
}
