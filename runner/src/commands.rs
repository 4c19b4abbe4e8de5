//! Runs shell commands of the task in the work tree: those of `setup` and those of `verify`.
//!
//! They get no model credential, a HOME that they share and Claude does not see, a limit of time;
//! the guard watches them, and nothing that they start outlives them. Not here: what follows from
//! a failure ([`crate::setup`], [`crate::run`], [`crate::resolve`]).

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crd::Reason;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::claude::stop::Stop;
use crate::claude::sweep::sweep;
use crate::claude::verdict::{Stopped, Verdict};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::guard::{Guard, Shortage};
use crate::lines::Lines;
use crate::network::Network;
use crate::progress::{Kind, Note, Progress, cut};
use crate::prompt::OUTPUT_LIMIT;
use crate::request;

/// Lines of one command that reach the log.
const SHOWN: usize = 1000;
/// Longest part of a line that is kept.
const LINE_LIMIT: u64 = 4096;
/// Time for the rest of the output once the command and everything below it is gone.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Where and how commands run.
pub struct Commands<'a> {
    /// The work tree.
    pub cwd: PathBuf,
    /// Their HOME.
    pub home: PathBuf,
    /// For temporary files.
    pub tmp: PathBuf,
    /// Where they find programs, as in `PATH`.
    pub path: String,
    /// Variables for proxies and certificates.
    pub network: Vec<(String, String)>,
    /// Seconds for each.
    pub limit: u32,
    /// When to give up.
    pub stop: Stop,
    /// Watches memory and volumes.
    pub guard: Guard,
    /// Held by whoever has a child process that a sweep must not end.
    pub busy: Arc<Mutex<()>>,
    /// Where their output is shown.
    pub progress: &'a Progress,
}

/// How commands ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All of them succeeded.
    Passed,
    /// One of them did not; the following ones were not run.
    Failed(FailedCommand),
    /// The runner had to stop during this command, or before it.
    Stopped(Stopped, String),
}

/// The command that failed; shown as a sentence.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("`{}` {how}", cut(command, 200))]
pub struct FailedCommand {
    /// The command.
    pub command: String,
    /// How, such as `exited with code 2`.
    pub how: String,
    /// The end of its output.
    pub output: String,
    /// It was ended because it used up the container's memory.
    pub out_of_memory: bool,
}

impl FailedCommand {
    /// Why the task fails when nothing can be done about it; `usual` unless memory was short.
    pub const fn reason(&self, usual: Reason) -> Reason {
        if self.out_of_memory { Reason::OutOfMemory } else { usual }
    }
}

impl<'a> Commands<'a> {
    /// Commands of the task in the container's work tree.
    pub fn new(
        config: &Config,
        dirs: &Dirs,
        progress: &'a Progress,
        stop: Stop,
        busy: Arc<Mutex<()>>,
    ) -> Self {
        let settings = &config.document.settings;
        Self {
            cwd: dirs.worktree(),
            home: dirs.home.join("commands"),
            tmp: dirs.tmp.clone(),
            path: config.path.clone(),
            network: Network::new(settings, dirs).variables(),
            limit: settings.verify_limit,
            stop,
            guard: Guard::new(settings, dirs, progress),
            busy,
            progress,
        }
    }

    /// Runs all commands until one fails; `title` names them in the log.
    ///
    /// # Errors
    /// When a command cannot be started.
    pub async fn run(&self, title: &str, commands: &[String]) -> io::Result<Ending> {
        std::fs::create_dir_all(&self.home)?;
        for command in commands {
            if let Some(stopped) = self.stop.now() {
                return Ok(Ending::Stopped(stopped, command.clone()));
            }
            self.progress.phase(format!("{title}: {command}"));
            let (end, output) = self.one(command).await?;
            let short = match end {
                End::Exit(status) if status.success() => continue,
                End::Stopped(stopped) => return Ok(Ending::Stopped(stopped, command.clone())),
                End::Short(shortage @ Shortage::Disk { .. }) => {
                    return Ok(Ending::Stopped(Stopped::Short(shortage), command.clone()));
                }
                End::Short(shortage) => Some(shortage),
                End::Exit(_) | End::TooLong => None,
            };
            let how = match end {
                End::Exit(status) => describe(status),
                _ if short.is_none() => format!("did not end within {} s", self.limit),
                _ => short.map(|shortage| format!("was ended: {shortage}")).unwrap_or_default(),
            };
            let out_of_memory = short.is_some();
            let failed = FailedCommand { command: command.clone(), how, output, out_of_memory };
            self.progress.warning(format!("{title}: {failed}"));
            return Ok(Ending::Failed(failed));
        }
        Ok(Ending::Passed)
    }

    async fn one(&self, command: &str) -> io::Result<(End, String)> {
        let mut child = self.command(command).spawn()?;
        let mut lines = Lines::new(LINE_LIMIT);
        lines.drain(child.stdout.take());
        lines.drain(child.stderr.take());
        let mut output = Output { progress: self.progress, shown: 0, tail: String::new() };
        let deadline = Instant::now() + Duration::from_secs(self.limit.into());
        let (mut stop, mut patrol) = (self.stop.clone(), self.guard.patrol(None));
        let end = loop {
            tokio::select! {
                status = child.wait() => break End::Exit(status?),
                Some(line) = lines.next() => output.take(&line),
                () = sleep_until(deadline) => break End::TooLong,
                stopped = stop.stopped() => break End::Stopped(stopped),
                shortage = patrol.alarm() => break End::Short(shortage),
            }
        };
        if !matches!(end, End::Exit(_)) {
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
        Ok((end, output.tail))
    }

    fn command(&self, text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", text])
            .env_clear()
            .env("HOME", &self.home)
            .env("TMPDIR", &self.tmp)
            .env("PATH", &self.path)
            .env("LANG", "C.UTF-8")
            .envs(self.network.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// What it means that the runner had to stop while `command` ran.
pub fn stopped(why: Stopped, command: &str) -> Verdict {
    let command = cut(command, 200);
    match why {
        Stopped::Deadline => {
            let message = format!("The time limit is near, and `{command}` was still running.");
            Verdict::failed(Reason::Timeout, message)
        }
        Stopped::Asked(reason) => {
            let message = format!("{} `{command}` had not ended.", request::sentence(reason));
            Verdict::failed(reason, message)
        }
        Stopped::Short(shortage) => {
            Verdict::failed(shortage.reason(), format!("`{command}` was ended: {shortage}."))
        }
        other => other.into(),
    }
}

#[derive(Clone, Copy)]
enum End {
    Exit(ExitStatus),
    TooLong,
    Stopped(Stopped),
    Short(Shortage),
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
