//! When the agent side must stop: the runner got SIGTERM, or the task's time is over.
//!
//! Not here: how Claude is stopped ([`super::supervise`]) and what is saved then.

use std::io;
use std::time::Duration;

use crd::TaskDocument;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::verdict::Stopped;

/// Tells every holder of a clone when to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    state: watch::Receiver<Option<Stopped>>,
}

/// Time before the task's last moment at which Claude is stopped: for Claude to end, for the work
/// to be bundled, and for the git side to save it.
pub const MARGIN: Duration = Duration::from_secs(90);

impl Stop {
    /// Stops at SIGTERM, and in time before the task's last moment.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn for_task(document: &TaskDocument) -> io::Result<Self> {
        let left = document.not_after.duration_since(Timestamp::now());
        Self::watch(Duration::try_from(left).unwrap_or_default().saturating_sub(MARGIN))
    }

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
