//! An index of Jobs or Pods by the task they belong to, fed by a watch.
//!
//! A Pod that vanished is kept, marked gone, until its task is finished: its last words may be the
//! verdict. Not here: who owns whom ([`crate::observe`] compares UIDs).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crd::names;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::watcher::Event;

/// Namespace, name and UID of a task, as its children's labels give them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

impl TaskKey {
    /// The task that a child's labels name.
    pub fn of_child(meta: &ObjectMeta) -> Option<Self> {
        let labels = meta.labels.as_ref()?;
        Some(Self {
            namespace: meta.namespace.clone()?,
            name: labels.get(names::LABEL_TASK)?.clone(),
            uid: labels.get(names::LABEL_TASK_UID)?.clone(),
        })
    }

    /// The task with this metadata.
    pub fn of_task(meta: &ObjectMeta) -> Option<Self> {
        Some(Self {
            namespace: meta.namespace.clone()?,
            name: meta.name.clone()?,
            uid: meta.uid.clone()?,
        })
    }
}

/// A child as last seen.
#[derive(Debug)]
pub struct Child<K> {
    /// Its last state.
    pub object: Arc<K>,
    /// True when it no longer exists.
    pub gone: bool,
}

impl<K> Clone for Child<K> {
    fn clone(&self) -> Self {
        Self { object: Arc::clone(&self.object), gone: self.gone }
    }
}

/// Children of all tasks.
#[derive(Debug)]
pub struct Children<K> {
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    /// By task, then by the child's UID.
    tasks: HashMap<TaskKey, HashMap<String, Child<K>>>,
    /// UIDs listed since the watch began anew; nothing between lists.
    listed: Option<HashSet<String>>,
}

impl<K> Default for Children<K> {
    fn default() -> Self {
        Self { state: Mutex::new(State { tasks: HashMap::new(), listed: None }) }
    }
}

impl<K: Resource> Children<K> {
    /// Takes in what the watch says; returns the tasks for which something changed.
    pub fn apply(&self, event: Event<K>) -> Vec<TaskKey> {
        let mut state = self.lock();
        match event {
            Event::Init => {
                state.listed = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                if let (Some(uid), Some(listed)) = (&object.meta().uid, &mut state.listed) {
                    listed.insert(uid.clone());
                }
                state.put(object, false).into_iter().collect()
            }
            Event::InitDone => state.bury_unlisted(),
            Event::Apply(object) => state.put(object, false).into_iter().collect(),
            Event::Delete(object) => state.put(object, true).into_iter().collect(),
        }
    }

    /// The children of a task, gone ones included.
    pub fn of(&self, task: &TaskKey) -> Vec<Child<K>> {
        self.lock().tasks.get(task).map(|own| own.values().cloned().collect()).unwrap_or_default()
    }

    /// Drops what is only remembered of a task that is finished.
    pub fn forget(&self, task: &TaskKey) {
        let mut state = self.lock();
        if let Some(own) = state.tasks.get_mut(task) {
            own.retain(|_, child| !child.gone);
            if own.is_empty() {
                state.tasks.remove(task);
            }
        }
    }

    /// Nothing here panics while the lock is held, and the index is whole after each step.
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource> State<K> {
    fn put(&mut self, object: K, gone: bool) -> Option<TaskKey> {
        let key = TaskKey::of_child(object.meta())?;
        let uid = object.meta().uid.clone()?;
        let own = self.tasks.entry(key.clone()).or_default();
        own.insert(uid, Child { object: Arc::new(object), gone });
        Some(key)
    }

    /// What a new list no longer holds was deleted while nobody watched.
    fn bury_unlisted(&mut self) -> Vec<TaskKey> {
        let Some(listed) = self.listed.take() else { return Vec::new() };
        let mut changed = Vec::new();
        for (task, own) in &mut self.tasks {
            for (_, child) in own.iter_mut().filter(|(uid, _)| !listed.contains(*uid)) {
                if !child.gone {
                    child.gone = true;
                    changed.push(task.clone());
                }
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::{Children, TaskKey};
    use crate::view::PodView;

    fn pod(uid: &str, task: &str) -> PodView {
        serde_json::from_value(json!({"metadata": {
            "namespace": "demo", "name": format!("pod-{uid}"), "uid": uid,
            "labels": {"claudetask.dev/task": task, "claudetask.dev/task-uid": task},
        }}))
        .unwrap()
    }

    fn key(task: &str) -> TaskKey {
        TaskKey { namespace: "demo".into(), name: task.into(), uid: task.into() }
    }

    #[test]
    fn a_vanished_pod_is_remembered_until_its_task_is_finished() {
        let pods = Children::default();
        assert_eq!(pods.apply(Event::Apply(pod("a", "t"))), [key("t")]);
        assert_eq!(pods.apply(Event::Delete(pod("a", "t"))), [key("t")]);
        assert!(pods.of(&key("t"))[0].gone);
        pods.forget(&key("t"));
        assert!(pods.of(&key("t")).is_empty());
    }

    #[test]
    fn a_pod_deleted_while_nobody_watched_is_gone_after_the_next_list() {
        let pods = Children::default();
        pods.apply(Event::Apply(pod("a", "t")));
        pods.apply(Event::Apply(pod("b", "u")));
        pods.apply(Event::Init);
        pods.apply(Event::InitApply(pod("b", "u")));
        assert_eq!(pods.apply(Event::InitDone), [key("t")]);
        assert!(pods.of(&key("t"))[0].gone);
        assert!(!pods.of(&key("u"))[0].gone);
    }

    #[test]
    fn the_same_pod_seen_twice_counts_once() {
        let pods = Children::default();
        pods.apply(Event::Apply(pod("a", "t")));
        pods.apply(Event::Apply(pod("a", "t")));
        assert_eq!(pods.of(&key("t")).len(), 1);
        pods.forget(&key("t"));
        assert_eq!(pods.of(&key("t")).len(), 1, "only gone children are forgotten");
    }
}
