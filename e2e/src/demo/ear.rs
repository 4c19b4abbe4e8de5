//! Listens to the log of a task's running container, one container at a time.
//!
//! Not here: what a line means ([`crd::log`]).

use std::time::Duration;

use crd::log::Line;
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// A container that has only been started has no log yet.
const AGAIN: Duration = Duration::from_millis(300);

/// A task and what it does now.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The task's name.
    pub task: String,
    /// The activity.
    pub activity: String,
}

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The Pod.
    pub pod: String,
    /// The container in it.
    pub container: &'static str,
}

/// One task's ear; listens no more when dropped.
#[derive(Default)]
pub struct Ear {
    place: Option<Place>,
    listening: JoinSet<()>,
}

impl Ear {
    /// Listens to this log from now on, and to no other.
    pub fn turn_to(
        &mut self,
        place: Place,
        task: &str,
        pods: &Api<Pod>,
        to: &UnboundedSender<Heard>,
    ) {
        if self.place.as_ref() != Some(&place) {
            self.listening.abort_all();
            self.listening.spawn(listen(place.clone(), task.to_owned(), pods.clone(), to.clone()));
            self.place = Some(place);
        }
    }
}

async fn listen(place: Place, task: String, pods: Api<Pod>, to: UnboundedSender<Heard>) {
    let container = Some(place.container.to_owned());
    let params = LogParams { container, follow: true, ..LogParams::default() };
    let log = loop {
        match pods.log_stream(&place.pod, &params).await {
            Ok(log) => break log,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    };
    let mut lines = log.lines();
    while let Ok(Some(line)) = lines.try_next().await {
        if let Some(activity) = activity(&line) {
            // Nobody wants to know any more: the table is gone.
            let _ = to.send(Heard { task: task.clone(), activity });
        }
    }
}

/// What a line tells; nothing when it is none of the runner's.
fn activity(line: &str) -> Option<String> {
    serde_json::from_str::<Line>(line).ok()?.activity()
}
