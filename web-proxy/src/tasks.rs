//! All tasks of the cluster as they are now, from one watch however many people look.
//!
//! Not here: who may see which ([`crate::access`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crd::ClaudeTask;
use crd::errors::chain;
use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{broadcast, watch};

/// Changes that a slow viewer may be behind before it is cut off and begins anew.
const BEHIND: usize = 1024;

/// How long the watch may take to bring what was just created.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);

/// Namespace and name of a task.
pub type Key = (String, String);

/// What happened to a task.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is there, like this.
    Applied(Arc<ClaudeTask>),
    /// It was like this, and is gone.
    Deleted(Arc<ClaudeTask>),
}

impl Change {
    /// The task.
    pub fn task(&self) -> &Arc<ClaudeTask> {
        let (Self::Applied(task) | Self::Deleted(task)) = self;
        task
    }
}

/// All tasks; cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    known: Arc<RwLock<Known>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct Known {
    tasks: BTreeMap<Key, Arc<ClaudeTask>>,
    /// Whether the first list is complete.
    complete: bool,
    /// Tasks that somebody follows one by one.
    followed: BTreeMap<Key, watch::Sender<Option<Arc<ClaudeTask>>>>,
    /// Those seen since a new list began; what is not among them at its end is gone.
    listed: Option<BTreeSet<Key>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { known: Arc::default(), changes: broadcast::Sender::new(BEHIND) }
    }
}

impl Tasks {
    /// Whether all tasks have been seen.
    pub fn complete(&self) -> bool {
        self.read(|known| known.complete)
    }

