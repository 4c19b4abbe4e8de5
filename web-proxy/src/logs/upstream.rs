//! Where Pods and their logs are read.
//!
//! Not here: how the apiserver is asked ([`super::cluster`]).

use std::pin::Pin;

use futures::AsyncBufRead;
use futures::future::BoxFuture;

use super::order::{PodFacts, State, Target};

/// A log as it is being read.
pub type Body = Pin<Box<dyn AsyncBufRead + Send>>;

/// Why something could not be read; it is for the proxy's own log, no viewer sees it.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The Pods of a task.
    #[error("the Pods of a task could not be listed")]
    Pods(#[source] kube::Error),
    /// The Job of a Pod.
    #[error("the Job of a Pod could not be read")]
    Job(#[source] kube::Error),
    /// One Pod.
    #[error("a Pod could not be read")]
    Pod(#[source] kube::Error),
    /// The log could not be opened.
    #[error("the log of a container could not be opened")]
    Log(#[source] kube::Error),
    /// The log broke off.
    #[error("the log of a container broke off")]
    Broken(#[from] std::io::Error),
}

/// The task whose logs are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskRef {
    /// Namespace.
    pub namespace: String,
    /// UID.
    pub uid: String,
}

/// What reads Pods and logs: the cluster, or a script in tests.
pub trait Upstream: Send + Sync + 'static {
    /// The Pods that are the task's. Whose a Pod in `known` is has been found out before.
    fn pods<'a>(
        &'a self,
        task: &'a TaskRef,
        known: &'a [PodFacts],
    ) -> BoxFuture<'a, Result<Vec<PodFacts>, Unreadable>>;

    /// State of the container; none when its Pod is gone.
    fn state<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Option<State>, Unreadable>>;

    /// The container's log from its beginning, followed until the container ends.
    fn follow<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>>;

    /// The log's last line as it is now, to see whether that was read.
    fn last_line<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>>;
}
