//! One `claudetask run` while it runs, and what it leaves in its state directory.
//!
//! Not here: its file and its arguments ([`super::local`]).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use crd::{ClaudeTask, ClaudeTaskStatus, names};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// Lines of standard error that an error shows.
const SHOWN: usize = 30;
/// The directory of the first attempt in the private directory of a run.
const FIRST: &str = "1";

/// A running or ended program; one that still runs when it is dropped is killed.
pub struct Process {
    child: Child,
    /// Runs of earlier programs with the same state directory.
    earlier: Vec<PathBuf>,
    /// Holds the state directory `state` and the file `stderr`.
    folder: PathBuf,
}

impl Process {
    /// Starts the program. Nothing of the environment reaches it but what finds programs.
    pub fn start(
        program: &Path,
        arguments: &[String],
        env: &[(String, String)],
        folder: PathBuf,
    ) -> anyhow::Result<Self> {
        let stderr = File::create(folder.join("stderr")).context("make a file for the output")?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("HOME", &folder).env("TMPDIR", &folder);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        // A group of its own, which gets signals as that of a terminal does.
        let child = command.process_group(0).kill_on_drop(true).spawn();
        let child = child.with_context(|| format!("start {}", program.display()))?;
        Ok(Self { child, earlier: Vec::new(), folder })
    }

    /// The task as the state directory tells it; none while it does not. An error when the program
    /// has ended without a verdict.
    pub fn task(&mut self) -> anyhow::Result<Option<ClaudeTask>> {
        // Asked first: what an ended program has written is complete.
        let code = self.exit_code()?;
        let task = self.read()?;
        let status = task.as_ref().and_then(|task| task.status.as_ref());
        if let (Some(code), false) = (code, status.is_some_and(ClaudeTaskStatus::is_finished)) {
            bail!("claudetask ended with {code} and without a verdict:\n{}", self.said());
        }
        Ok(task)
    }

    fn read(&self) -> anyhow::Result<Option<ClaudeTask>> {
        let Some(file) = self.state()?.map(|state| state.join("task.yaml")) else {
            return Ok(None);
        };
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file).context("read the task's state")?;
        serde_saphyr::from_str(&text).map(Some).context("understand the task's state")
    }

    /// The same, blind to these earlier runs.
    #[must_use]
    pub fn passing_over(mut self, runs: Vec<PathBuf>) -> Self {
        self.earlier = runs;
        self
    }

    /// The runs in the state directory.
    pub fn runs(&self) -> anyhow::Result<Vec<PathBuf>> {
        Ok(folders(&self.folder.join("state"))?.collect())
    }

    /// The directory of this program's run in the state directory.
    fn state(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(self.runs()?.into_iter().find(|run| !self.earlier.contains(run)))
    }

    /// The private directories of runs, this one's and those that earlier ones left.
    pub fn private_directories(&self) -> anyhow::Result<Vec<PathBuf>> {
        Ok(folders(&self.folder)?.filter(|run| run.join(FIRST).is_dir()).collect())
    }

    /// Kills the program alone: what it has started must end by itself.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.start_kill().context("kill the program")
    }

    /// The exit code, or the negative number of the signal that ended it; none while it runs.
    pub fn exit_code(&mut self) -> anyhow::Result<Option<i32>> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.try_wait().context("look after the program")?;
        Ok(status
            .map(|status| status.code().unwrap_or_else(|| -status.signal().unwrap_or_default())))
    }

    /// Sends what Ctrl-C sends: an interrupt for the whole group.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        let group = self.group().context("the program has ended")?;
        killpg(group, Signal::SIGINT).context("interrupt the program")
    }

    /// What the volume of the newest attempt holds that tells its phases to stop; empty while that
    /// is not there.
    pub fn stop_request(&self) -> anyhow::Result<String> {
        let mut attempts = Vec::new();
        for run in self.private_directories()? {
            attempts.extend(folders(&run)?.map(|attempt| attempt.join(names::STOP.volume)));
        }
        attempts.sort();
        let newest = attempts.pop().map(|attempt| attempt.join(names::STOP_FILE));
        Ok(newest.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default())
    }

    /// None once the end was seen, since then the number can be somebody else's.
    fn group(&self) -> Option<Pid> {
        let id = self.child.id()?;
        i32::try_from(id).ok().map(Pid::from_raw)
    }

    /// The last lines of standard error.
    pub fn said(&self) -> String {
        let text = fs::read(self.folder.join("stderr")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    /// Logs of all phases, joined.
    pub fn logs(&self) -> anyhow::Result<String> {
        let folder = self.state()?.context("no state")?.join("log");
        let mut logs = String::new();
        for file in fs::read_dir(&folder).context("look for logs")? {
            let file = file.context("look for logs")?.path();
            logs += &fs::read_to_string(&file).context("read a log")?;
        }
        Ok(logs)
    }
}

fn folders(folder: &Path) -> anyhow::Result<impl Iterator<Item = PathBuf>> {
    let what = || format!("look into {}", folder.display());
    let all: Vec<_> =
        fs::read_dir(folder).with_context(what)?.collect::<Result<_, _>>().with_context(what)?;
    Ok(all.into_iter().map(|one| one.path()).filter(|path| path.is_dir()))
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = self.group() {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::Process;
    use crate::wait::until;

    fn script(text: &str) -> (TempDir, Process) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        // A shell cannot trap what it was started to ignore, as in the background of another one.
        let arguments = ["--default-signal=INT", "sh", "-c", text].map(str::to_owned);
        let process =
            Process::start(Path::new("/usr/bin/env"), &arguments, &[], folder.path().to_path_buf())
                .unwrap();
        (folder, process)
    }

    #[tokio::test]
    async fn an_end_without_a_verdict_is_told_with_exit_code_and_last_words() {
        let (_folder, mut process) = script("echo no such file >&2; exit 7");
        let told = until("the end", Duration::from_secs(20), async || Ok(process.task().err()));
        let told = told.await.unwrap().to_string();
        assert!(told.contains("ended with 7") && told.contains("no such file"), "{told}");
    }

    #[tokio::test]
    async fn an_interrupt_reaches_the_whole_group() {
        let text = "trap 'exit 3' INT; echo ready >&2; while true; do :; done";
        let (_folder, mut process) = script(text);
        let limit = Duration::from_secs(20);
        let ready = async || Ok((process.said() == "ready").then_some(()));
        until("the trap", limit, ready).await.unwrap();
        process.interrupt().unwrap();
        let code = until("the end", limit, async || process.exit_code()).await.unwrap();
        assert_eq!(code, 3);
    }

    #[tokio::test]
    async fn what_still_runs_is_killed_with_its_children_when_dropped() {
        let (folder, process) = script("sleep 1000 & echo $! >&2; wait");
        let limit = Duration::from_secs(20);
        let child = until("a child", limit, async || Ok(process.said().parse::<u32>().ok()));
        let child = child.await.unwrap();
        drop(process);
        let gone = async || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            // Somebody else's to bury, once it is a zombie.
            Ok((state.is_empty() || state.contains(") Z ")).then_some(()))
        };
        until("the end of the child", limit, gone).await.unwrap();
        drop(folder);
    }
}