    /// The task of that name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<ClaudeTask>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.read(|known| known.tasks.get(&key).cloned())
    }

    /// All tasks, by namespace and name.
    pub fn all(&self) -> Vec<Arc<ClaudeTask>> {
        self.read(|known| known.tasks.values().cloned().collect())
    }

    /// Namespaces that hold tasks.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.read(|known| known.tasks.keys().map(|(namespace, _)| namespace.clone()).collect())
    }

    /// Returns when the task has been seen, or after a few seconds: it is there, or gone already.
    pub async fn arrived(&self, namespace: &str, name: &str) {
        let (_, mut changes) = self.follow();
        let seen = async {
            while self.get(namespace, name).is_none() {
                if changes.recv().await.is_err() {
                    return;
                }
            }
        };
        // Whoever looks then is told that it is not there, and looks again.
        let _ = tokio::time::timeout(ARRIVES_WITHIN, seen).await;
    }

    /// The task of that name and what becomes of it; nothing once it is deleted, or another one has
    /// taken its place.
    pub fn follow_one(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<watch::Receiver<Option<Arc<ClaudeTask>>>> {
        let key = (namespace.to_owned(), name.to_owned());
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let task = known.tasks.get(&key).cloned()?;
        known.followed.retain(|_, sender| sender.receiver_count() > 0);
        let sender = known.followed.entry(key).or_insert_with(|| watch::Sender::new(Some(task)));
        Some(sender.subscribe())
    }

    /// All tasks, and every change after that.
    pub fn follow(&self) -> (Vec<Arc<ClaudeTask>>, broadcast::Receiver<Change>) {
        // Under one lock, so that no change falls between the two.
        self.read(|known| (known.tasks.values().cloned().collect(), self.changes.subscribe()))
    }

    /// Takes note of one event of the watch.
    pub(crate) fn note(&self, event: Event<ClaudeTask>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => known.listed = Some(BTreeSet::new()),
            Event::InitApply(task) | Event::Apply(task) => self.apply(&mut known, task),
            Event::Delete(task) => self.delete(&mut known, &key(&task)),
            Event::InitDone => {
                let listed = known.listed.take().unwrap_or_default();
                let gone: Vec<Key> =
                    known.tasks.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                for key in &gone {
                    self.delete(&mut known, key);
                }
                known.complete = true;
            }
        }
    }

    fn apply(&self, known: &mut Known, mut task: ClaudeTask) {
        task.metadata.managed_fields = None;
        let (key, task) = (key(&task), Arc::new(task));
        if let Some(listed) = &mut known.listed {
            listed.insert(key.clone());
        }
        let before = known.tasks.insert(key, Arc::clone(&task));
        match before {
            // A list names what is known already.
            Some(before) if before.metadata.resource_version == task.metadata.resource_version => {}
            // Another one of the same name: the first is gone, which nobody told.
            Some(before) if before.metadata.uid != task.metadata.uid => {
                self.tell(known, Change::Deleted(before));
                self.tell(known, Change::Applied(task));
            }
            _ => self.tell(known, Change::Applied(task)),
        }
    }

    fn delete(&self, known: &mut Known, key: &Key) {
        if let Some(task) = known.tasks.remove(key) {
            self.tell(known, Change::Deleted(task));
        }
    }

    fn tell(&self, known: &mut Known, change: Change) {
        let key = key(change.task());
        match &change {
            Change::Applied(task) => {
                if let Some(sender) = known.followed.get(&key) {
                    sender.send_replace(Some(Arc::clone(task)));
                }
            }
            Change::Deleted(_) => {
                if let Some(sender) = known.followed.remove(&key) {
                    sender.send_replace(None);
                }
            }
        }
        // Without a viewer there is nobody to tell.
        let _ = self.changes.send(change);
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(task: &ClaudeTask) -> Key {
    (task.namespace().unwrap_or_default(), task.name_any())
}

/// Follows the cluster's tasks for ever; a lost watch is begun again.
pub async fn keep(client: Client, tasks: Tasks) {
    let api: Api<ClaudeTask> = Api::all(client);
    let events = watcher::watcher(api, watcher::Config::default()).default_backoff();
    note_all(events, &tasks).await;
}

async fn note_all(
    events: impl Stream<Item = Result<Event<ClaudeTask>, watcher::Error>>,
    tasks: &Tasks,
) {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => tasks.note(event),
            Err(error) => {
                tracing::warn!(error = chain(&error), "the watch of the tasks was interrupted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(name: &str, uid: &str, version: &str) -> ClaudeTask {
        serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"namespace": "team", "name": name, "uid": uid, "resourceVersion": version},
            "spec": {"repository": {"url": "https://git.example.com/a.git"}, "prompt": "Do."},
        }))
        .unwrap()
    }

    fn told(changes: &mut broadcast::Receiver<Change>) -> Vec<String> {
        std::iter::from_fn(|| changes.try_recv().ok())
            .map(|change| {
                let sign = if matches!(change, Change::Applied(_)) { '+' } else { '-' };
                format!("{sign}{}", change.task().metadata.uid.clone().unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn a_new_list_tells_only_what_changed_and_what_is_gone() {
        let tasks = Tasks::default();
        tasks.note(Event::Init);
        tasks.note(Event::InitApply(task("a", "1", "10")));
        tasks.note(Event::InitApply(task("b", "2", "11")));
        assert!(!tasks.complete());
        tasks.note(Event::InitDone);
        assert!(tasks.complete());
        let (all, mut changes) = tasks.follow();
        assert_eq!(all.len(), 2);
        tasks.note(Event::Init);
        tasks.note(Event::InitApply(task("b", "2", "12")));
        tasks.note(Event::InitApply(task("c", "3", "13")));
        assert_eq!(tasks.all().len(), 3, "nothing goes before the list is complete");
        tasks.note(Event::InitDone);
        assert_eq!(told(&mut changes), ["+2", "+3", "-1"]);
    }

    #[test]
    fn who_follows_one_task_is_told_its_end_and_never_of_another_of_its_name() {
        let tasks = Tasks::default();
        assert!(tasks.follow_one("team", "a").is_none());
        tasks.note(Event::Apply(task("a", "1", "10")));
        let first = tasks.follow_one("team", "a").unwrap();
        let version = |task: &Option<Arc<ClaudeTask>>| {
            task.as_ref().and_then(|task| task.metadata.resource_version.clone())
        };
        tasks.note(Event::Apply(task("a", "1", "11")));
        assert_eq!(version(&first.borrow()).as_deref(), Some("11"));
        tasks.note(Event::Apply(task("a", "2", "12")));
        assert!(first.borrow().is_none());
        assert_eq!(
            version(&tasks.follow_one("team", "a").unwrap().borrow()).as_deref(),
            Some("12")
        );
    }

    #[test]
    fn another_task_of_the_same_name_is_another_task() {
        let tasks = Tasks::default();
        tasks.note(Event::Apply(task("a", "1", "10")));
        let (_, mut changes) = tasks.follow();
        tasks.note(Event::Apply(task("a", "2", "12")));
        tasks.note(Event::Delete(task("a", "2", "13")));
        assert_eq!(told(&mut changes), ["-1", "+2", "-2"]);
        assert!(tasks.get("team", "a").is_none());
    }
}
