//! When the agent side must stop: the runner got SIGTERM, somebody asked for it, or the task's time
//! is over.
//!
//! Not here: how Claude is stopped ([`super::supervise`]) and what is saved then.

use std::io;
use std::time::Duration;

use crd::TaskDocument;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::verdict::Stopped;
use crate::dirs::Dirs;
use crate::request;

/// Tells every holder of a clone when to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    state: watch::Receiver<Option<Stopped>>,
}

/// Time before the task's last moment at which Claude is stopped: for Claude to end, for the work
/// to be bundled, and for the git side to save it. Where there is little time at all, a quarter.
pub const MARGIN: Duration = Duration::from_secs(90);

impl Stop {
    /// Stops at SIGTERM or SIGINT, when somebody asks for it, and in time before the task's last
    /// moment. A signal that follows the deadline wins, because then there is less time to save;
    /// nothing wins over a request.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn for_task(document: &TaskDocument, dirs: &Dirs) -> io::Result<Self> {
        let left = document.not_after.duration_since(Timestamp::now());
        let left = working_time(Duration::try_from(left).unwrap_or_default());
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // A request that is there already lets nothing begin.
        let (tell, state) = watch::channel(request::read(dirs).map(Stopped::Asked));
        let dirs = dirs.clone();
        tokio::spawn(async move {
            let signalled = async {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
            };
            tokio::pin!(signalled);
            let why = tokio::select! {
                () = &mut signalled => Stopped::Interrupted,
                reason = request::wait(&dirs) => Stopped::Asked(reason),
                () = tokio::time::sleep(left) => {
                    tell.send_replace(Some(Stopped::Deadline));
                    signalled.await;
                    Stopped::Interrupted
                }
            };
            tell.send_replace(Some(why));
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

    /// True when the runner must end because of a signal.
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

/// The part of what is left in which Claude may work.
fn working_time(left: Duration) -> Duration {
    left.saturating_sub(MARGIN.min(left / 4))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crd::{Reason, names};

    use super::{Stop, working_time};
    use crate::attempt::sample;
    use crate::claude::verdict::Stopped;
    use crate::dirs::Dirs;

    #[test]
    fn a_quarter_of_a_short_time_is_kept_for_saving() {
        for (left, works) in [(3600, 3510), (360, 270), (100, 75), (40, 30), (0, 0)] {
            let left = Duration::from_secs(left);
            assert_eq!(working_time(left), Duration::from_secs(works));
        }
    }

    #[tokio::test]
    async fn a_request_stops_before_anything_begins_and_while_it_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        let mut stop = Stop::for_task(&sample(), &dirs).unwrap();
        assert_eq!(stop.now(), None);
        std::fs::write(dirs.stop.join(names::STOP_FILE), "Cancelled now").unwrap();
        let why = tokio::time::timeout(Duration::from_secs(20), stop.stopped()).await;
        assert_eq!(why, Ok(Stopped::Asked(Reason::Cancelled)));
        let late = Stop::for_task(&sample(), &dirs).unwrap();
        assert_eq!(late.now(), Some(Stopped::Asked(Reason::Cancelled)));
        assert!(!late.is_interrupted());
    }
}
