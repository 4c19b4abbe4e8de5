//! The three watches and their caches; each change puts the task concerned into one queue.
//!
//! Caches are stripped of what no decision reads. Not here: what is done with a queued task
//! ([`crate::controller`]).

use std::fmt::Debug;
use std::sync::Arc;

use crd::errors::chain;
use crd::{ClaudeTask, ClaudeTaskStatus, names};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::channel::oneshot;
use futures::{Stream, StreamExt, pin_mut};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::children::{Children, TaskKey};
use crate::observe::Caches;
use crate::view::{JobView, PodView};

/// A task, or what is left of one that cannot be read.
pub type Guarded = DeserializeGuard<ClaudeTask>;

/// Annotation in which `kubectl apply` keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The running watches.
pub struct Watches {
    /// Tasks, once listed.
    pub tasks: Store<Guarded>,
    /// Jobs and Pods of tasks, once listed.
    pub caches: Arc<Caches>,
    /// Tasks for which something changed.
    pub requests: UnboundedReceiver<ObjectRef<Guarded>>,
    listed: [oneshot::Receiver<()>; 3],
}

impl Watches {
    /// Starts to watch on the current runtime.
    pub fn start(client: &Client) -> Self {
        let (queue, requests) = unbounded();
        let caches = Arc::new(Caches::default());
        let (tasks, tasks_listed) = tasks(client, &caches, queue.clone());
        let jobs_listed = children::<JobView, _>(client, &caches, |c| &c.jobs, &tasks, &queue);
        let pods_listed = children::<PodView, _>(client, &caches, |c| &c.pods, &tasks, &queue);
        Self { tasks, caches, requests, listed: [tasks_listed, jobs_listed, pods_listed] }
    }

    /// Waits until every cache holds what the apiserver listed.
    pub async fn listed(&mut self) {
        for listed in &mut self.listed {
            // An error means that the watch is gone, and with it the runtime.
            let _ = listed.await;
        }
    }
}

fn tasks(
    client: &Client,
    caches: &Arc<Caches>,
    queue: UnboundedSender<ObjectRef<Guarded>>,
) -> (Store<Guarded>, oneshot::Receiver<()>) {
    let (store, writer) = reflector::store();
    let stream = watcher(Api::<Guarded>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .modify(strip_task)
        .reflect(writer);
    let caches = Arc::clone(caches);
    let listed = follow(stream, move |event| match event {
        Event::Apply(task) | Event::InitApply(task) => {
            // The receiver lives as long as the operator works.
            let _ = queue.unbounded_send(ObjectRef::from_obj(&task));
        }
        Event::Delete(task) => {
            if let Some(key) = TaskKey::of_task(task.meta()) {
                caches.forget(&key);
            }
        }
        Event::Init | Event::InitDone => {}
    });
    (store, listed)
}

fn children<K, F>(
    client: &Client,
    caches: &Arc<Caches>,
    index: F,
    tasks: &Store<Guarded>,
    queue: &UnboundedSender<ObjectRef<Guarded>>,
) -> oneshot::Receiver<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    F: Fn(&Caches) -> &Children<K> + Send + 'static,
{
    let ours = format!("{}={}", names::LABEL_MANAGED_BY, names::MANAGER);
    let config = watcher::Config::default().labels(&ours);
    let stream = watcher(Api::<K>::all(client.clone()), config)
        .default_backoff()
        .modify(|child| child.managed_fields_mut().clear());
    let (caches, tasks, queue) = (Arc::clone(caches), tasks.clone(), queue.clone());
    follow(stream, move |event| {
        let index = index(&caches);
        for key in index.apply(event) {
            let task = ObjectRef::new(&key.name).within(&key.namespace);
            let known = tasks.get(&task).is_some_and(|task| task.uid().as_ref() == Some(&key.uid));
            if known {
                let _ = queue.unbounded_send(task);
            } else {
                index.forget(&key);
            }
        }
    })
}

/// Feeds a watch to `take` for ever; resolves the receiver after the first complete list.
fn follow<K: Send + 'static>(
    stream: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    take: impl Fn(Event<K>) + Send + 'static,
) -> oneshot::Receiver<()> {
    let (listed, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let mut listed = Some(listed);
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    let done = matches!(event, Event::InitDone);
                    take(event);
                    if let Some(listed) = listed.take_if(|_| done) {
                        let _ = listed.send(());
                    }
                }
                Err(error) => tracing::warn!(error = chain(&error), "watch interrupted"),
            }
        }
    });
    receiver
}

/// A finished task is only counted; nothing of its spec is read again.
fn strip_task(task: &mut Guarded) {
    task.managed_fields_mut().clear();
    task.annotations_mut().remove(LAST_APPLIED);
    if let Ok(task) = &mut task.0
        && task.status.as_ref().is_some_and(ClaudeTaskStatus::is_finished)
    {
        task.spec.prompt = String::new();
        task.spec.verify = Vec::new();
        if let Some(annotations) = &mut task.metadata.annotations {
            annotations.remove(names::ANNOTATION_VERDICT);
        }
    }
}
