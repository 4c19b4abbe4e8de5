//! Runs the task's own checks in the work tree.
//!
//! They are commands of the repository's kind: they get no model credential, a limit of time, and
//! nothing that they start outlives them. Not here: what follows from a failure.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crd::TaskDocument;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::claude::command::PATH;
use crate::claude::stop::Stop;
use crate::claude::sweep::sweep;
use crate::claude::verdict::Stopped;
use crate::dirs::Dirs;
use crate::lines::Lines;
use crate::progress::{Kind, Note, Progress, cut};
use crate::prompt::OUTPUT_LIMIT;

/// Lines of one command that reach the log.
const SHOWN: usize = 1000;
/// Longest part of a line that is kept.
const LINE_LIMIT: u64 = 4096;
/// Time for the rest of the output once the command and everything below it is gone.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Where and how the commands run.
pub struct Verify<'a> {
    /// The commands, in order.
    pub commands: &'a [String],
    /// The work tree.
    pub cwd: PathBuf,
    /// Their HOME.
    pub home: PathBuf,
    /// For temporary files.
    pub tmp: PathBuf,
    /// Seconds for each.
    pub limit: u32,
    /// When to give up.
    pub stop: Stop,
    /// Held by whoever has a child process that a sweep must not end.
    pub busy: Arc<Mutex<()>>,
    /// Where their output is shown.
    pub progress: &'a Progress,
}

/// What the commands said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// All of them succeeded.
    Passed,
    /// One of them did not; the following ones were not run.
    Failed(FailedCheck),
    /// The runner had to stop.
    Stopped(Stopped),
}

/// The command that failed; shown as a sentence.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("`{}` {how}", cut(command, 200))]
pub struct FailedCheck {
    /// The command.
    pub command: String,
    /// How, such as `exited with code 2`.
    pub how: String,
    /// The end of its output.
    pub output: String,
}

impl<'a> Verify<'a> {
    /// The checks of `document` in the container's work tree.
    pub fn new(
        document: &'a TaskDocument,
        dirs: &Dirs,
        progress: &'a Progress,
        stop: Stop,
        busy: Arc<Mutex<()>>,
    ) -> Self {
        Self {
            commands: &document.verify,
            cwd: dirs.worktree(),
            home: dirs.home.join("checks"),
            tmp: dirs.tmp.clone(),
            limit: document.settings.verify_limit,
            stop,
            busy,
            progress,
        }
    }

    /// Runs all commands until one fails.
    ///
    /// # Errors
    /// When a command cannot be started.
    pub async fn run(mut self) -> io::Result<Checked> {
        std::fs::create_dir_all(&self.home)?;
        for command in self.commands {
            self.progress.phase(format!("Checks: {command}"));
            let (how, output) = match self.check(command).await? {
                End::Exit(status, _) if status.success() => continue,
                End::Exit(status, output) => (describe(status), output),
                End::TooLong(output) => (format!("did not end within {} s", self.limit), output),
                End::Stopped(stopped) => return Ok(Checked::Stopped(stopped)),
            };
            let check = FailedCheck { command: command.clone(), how, output };
            self.progress.warning(format!("The check {check}"));
            return Ok(Checked::Failed(check));
        }
        Ok(Checked::Passed)
    }

    async fn check(&mut self, command: &str) -> io::Result<End> {
        let mut child = self.command(command).spawn()?;
        let mut lines = Lines::new(LINE_LIMIT);
        lines.drain(child.stdout.take());
        lines.drain(child.stderr.take());
        let mut output = Output { progress: self.progress, shown: 0, tail: String::new() };
        let deadline = Instant::now() + Duration::from_secs(self.limit.into());
        let mut stop = self.stop.clone();
        let end = loop {
            tokio::select! {
                status = child.wait() => break Ok(status?),
                Some(line) = lines.next() => output.take(&line),
                () = sleep_until(deadline) => break Err(None),
                stopped = stop.stopped() => break Err(Some(stopped)),
            }
        };
        if end.is_err() {
            child.kill().await?;
        }
        {
            let _nobody_else = self.busy.lock().await;
            sweep().await;
        }
        let rest = async {
            while let Some(line) = lines.next().await {
                output.take(&line);
            }
        };
        let _ = timeout(DRAIN_LIMIT, rest).await;
        Ok(match end {
            Ok(status) => End::Exit(status, output.tail),
            Err(None) => End::TooLong(output.tail),
            Err(Some(stopped)) => End::Stopped(stopped),
        })
    }

    fn command(&self, text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", text])
            .env_clear()
            .env("HOME", &self.home)
            .env("TMPDIR", &self.tmp)
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .current_dir(&self.cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

enum End {
    Exit(ExitStatus, String),
    TooLong(String),
    Stopped(Stopped),
}

/// Shows the first lines and keeps the last.
struct Output<'a> {
    progress: &'a Progress,
    shown: usize,
    tail: String,
}

impl Output<'_> {
    fn take(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.shown += 1;
        match self.shown {
            ..=SHOWN => self.progress.note(Note::new(Kind::Output, line.clone())),
            n if n == SHOWN + 1 => {
                self.progress.warning("The rest of the command's output is not shown");
            }
            _ => {}
        }
        self.tail.push_str(&line);
        self.tail.push('\n');
        let excess = self.tail.len().saturating_sub(OUTPUT_LIMIT);
        self.tail.drain(..self.tail.ceil_char_boundary(excess));
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}
