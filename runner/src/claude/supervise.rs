//! Runs Claude Code and never lets go of it: its output is always drained, silence and lingering
//! are ended, and nothing that it started outlives it.
//!
//! Not here: what its output means ([`super::verdict`]). The process dies with the runner because
//! the runner is the first process of its container.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::command::CommandLine;
use super::stop::Stop;
use super::stream::Stream;
use super::sweep::{Swept, sweep};
use super::verdict::{Exit, Stopped};
use crate::guard::{Guard, Patrol};
use crate::lines::Lines;
use crate::progress::Note;

/// Time between SIGINT, after which the CLI still prints what the run cost, and SIGKILL.
pub const INTERRUPT_GRACE: Duration = Duration::from_secs(10);
/// Time for the rest of the output once the process and everything below it is gone.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Longest line that is kept.
const LINE_LIMIT: u64 = 64 << 20;
/// How much of the end of standard error is kept.
const STDERR_KEPT: usize = 8 << 10;

/// When a process is stopped.
#[derive(Clone)]
pub struct Watch {
    /// Seconds of silence before its result.
    pub idle_limit: u32,
    /// Seconds between its result and its exit.
    pub exit_limit: u32,
    /// Time between SIGINT and SIGKILL, [`INTERRUPT_GRACE`].
    pub grace: Duration,
    /// When the runner itself must stop.
    pub stop: Stop,
    /// Watches memory and volumes.
    pub guard: Guard,
}

/// A process that has ended, and everything below it.
#[derive(Debug)]
pub struct Ended {
    /// What it printed.
    pub stream: Stream,
    /// How it ended.
    pub exit: Exit,
    /// Why the runner stopped it, if it did.
    pub stopped: Option<Stopped>,
    /// The end of its standard error.
    pub stderr: String,
    /// What it left behind.
    pub swept: Swept,
}

/// Runs `line` with `prompt` on its standard input until it and all its children have ended.
/// `busy` is held by whoever has a child process that a sweep must not end.
///
/// # Errors
/// When it cannot be started or waited for.
pub async fn supervise(
    line: &CommandLine,
    prompt: &str,
    watch: Watch,
    busy: &Mutex<()>,
    mut tell: impl FnMut(Note),
) -> io::Result<Ended> {
    let mut child = spawn(line)?;
    feed(&mut child, prompt);
    let mut lines = Lines::new(LINE_LIMIT);
    lines.drain(child.stdout.take());
    let errors = keep_end(&mut child);
    let mut stream = Stream::default();
    let mut read =
        |stream: &mut Stream, line: &[u8]| stream.line(line).into_iter().for_each(&mut tell);
    let mut patience = Patience::new(watch, child.id());
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            Some(line) = lines.next() => {
                read(&mut stream, &line);
                patience.sign_of_life(&stream);
            }
            signal = patience.due() => send(&child, signal),
        }
    };
    let swept = {
        let _nobody_else = busy.lock().await;
        sweep().await
    };
    let rest = async {
        while let Some(line) = lines.next().await {
            read(&mut stream, &line);
        }
    };
    let _ = timeout(DRAIN_LIMIT, rest).await;
    let stderr = timeout(DRAIN_LIMIT, errors).await.ok().and_then(Result::ok).unwrap_or_default();
    Ok(Ended { stream, exit: exit(status), stopped: patience.stopped, stderr, swept })
}

/// Decides when a running process gets which signal.
struct Patience {
    watch: Watch,
    patrol: Patrol,
    alarm: Instant,
    is_over: bool,
    stopped: Option<Stopped>,
}

impl Patience {
    fn new(watch: Watch, process: Option<u32>) -> Self {
        let alarm = Instant::now() + seconds(watch.idle_limit);
        let process = process.and_then(|pid| i32::try_from(pid).ok());
        let patrol = watch.guard.patrol(process);
        Self { watch, patrol, alarm, is_over: false, stopped: None }
    }

    fn sign_of_life(&mut self, stream: &Stream) {
        if self.stopped.is_some() || (self.is_over && stream.is_over()) {
            return;
        }
        self.is_over = stream.is_over();
        let limit = if self.is_over { self.watch.exit_limit } else { self.watch.idle_limit };
        self.alarm = Instant::now() + seconds(limit);
    }

    /// Waits for the next signal that is to be sent.
    async fn due(&mut self) -> Signal {
        if self.stopped.is_some() {
            sleep_until(self.alarm).await;
            self.alarm = Instant::now() + self.watch.grace;
            return Signal::SIGKILL;
        }
        let why = tokio::select! {
            why = self.watch.stop.stopped() => why,
            shortage = self.patrol.alarm() => Stopped::Short(shortage),
            () = sleep_until(self.alarm) => {
                if self.is_over {
                    Stopped::Lingering(self.watch.exit_limit)
                } else {
                    Stopped::Silent(self.watch.idle_limit)
                }
            }
        };
        self.stopped = Some(why);
        self.alarm = Instant::now() + self.watch.grace;
        Signal::SIGINT
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn spawn(line: &CommandLine) -> io::Result<Child> {
    Command::new(&line.program)
        .args(&line.args)
        .env_clear()
        .envs(line.env.iter().map(|(key, value)| (key, value)))
        .current_dir(&line.cwd)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C in a terminal reaches the runner alone, which then decides.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Writes the prompt and closes the pipe, without which the CLI waits for ever.
fn feed(child: &mut Child, prompt: &str) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let prompt = prompt.as_bytes().to_owned();
    tokio::spawn(async move {
        // A process that ends before it has read everything says why by itself.
        let _ = stdin.write_all(&prompt).await;
    });
}

fn keep_end(child: &mut Child) -> JoinHandle<String> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        let mut part = [0; 4096];
        let Some(mut stderr) = stderr else { return String::new() };
        while let Ok(count @ 1..) = stderr.read(&mut part).await {
            kept.extend_from_slice(&part[..count]);
            let excess = kept.len().saturating_sub(STDERR_KEPT);
            kept.drain(..excess);
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn send(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended in the meantime.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(-1),
    }
}
