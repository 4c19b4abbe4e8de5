//! Ends a process group that takes too long.
//!
//! Not here: what that means for the phase.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Watches one process group until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    bitten: Arc<AtomicBool>,
    /// Dropping it ends the watch.
    _watch: Sender<()>,
}

impl Watchdog {
    /// Kills the group that `leader` leads when `limit` has passed.
    pub fn watch(leader: u32, limit: Duration) -> Self {
        let (watch, over) = channel::<()>();
        let bitten = Arc::new(AtomicBool::new(false));
        let bites = Arc::clone(&bitten);
        thread::spawn(move || {
            if over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout)
                && let Ok(leader) = i32::try_from(leader)
            {
                bites.store(true, Ordering::SeqCst);
                // It may have ended just now; then there is nothing to do.
                let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
            }
        });
        Self { bitten, _watch: watch }
    }

    /// Whether it had to kill.
    pub fn has_bitten(&self) -> bool {
        self.bitten.load(Ordering::SeqCst)
    }
}
