//! Ends every process that Claude Code or a shell command of the task left behind.
//!
//! Each Bash call has a session of its own, and a daemon that forks twice outlives even a normal
//! end: as child subreaper the runner becomes the parent of all of them, so they are found as its
//! descendants. Processes from elsewhere (`kubectl exec`) are not touched.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

use crate::processes::descendants;

/// How long a sweep goes on against processes that keep forking.
const LIMIT: Duration = Duration::from_secs(5);

/// Makes this process the parent of every orphan below it.
///
/// # Errors
/// When the kernel refuses.
pub fn adopt_orphans() -> Result<(), Errno> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Kills and reaps all descendants of this process; returns how many were killed and whether any
/// is still there. The caller makes sure that no child of its own is running.
pub async fn sweep() -> Swept {
    let mut swept = Swept::default();
    let deadline = tokio::time::Instant::now() + LIMIT;
    let mut seen = std::collections::HashSet::new();
    loop {
        let left = descendants(getpid().as_raw());
        for process in &left {
            let pid = Pid::from_raw(process.pid);
            if process.is_zombie {
                let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
            } else if kill(pid, Signal::SIGKILL).is_ok() && seen.insert(process.pid) {
                swept.killed.push(process.name.clone());
            }
        }
        swept.is_clean = left.is_empty();
        if swept.is_clean || tokio::time::Instant::now() > deadline {
            return swept;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Names of the processes that were killed.
    pub killed: Vec<String>,
    /// True when none is left.
    pub is_clean: bool,
}
