//! Ctrl-C: the first one ends the demo in order, the second one at once.
//!
//! Not here: what there is to end ([`super::teardown`]).

use std::fmt;
use std::process::exit;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::screen::complain;

/// What a shell says for a program that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// Whether somebody asked to end.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// The error of a step that did not begin because the demo is to end.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

impl Stop {
    /// Listens from now on to Ctrl-C, and to the signals of a shutdown and of a closed terminal.
    pub fn listen() -> Result<Self> {
        let mut signals = Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            asked.send_replace(true);
            complain("\nEnding. Ctrl-C again ends at once and leaves everything as it is.");
            signals.next().await;
            exit(INTERRUPTED.into());
        });
        Ok(Self(stop))
    }

    /// Returns once somebody has asked.
    pub async fn asked(&self) {
        // The sender lives as long as the program, so this fails never.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Runs a step that blocks, unless the demo is to end; a step that has begun goes on to its
    /// end.
    pub async fn or<T: Send + 'static>(
        &self,
        step: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.is_asked() {
            return Err(Stopped.into());
        }
        tokio::task::spawn_blocking(step).await?
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = self.hangup.recv() => (),
        }
    }
}
