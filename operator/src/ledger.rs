//! What this process itself did lately: statuses that its cache does not show yet, and failures.
//!
//! Losing it costs a refused write, never a wrong decision. Not here: anything that decides.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crd::{ClaudeTask, ClaudeTaskStatus};

/// First pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Writes and failures by task UID.
#[derive(Debug, Default)]
pub struct Ledger {
    written: Mutex<HashMap<String, Written>>,
    failures: Mutex<HashMap<String, u32>>,
}

/// A status write: from versions of the object that may still be in a cache to the next.
#[derive(Debug, Clone)]
struct Written {
    from: Vec<String>,
    to: String,
    status: ClaudeTaskStatus,
}

impl Ledger {
    /// Notes that `task` now has `status` and the version `to`; `via` is the version that the
    /// status was written over, where that is not `task`'s own.
    pub fn wrote(
        &self,
        task: &ClaudeTask,
        via: Option<String>,
        to: Option<String>,
        status: &ClaudeTaskStatus,
    ) {
        let meta = &task.metadata;
        if let (Some(uid), Some(from), Some(to)) = (&meta.uid, &meta.resource_version, to) {
            let from = std::iter::once(from.clone()).chain(via).collect();
            let written = Written { from, to, status: status.clone() };
            lock(&self.written).insert(uid.clone(), written);
        }
    }

    /// The task as this process left it, if the cache still shows the version before. A version
    /// is followed by exactly one other, so equality is all that has to be asked.
    pub fn newest(&self, task: ClaudeTask) -> ClaudeTask {
        let Some(uid) = task.metadata.uid.clone() else { return task };
        let mut written = lock(&self.written);
        match written.get(&uid) {
            Some(last)
                if task
                    .metadata
                    .resource_version
                    .as_ref()
                    .is_some_and(|v| last.from.contains(v)) =>
            {
                let mut newest = task;
                newest.metadata.resource_version = Some(last.to.clone());
                newest.status = Some(last.status.clone());
                newest
            }
            Some(_) => {
                written.remove(&uid);
                task
            }
            None => task,
        }
    }

    /// Drops all notes about a task that is finished or gone.
    pub fn forget(&self, uid: &str) {
        lock(&self.written).remove(uid);
        lock(&self.failures).remove(uid);
    }

    /// How long to wait after one more failure with this task.
    pub fn failed(&self, uid: &str) -> Duration {
        let mut failures = lock(&self.failures);
        let count = failures.entry(uid.to_owned()).or_default();
        let pause = FIRST_PAUSE.saturating_mul(1 << (*count).min(16));
        *count += 1;
        pause.min(LONGEST_PAUSE)
    }

    /// Notes that all is well with this task.
    pub fn succeeded(&self, uid: &str) {
        lock(&self.failures).remove(uid);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crd::{ClaudeTask, ClaudeTaskStatus};
    use serde_json::json;

    use super::Ledger;

    fn task(version: &str) -> ClaudeTask {
        serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"name": "t", "uid": "u", "resourceVersion": version},
            "spec": {"repository": {"url": "https://git/x.git"}, "prompt": "p"},
        }))
        .unwrap()
    }

    #[test]
    fn an_older_cache_entry_does_not_hide_our_own_write() {
        let ledger = Ledger::default();
        let status = ClaudeTaskStatus { attempt: Some(1), ..ClaudeTaskStatus::default() };
        ledger.wrote(&task("5"), Some("6".into()), Some("7".into()), &status);
        for stale in ["5", "6"] {
            let newest = ledger.newest(task(stale));
            assert_eq!(newest.metadata.resource_version.as_deref(), Some("7"));
            assert_eq!(newest.status.as_ref(), Some(&status));
        }
        assert_eq!(ledger.newest(task("9")).status, None, "others wrote since");
        assert_eq!(ledger.newest(task("5")).status, None, "the note is used up");
    }

    #[test]
    fn pauses_grow_and_end_with_success() {
        let ledger = Ledger::default();
        let pauses: Vec<_> = (0..10).map(|_| ledger.failed("u").as_millis()).collect();
        assert_eq!(pauses[..3], [500, 1000, 2000]);
        assert_eq!(pauses[9], 60_000);
        ledger.succeeded("u");
        assert_eq!(ledger.failed("u").as_millis(), 500);
    }
}
