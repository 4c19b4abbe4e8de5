//! Tasks without a cluster: Secrets in memory, and `claudetask run` for each task.
//!
//! Not here: the program while it runs ([`super::process`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use crd::ClaudeTask;
use crd::status::{ConditionStatus, SUCCEEDED};
use kube::ResourceExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::process::Process;
use super::site::SETTINGS;
use crate::cluster::layout::{Layout, built_programs};
use crate::cluster::{Progress, claude};
use crate::wait::until;

/// Longest time until the program has taken a task.
const TAKE_LIMIT: Duration = Duration::from_secs(20);
/// Longest time from the verdict until the program has ended.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A setting of the operator for which a run without a cluster has no use.
const OF_PODS: &str = "startupDeadline";

/// How tasks are started here.
#[derive(Debug, Clone)]
pub struct Manner {
    /// What `--sandbox` says.
    pub sandbox: &'static str,
    /// Further arguments.
    pub args: Vec<String>,
    /// Further variables.
    pub env: Vec<(String, String)>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { sandbox: "bubblewrap", args: Vec::new(), env: Vec::new() }
    }
}

/// The tasks of one site on this machine. Those that still run when it is dropped are killed.
pub struct Local {
    manner: Manner,
    program: PathBuf,
    claude: PathBuf,
    folder: TempDir,
    secrets: Mutex<BTreeMap<String, Value>>,
    processes: Mutex<BTreeMap<String, Process>>,
}

impl Local {
    /// No task yet; the Claude Code CLI is fetched when it is missing.
    pub async fn new(manner: Manner) -> anyhow::Result<Self> {
        let program = built_programs()?.join("claudetask");
        ensure!(program.exists(), "{} is not built", program.display());
        let fetch = || claude::fetch(&Layout::from_env()?, &Progress::to_stderr());
        Ok(Self {
            manner,
            program,
            claude: tokio::task::spawn_blocking(fetch).await??,
            folder: tempfile::tempdir().context("make a directory for tasks")?,
            secrets: Mutex::default(),
            processes: Mutex::default(),
        })
    }

    /// Keeps a Secret for tasks that are started later.
    pub async fn secret(&self, name: &str, values: &[(&str, &str)]) {
        let values: BTreeMap<_, _> = values.iter().copied().collect();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": values,
        });
        self.secrets.lock().await.insert(name.to_owned(), secret);
    }

    /// Starts a task; returns when it has a UID.
    pub async fn start(&self, task: &ClaudeTask, namespace: &str) -> anyhow::Result<()> {
        let name = task.name_any();
        let folder = self.folder.path().join(&name);
        let state = folder.join("state");
        fs::create_dir_all(&state).with_context(|| format!("make {}", state.display()))?;
        let file = folder.join("task.yaml");
        let text = file_of(task, namespace, &*self.secrets.lock().await)?;
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let arguments = self.arguments(&file, &state);
        let process = Process::start(&self.program, &arguments, &self.manner.env, folder)?;
        self.processes.lock().await.insert(name.clone(), process);
        self.taken(&name).await
    }

    async fn taken(&self, name: &str) -> anyhow::Result<()> {
        let taken = async || self.with(name, Process::task).await;
        until(&format!("{name} to be taken"), TAKE_LIMIT, taken).await.map(drop)
    }

    /// Kills the program of a task, and nothing else.
    pub async fn kill(&self, name: &str) -> anyhow::Result<()> {
        self.with(name, Process::kill).await?;
        let ended = async || self.with(name, Process::exit_code).await;
        until(&format!("the program of {name} to end"), END_LIMIT, ended).await.map(drop)
    }

    /// Starts the program once more with the file of a task that was started before.
    pub async fn restart(&self, name: &str) -> anyhow::Result<()> {
        let folder = self.folder.path().join(name);
        let before = self.with(name, |process| process.runs()).await?;
        let arguments = self.arguments(&folder.join("task.yaml"), &folder.join("state"));
        let process = Process::start(&self.program, &arguments, &self.manner.env, folder)?;
        self.processes.lock().await.insert(name.to_owned(), process.passing_over(before));
        self.taken(name).await
    }

    /// The private directories of the runs of a task.
    pub async fn private_directories(&self, name: &str) -> anyhow::Result<Vec<PathBuf>> {
        self.with(name, |process| process.private_directories()).await
    }

    fn arguments(&self, file: &Path, state: &Path) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let sandbox = self.manner.sandbox.to_owned();
        let fixed = ["run".to_owned(), path(file), "--sandbox".to_owned(), sandbox];
        let places =
            ["--state-dir".to_owned(), path(state), "--claude".to_owned(), path(&self.claude)];
        let own = self.manner.args.iter().cloned();
        fixed.into_iter().chain(places).chain(flags(SETTINGS)).chain(own).collect()
    }

    async fn with<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Process) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut processes = self.processes.lock().await;
        act(processes.get_mut(name).with_context(|| format!("{name} was not started"))?)
    }

    /// The task as it is now.
    pub async fn task(&self, name: &str) -> anyhow::Result<ClaudeTask> {
        self.with(name, |process| process.task()?.context("no task in the state")).await
    }

    /// Cancels the task as Ctrl-C in a terminal does.
    pub async fn interrupt(&self, name: &str) -> anyhow::Result<()> {
        self.with(name, |process| process.interrupt()).await
    }

    /// What the phases see of a request to stop.
    pub async fn stop_request(&self, name: &str) -> anyhow::Result<String> {
        self.with(name, |process| process.stop_request()).await
    }

    /// Asserts that the program ends, with 0 after a success and with something else after a failure.
    pub async fn expect_end(&self, task: &ClaudeTask) -> anyhow::Result<()> {
        let name = task.name_any();
        let code = until(&format!("the program of {name} to end"), END_LIMIT, async || {
            self.with(&name, Process::exit_code).await
        })
        .await?;
        let verdict = task.status.as_ref().and_then(|status| status.condition(SUCCEEDED));
        let success = verdict.is_some_and(|verdict| verdict.status == ConditionStatus::True);
        ensure!(success == (code == 0), "exit code {code} after {verdict:?}");
        Ok(())
    }

    /// The last lines that the task's program said.
    pub async fn said(&self, name: &str) -> String {
        self.with(name, |process| Ok(process.said())).await.unwrap_or_default()
    }

    /// Logs of all phases of the task, joined.
    pub async fn logs(&self, name: &str) -> anyhow::Result<String> {
        self.with(name, |process| process.logs()).await
    }
}

