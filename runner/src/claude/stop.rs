//! When the agent side must stop: the runner got SIGTERM, or the task's time is over.
//!
//! Not here: how Claude is stopped ([`super::supervise`]) and what is saved then.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::verdict::Stopped;

/// Tells every holder of a clone when to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    state: watch::Receiver<Option<Stopped>>,
}

impl Stop {
    /// Stops at SIGTERM or SIGINT, and after `left` at the latest. A signal that follows the
    /// deadline wins, because then there is less time to save.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn watch(left: Duration) -> io::Result<Self> {
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (tell, state) = watch::channel(None);
        tokio::spawn(async move {
            let asked = async {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
            };
            tokio::pin!(asked);
            tokio::select! {
                () = &mut asked => {}
                () = tokio::time::sleep(left) => {
                    tell.send_replace(Some(Stopped::Deadline));
                    asked.await;
                }
            }
            tell.send_replace(Some(Stopped::Interrupted));
            // Kept until everybody has gone: a closed channel would look like no stop at all.
            tell.closed().await;
        });
        Ok(Self { state })
    }

    /// One that is driven by `state` alone.
    pub const fn of(state: watch::Receiver<Option<Stopped>>) -> Self {
        Self { state }
    }

    /// Why to stop, if so.
    pub fn now(&self) -> Option<Stopped> {
        *self.state.borrow()
    }

    /// True when the runner was asked to end.
    pub fn is_interrupted(&self) -> bool {
        self.now() == Some(Stopped::Interrupted)
    }

    /// Waits until there is a reason to stop.
    pub async fn stopped(&mut self) -> Stopped {
        loop {
            if let Some(stopped) = *self.state.borrow_and_update() {
                return stopped;
            }
            if self.state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
