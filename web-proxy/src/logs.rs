//! Live logs of tasks for any number of viewers, with one read of each container's log.
//!
//! The way of the data: [`cluster`] finds the Pods of a task, whose they are is decided by
//! [`owner`], which containers follow each other by [`order`]; [`read`] reads a log line by line
//! ([`lines`], [`sequence`]), makes an event of each once ([`frame`]) and puts it into the
//! container's [`buffer`], from which each [`viewer`] takes shared bytes. [`task`] keeps what one
//! task needs, and only while somebody views it.
//!
//! Not here: routes, and who may see a log.

pub mod budget;
pub mod buffer;
pub mod chunk;
pub mod cluster;
pub mod container;
pub mod ear;
pub mod frame;
pub mod limits;
pub mod lines;
pub mod order;
pub mod owner;
pub mod position;
pub mod read;
pub mod sequence;
pub mod task;
pub mod text;
pub mod upstream;
pub mod viewer;

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt};

use self::budget::Budget;
use self::cluster::Cluster;
pub use self::limits::Limits;
pub use self::position::Position;
use self::task::TaskLog;
pub use self::task::TaskReceiver;
use self::upstream::{TaskRef, Upstream};

/// The logs that somebody views.
pub struct Logs {
    upstream: Arc<dyn Upstream>,
    limits: Limits,
    budget: Arc<Budget>,
    tasks: Mutex<HashMap<String, Arc<TaskLog>>>,
}

impl Logs {
    /// Reads with this client, which needs `list` and `get` on Pods and `get` on Jobs and
    /// `pods/log`.
    pub fn new(client: kube::Client, limits: Limits) -> Arc<Self> {
        Self::of(Arc::new(Cluster::new(client)), limits)
    }

    /// Reads from elsewhere.
    pub fn of(upstream: Arc<dyn Upstream>, limits: Limits) -> Arc<Self> {
        let budget = Arc::new(Budget::new(limits.total));
        Arc::new(Self { upstream, limits, budget, tasks: Mutex::default() })
    }

    /// The log of a task as SSE, over its containers and attempts, beginning after a line.
    ///
    /// It ends with `event: end` when the task is finished or deleted and everything was sent;
    /// without, when the viewer was too slow and should come again with its last id. It must be
    /// called within a tokio runtime.
    pub fn follow(
        self: &Arc<Self>,
        task: TaskReceiver,
        after: Option<Position>,
    ) -> impl Stream<Item = Bytes> + Send + use<> {
        let Some(log) = self.join(task) else {
            let deleted = [frame::RETRY, frame::END].map(Bytes::from_static);
            return futures::stream::iter(deleted).right_stream();
        };
        viewer::stream(log, after, self.limits).left_stream()
    }

    /// Bytes that the buffers of all logs take, about.
    pub fn memory(&self) -> usize {
        self.budget.used()
    }

    /// Counts a viewer in; none when the task does not exist.
    fn join(self: &Arc<Self>, receiver: TaskReceiver) -> Option<Arc<TaskLog>> {
        let meta = receiver.borrow().as_ref()?.metadata.clone();
        let task = TaskRef { namespace: meta.namespace?, uid: meta.uid? };
        let mut tasks = self.lock();
        let found = tasks.get(&task.uid).map(Arc::clone);
        let is_new = found.is_none();
        let log = found.unwrap_or_else(|| {
            let (upstream, budget) = (Arc::clone(&self.upstream), Arc::clone(&self.budget));
            let log = TaskLog::new(task, upstream, budget, self.limits, Arc::downgrade(self));
            Arc::new(log)
        });
        log.audience().enter();
        log.feed(receiver);
        if is_new {
            tasks.insert(log.uid().to_owned(), Arc::clone(&log));
            tokio::spawn(Arc::clone(&log).drive());
        }
        Some(log)
    }

    /// Drops the logs that nobody views, longest unseen first, while all take too much memory.
    fn relieve(&self) {
        if !self.budget.is_over() {
            return;
        }
        let tasks: Vec<Arc<TaskLog>> = self.lock().values().map(Arc::clone).collect();
        let mut idle = Vec::new();
        for task in &tasks {
            idle.extend(task.idle().into_iter().map(|(since, step)| (since, step, task)));
        }
        idle.sort_unstable_by_key(|(since, ..)| *since);
        for (_, step, task) in idle {
            if !self.budget.is_over() {
                return;
            }
            task.drop_idle(step);
        }
    }

    /// Forgets the task when nobody has viewed it for the grace time.
    fn retire(&self, task: &Arc<TaskLog>) -> bool {
        let mut tasks = self.lock();
        let absent = task.audience().absent_since();
        let retires = absent.is_some_and(|since| since.elapsed() >= self.limits.grace);
        if retires {
            tasks.remove(task.uid());
        }
        retires
    }

    /// Forgets a deleted task.
    fn forget(&self, task: &Arc<TaskLog>) {
        self.lock().remove(task.uid());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<TaskLog>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