/// The file for the program: a task and all Secrets, in JSON, which is YAML too.
fn file_of(
    task: &ClaudeTask,
    namespace: &str,
    secrets: &BTreeMap<String, Value>,
) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(task)?;
    document["metadata"]["namespace"] = json!(namespace);
    let documents = std::iter::once(document.to_string());
    let secrets = secrets.values().map(|secret| {
        let mut secret = secret.clone();
        secret["metadata"]["namespace"] = json!(namespace);
        secret.to_string()
    });
    Ok(documents.chain(secrets).collect::<Vec<_>>().join("\n---\n"))
}

/// What the operator is told about tasks, as flags of the program.
fn flags(settings: &[(&str, &str)]) -> Vec<String> {
    let of_tasks = settings.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("tasks.").filter(|name| *name != OF_PODS)?;
        Some((name, *value))
    });
    of_tasks
        .flat_map(|(name, value)| {
            let switch = value == "true";
            std::iter::once(flag(name)).chain((!switch).then(|| value.to_owned()))
        })
        .collect()
}

/// `firstWait` as `--first-wait`.
fn flag(name: &str) -> String {
    let mut flag = String::from("--");
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            flag.push('-');
        }
        flag.push(letter.to_ascii_lowercase());
    }
    flag
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{ClaudeTask, file_of, flags};

    #[test]
    fn settings_of_the_chart_become_flags_but_for_those_of_pods_and_of_the_operator() {
        let settings = [
            ("tasks.allowPlainHttp", "true"),
            ("tasks.startupDeadline", "40s"),
            ("tasks.firstWait", "5s"),
            ("leaderElection.duration", "3s"),
        ];
        assert_eq!(flags(&settings), ["--allow-plain-http", "--first-wait", "5s"]);
    }

    #[test]
    fn the_file_holds_task_and_secrets_in_one_namespace() {
        let spec = json!({"repository": {"url": "http://git/a.git"}, "prompt": "x", "claude": {}});
        let task = ClaudeTask::new("one", serde_json::from_value(spec).unwrap());
        let secret = json!({"kind": "Secret", "metadata": {"name": "model"}});
        let secrets = BTreeMap::from([("model".to_owned(), secret)]);
        let text = file_of(&task, "home", &secrets).unwrap();
        let documents: Vec<serde_json::Value> =
            text.split("\n---\n").map(|one| serde_json::from_str(one).unwrap()).collect();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0]["kind"], "ClaudeTask");
        assert!(documents.iter().all(|document| document["metadata"]["namespace"] == "home"));
    }
}
