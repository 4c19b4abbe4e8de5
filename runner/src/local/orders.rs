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
