//! The logs of one task: which containers there are, and the logs that are kept of them.
//!
//! One task of the runtime drives it while somebody views: it follows the task's status and looks
//! at the Pods while a viewer waits for another container. Not here: reading a log
//! ([`super::read`]) and showing it ([`super::viewer`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crd::ClaudeTask;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::Logs;
use super::budget::Budget;
use super::container::{Audience, ContainerLog, Shared};
use super::limits::Limits;
use super::order::{self, PodFacts, Target};
use super::position::Step;
use super::read::Reader;
use super::upstream::{TaskRef, Upstream};

/// A task as the proxy's own watch has it; nothing once it is deleted.
pub type TaskReceiver = watch::Receiver<Option<Arc<ClaudeTask>>>;

/// What is known of the containers of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Those that have started, in order.
    pub started: BTreeMap<Step, Target>,
    /// Why no other will start; none while one may.
    pub end: Option<End>,
}

/// Why no other container will start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The task is finished.
    Finished,
    /// The task is finished, and its Pods are gone.
    Gone,
    /// The task is deleted.
    Deleted,
}

/// The logs of one task.
pub struct TaskLog {
    task: TaskRef,
    upstream: Arc<dyn Upstream>,
    budget: Arc<Budget>,
    limits: Limits,
    hub: Weak<Logs>,
    facts: watch::Sender<Facts>,
    containers: Mutex<HashMap<Step, Arc<ContainerLog>>>,
    audience: Audience,
    /// Viewers that wait for another container.
    waiting: AtomicUsize,
    /// Told when a viewer begins to wait.
    wanted: Notify,
    /// The receiver of the newest viewer, for when an older one is closed.
    newest: Mutex<Option<TaskReceiver>>,
}

impl TaskLog {
    /// The logs of this task; nothing is read before [`Self::drive`] runs.
    pub fn new(
        task: TaskRef,
        upstream: Arc<dyn Upstream>,
        budget: Arc<Budget>,
        limits: Limits,
        hub: Weak<Logs>,
    ) -> Self {
        Self {
            task,
            upstream,
            budget,
            limits,
            hub,
            facts: watch::Sender::default(),
            containers: Mutex::default(),
            audience: Audience::default(),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            newest: Mutex::default(),
        }
    }

    /// Who views it.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// UID of the task.
    pub fn uid(&self) -> &str {
        &self.task.uid
    }

    /// Tells when more is known.
    pub fn subscribe(&self) -> watch::Receiver<Facts> {
        self.facts.subscribe()
    }

    /// Gives the task's status; the last one given is used.
    pub fn feed(&self, receiver: TaskReceiver) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(receiver);
    }

    /// Begins to view a container's log, which is read from now on; none when the task is deleted.
    pub fn enter(&self, target: &Target) -> Option<Arc<ContainerLog>> {
        let mut containers = self.lock();
        if self.facts.borrow().end == Some(End::Deleted) {
            return None;
        }
        let log = containers.entry(target.step).or_insert_with(|| Arc::new(self.open(target)));
        log.audience().enter();
        Some(Arc::clone(log))
    }

    fn open(&self, target: &Target) -> ContainerLog {
        let shared = Arc::new(Shared::new(Arc::clone(&self.budget), self.limits));
        let (upstream, hub) = (Arc::clone(&self.upstream), Weak::clone(&self.hub));
        let reader = Reader::new(upstream, target.clone(), Arc::clone(&shared), hub, self.limits);
        ContainerLog::new(shared, tokio::spawn(reader.run()).abort_handle())
    }

    /// Says that a viewer waits for another container, until the guard is dropped.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.wanted.notify_one();
        Waiting(&self.waiting)
    }

    /// Follows the task until nobody has viewed it for a while.
    pub async fn drive(self: Arc<Self>) {
        let mut pods = Vec::new();
        let mut look = Instant::now();
        let mut sweep = Instant::now() + self.limits.grace;
        let Some(mut task) = self.receiver() else { return self.delete() };
        loop {
            tokio::select! {
                changed = task.changed() => if changed.is_err() {
                    match self.receiver() {
                        Some(newer) => task = newer,
                        None => return self.delete(),
                    }
                },
                () = self.wanted.notified() => {}
                () = sleep_until(look), if self.is_waited_for() => {}
                () = sleep_until(sweep) => {
                    sweep = Instant::now() + self.limits.grace / 2;
                    self.sweep();
                    if self.hub.upgrade().is_none_or(|hub| hub.retire(&self)) {
                        return;
                    }
                }
            }
            let Some(finished) = self.is_finished(&mut task) else { return self.delete() };
            if self.is_waited_for() && look <= Instant::now() {
                self.look(&mut pods, finished).await;
                look = Instant::now() + self.limits.look;
            }
        }
    }

    /// Whether the task is finished; none when it is deleted.
    fn is_finished(&self, task: &mut TaskReceiver) -> Option<bool> {
        let task = task.borrow_and_update();
        // Another task of the same name is another task.
        let own =
            task.as_ref().filter(|task| task.metadata.uid.as_ref() == Some(&self.task.uid))?;
        Some(own.status.as_ref().is_some_and(crd::ClaudeTaskStatus::is_finished))
    }

    fn receiver(&self) -> Option<TaskReceiver> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).take();
        newest.filter(|task| task.has_changed().is_ok())
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    async fn look(&self, known: &mut Vec<PodFacts>, finished: bool) {
        match self.upstream.pods(&self.task, known).await {
            Ok(pods) => *known = pods,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let TaskRef { namespace, uid } = &self.task;
                tracing::warn!(%namespace, %uid, cause, "{error}");
                return;
            }
        }
        // The Pods were read after the verdict, so all that ever started is among them.
        let end = finished.then_some(if known.is_empty() { End::Gone } else { End::Finished });
        self.publish(Facts { started: order::started(known), end });
    }

    fn publish(&self, facts: Facts) {
        self.facts.send_if_modified(|before| {
            let differs = *before != facts;
            *before = facts;
            differs
        });
    }

    /// Ends all streams; those who come later find another log or none.
    fn delete(self: &Arc<Self>) {
        let containers = {
            let mut containers = self.lock();
            self.facts.send_modify(|facts| facts.end = Some(End::Deleted));
            std::mem::take(&mut *containers)
        };
        for log in containers.into_values() {
            log.stop();
        }
        if let Some(hub) = self.hub.upgrade() {
            hub.forget(self);
        }
    }

    /// Drops the logs of containers that nobody has viewed for a while.
    fn sweep(&self) {
        let grace = self.limits.grace;
        self.lock().retain(|_, log| {
            log.audience().absent_since().is_none_or(|since| since.elapsed() < grace)
        });
    }

    /// The containers whose logs are kept though nobody views them, and since when.
    pub fn idle(&self) -> Vec<(Instant, Step)> {
        let containers = self.lock();
        let idle = containers.iter();
        idle.filter_map(|(step, log)| Some((log.audience().absent_since()?, *step))).collect()
    }

    /// Drops the log of a container, unless somebody views it again.
    pub fn drop_idle(&self, step: Step) {
        let mut containers = self.lock();
        if containers.get(&step).is_some_and(|log| log.audience().absent_since().is_some()) {
            containers.remove(&step);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Step, Arc<ContainerLog>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A viewer that waits for another container.
pub struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
