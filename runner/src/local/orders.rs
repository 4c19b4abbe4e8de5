//! When a run stops: somebody presses Ctrl-C, once to cancel and once more to have no patience, or
//! the task's time is over.
//!
//! The steps are those of the operator: ask, then SIGTERM, then SIGKILL. Not here: what the phases
//! do when they are asked ([`crate::request`]).

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use crd::Reason;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use super::process::Force;
use super::volumes::Volumes;

/// How often somebody has asked to stop.
#[derive(Debug, Clone)]
pub struct Orders {
    count: watch::Receiver<u32>,
}

impl Orders {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn listen() -> io::Result<Self> {
        let (mut int, mut term) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (tell, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                }
                tell.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { count })
    }

    /// Those that are told by `count` alone.
    pub const fn of(count: watch::Receiver<u32>) -> Self {
        Self { count }
    }

    /// Whether somebody has asked.
    pub fn is_cancelled(&self) -> bool {
        *self.count.borrow() > 0
    }

    /// Waits until somebody has asked so often.
    pub async fn asked(&self, times: u32) {
        if self.count.clone().wait_for(|count| *count >= times).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The patience with an attempt that is to stop.
#[derive(Debug, Clone, Copy)]
pub struct Grace {
    /// From the request until SIGTERM.
    pub cancel: Duration,
    /// From SIGTERM until SIGKILL.
    pub period: Duration,
}

/// Stops an attempt when it is time to, by `force`; gives the reason as `why` once it has asked for
/// it. Never ends by itself.
pub async fn govern(
    orders: &Orders,
    volumes: &Volumes,
    not_after: Timestamp,
    grace: Grace,
    force: &watch::Sender<Force>,
    why: &watch::Sender<Option<Reason>>,
) -> Infallible {
    let steps = async {
        tokio::select! {
            () = orders.asked(1) => {
                why.send_replace(Some(Reason::Cancelled));
                let request = format!("{} {:.0}", Reason::Cancelled, Timestamp::now());
                // Where it cannot be asked for, the next step comes all the same.
                let _ = volumes.ask_to_stop(&request);
                tokio::select! {
                    () = sleep(grace.cancel) => {}
                    () = sleep(until(not_after)) => {}
                }
            }
            () = sleep(until(not_after)) => {
                why.send_replace(Some(Reason::Timeout));
            }
        }
        force.send_replace(Force::Terminate);
        sleep(grace.period).await;
    };
    tokio::select! {
        () = steps => {}
        () = orders.asked(2) => {}
    }
    force.send_replace(Force::Kill);
    std::future::pending().await
}

fn until(moment: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(Timestamp::now())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crd::names;

    use super::*;
    use crate::local::sandbox::plain::Plain;
    use crate::local::sandbox::{Host, Sandbox};

    const SOON: Duration = Duration::from_millis(100);
    const NEVER: Duration = Duration::from_hours(1);

    /// What happens to an attempt that somebody has asked to stop so often, and that may go on for
    /// so long: the first force, the reason, and the request that the phases see.
    async fn stopped(times: u32, left: Duration, cancel: Duration) -> (Force, Reason, String) {
        let dir = tempfile::tempdir().unwrap();
        // Somebody who is not root, and gives nothing to another user.
        let host = Host { uid: 1000, ..Host::default() };
        let sandbox = Sandbox::Plain(Plain { host: host.clone() });
        let root = dir.path().join("1");
        let volumes = Volumes::make(root, &sandbox, &host, None, None).unwrap();
        let (_ask, count) = watch::channel(times);
        let orders = Orders::of(count);
        let (force, mut forced) = watch::channel(Force::Go);
        let (why, reason) = watch::channel(None);
        let not_after = Timestamp::now() + left;
        let grace = Grace { cancel, period: NEVER };
        let first = tokio::select! {
            never = govern(&orders, &volumes, not_after, grace, &force, &why) => match never {},
            first = forced.wait_for(|force| *force > Force::Go) => *first.unwrap(),
        };
        let file = volumes.root.join(names::STOP.volume).join(names::STOP_FILE);
        let request = std::fs::read_to_string(file).unwrap_or_default();
        (first, reason.borrow().unwrap_or(Reason::Lost), request)
    }

    #[tokio::test]
    async fn a_request_is_told_to_the_phases_before_any_force_is_used() {
        let began = Instant::now();
        let (force, reason, request) = stopped(1, NEVER, SOON).await;
        assert_eq!((force, reason), (Force::Terminate, Reason::Cancelled));
        assert!(request.starts_with("Cancelled "), "{request}");
        assert!(began.elapsed() >= SOON);
    }

    #[tokio::test]
    async fn a_second_request_has_no_patience() {
        assert_eq!(stopped(2, NEVER, NEVER).await.0, Force::Kill);
    }

    #[tokio::test]
    async fn at_the_tasks_last_moment_nobody_is_asked() {
        let (force, reason, request) = stopped(0, SOON, NEVER).await;
        assert_eq!((force, reason), (Force::Terminate, Reason::Timeout));
        assert_eq!(request, "");
    }
}
