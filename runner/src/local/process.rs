//! One started program: its lines as they come, its end, and how it is told to stop.
//!
//! Not here: which program ([`super::sandbox`]) and why it is stopped ([`super::orders`]).

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::sandbox::Start;
use crate::lines::Lines;
use crate::processes::descendants;

/// Longest line that is kept.
const LINE_LIMIT: u64 = 64 << 10;
/// SIGTERM is sent again after this: a process that only begins does not hear the first one, if it
/// is the first of its namespace.
const AGAIN: Duration = Duration::from_secs(1);
/// Time for the rest of the output once the process is gone.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What becomes of the processes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// They go on.
    Go,
    /// They get SIGTERM, and time to save.
    Terminate,
    /// They are killed.
    Kill,
}

/// Runs a program to its end and gives its exit code, 128 and more for a signal as a shell does.
/// Each line that it prints is handed to `tell`.
///
/// # Errors
/// When it cannot be started or waited for.
pub async fn run(
    start: &Start,
    shields_signals: bool,
    mut force: watch::Receiver<Force>,
    mut tell: impl FnMut(String),
) -> io::Result<i32> {
    let mut child = spawn(start)?;
    // Held to the end: the phase ends with it.
    let _stdin = child.stdin.take();
    let mut lines = Lines::new(LINE_LIMIT);
    lines.drain(child.stdout.take());
    lines.drain(child.stderr.take());
    let mut used = Force::Go;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            Some(line) = lines.next() => tell(String::from_utf8_lossy(&line).into_owned()),
            next = stronger(&mut force, used) => {
                used = next;
                apply(next, &child, shields_signals);
            }
        }
    };
    let rest = async {
        while let Some(line) = lines.next().await {
            tell(String::from_utf8_lossy(&line).into_owned());
        }
    };
    let _ = timeout(DRAIN_LIMIT, rest).await;
    Ok(code(status))
}

/// Waits for more force than was used, or until it is time to use the same again.
async fn stronger(force: &mut watch::Receiver<Force>, used: Force) -> Force {
    let stronger = async {
        match force.wait_for(|force| *force > used).await {
            Ok(force) => *force,
            Err(_) => std::future::pending().await,
        }
    };
    match used {
        Force::Terminate => timeout(AGAIN, stronger).await.unwrap_or(used),
        Force::Go | Force::Kill => stronger.await,
    }
}

fn apply(force: Force, child: &Child, shields_signals: bool) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
    let signal = match force {
        Force::Go => return,
        Force::Terminate => Signal::SIGTERM,
        Force::Kill => Signal::SIGKILL,
    };
    let below = descendants(pid);
    match force {
        Force::Terminate if shields_signals => {
            let inside = below.iter().filter(|process| process.parent == pid);
            inside.for_each(|process| send(process.pid, signal));
        }
        Force::Kill => {
            for process in &below {
                send(process.pid, signal);
            }
            send(pid, signal);
        }
        _ => send(pid, signal),
    }
}

fn send(pid: i32, signal: Signal) {
    // It may have ended in the meantime.
    let _ = kill(Pid::from_raw(pid), signal);
}

fn spawn(start: &Start) -> io::Result<Child> {
    let mut command = Command::new(&start.program);
    if !start.inherits {
        command.env_clear();
    }
    command
        .args(&start.args)
        .envs(start.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C in a terminal reaches this program alone, which then decides.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn shell(script: &str) -> Start {
        let args = ["-c", script].map(Into::into).into();
        Start { program: "/bin/sh".into(), args, env: Vec::new(), inherits: false }
    }

    async fn ended(script: &str, force: Force) -> (i32, Vec<String>) {
        let (tell, state) = watch::channel(Force::Go);
        let mut said = Vec::new();
        let start = shell(script);
        let code = run(&start, false, state, |line| {
            said.push(line);
            tell.send_replace(force);
        });
        let code = timeout(Duration::from_secs(20), code).await.unwrap().unwrap();
        (code, said)
    }

    #[tokio::test]
    async fn lines_of_both_pipes_and_the_exit_code_arrive() {
        let (code, mut said) = ended("echo one; echo two >&2; exit 3", Force::Go).await;
        said.sort();
        assert_eq!((code, said), (3, vec!["one".to_owned(), "two".to_owned()]));
    }

    #[tokio::test]
    async fn a_process_gets_time_to_end_and_is_killed_when_it_has_to_be() {
        let trap = "trap 'echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
        assert_eq!(ended(trap, Force::Terminate).await.0, 7);
        assert_eq!(ended(trap, Force::Kill).await.0, 137);
    }
}
