//! Ends a process group that takes too long, or that does not end when the container must.
//!
//! Not here: what that means for the phase.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::git::stop::Stop;

/// Time between looks.
const POLL: Duration = Duration::from_millis(100);

/// Watches one process group until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    bitten: Arc<OnceLock<Bite>>,
    /// Dropping it ends the watch.
    _watch: Sender<()>,
}

/// Why it had to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bite {
    /// The limit has passed.
    Limit,
    /// The container must end.
    Stop,
}

impl Watchdog {
    /// Kills the group that `leader` leads when `limit` has passed, or when `stop` says so.
    pub fn watch(leader: u32, limit: Option<Duration>, stop: Stop) -> Self {
        let (watch, over) = channel::<()>();
        let bitten = Arc::new(OnceLock::new());
        let bites = Arc::clone(&bitten);
        let began = Instant::now();
        thread::spawn(move || {
            while over.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                let bite = if limit.is_some_and(|limit| began.elapsed() >= limit) {
                    Bite::Limit
                } else if stop.is_over_for(began) {
                    Bite::Stop
                } else {
                    continue;
                };
                if let Ok(leader) = i32::try_from(leader) {
                    let _ = bites.set(bite);
                    // It may have ended just now; then there is nothing to do.
                    let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
                }
                return;
            }
        });
        Self { bitten, _watch: watch }
    }

    /// Why it had to kill, if it had to.
    pub fn bitten(&self) -> Option<Bite> {
        self.bitten.get().copied()
    }
}
