//! What is kept of runs: the task with its status, and the logs of its containers.
//!
//! One directory a run, `<name>-<first 8 of the UID>`, which only its user may read. A run holds a
//! lock on its own, so that one which died is told from one that goes on. Not here: the private
//! directory of a run that goes on ([`super::volumes`]).

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crd::ClaudeTask;
use crd::span::after;
use jiff::{SignedDuration, Timestamp};

use super::volumes::remove;
use crate::store;

/// The object.
const TASK: &str = "task.yaml";
/// The directory of the logs.
const LOGS: &str = "log";
/// The file that a run holds a lock on.
const LOCK: &str = "lock";
/// The file that names the private directory of a run that goes on.
const WORK: &str = "work";
/// How long a finished run is kept where the task does not say; the operator's own default.
const KEPT: SignedDuration = SignedDuration::from_hours(720);

/// What is kept of one run.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    _lock: Option<File>,
}

/// The records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The object cannot be written as YAML, or read.
    #[error("{}: {words}", path.display())]
    Yaml {
        /// Where.
        path: PathBuf,
        /// Why.
        words: String,
    },
    /// There is no such run.
    #[error("there is no run called {0:?}; `claudetask list` shows those that are there")]
    Unknown(String),
}

impl RecordError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl Record {
    /// Begins the record of `task` below `state`.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn begin(state: &Path, task: &ClaudeTask) -> Result<Self, RecordError> {
        let folder = state.join(name(task));
        private(&folder.join(LOGS)).map_err(RecordError::io(&folder))?;
        let lock = File::create(folder.join(LOCK)).map_err(RecordError::io(&folder))?;
        lock.lock().map_err(RecordError::io(&folder))?;
        let record = Self { folder, _lock: Some(lock) };
        record.save(task)?;
        Ok(record)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the object as it is now, whole or not at all.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn save(&self, task: &ClaudeTask) -> Result<(), RecordError> {
        let path = self.folder.join(TASK);
        let text = yaml(task).map_err(|words| RecordError::Yaml { path: path.clone(), words })?;
        store::publish(&self.folder, TASK, text.as_bytes())
            .map_err(|error| RecordError::Io { source: io::Error::other(error), path })
    }

    /// Notes the run's private directory, so that it is removed even if the run dies.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn note_work(&self, work: &Path) -> Result<(), RecordError> {
        let path = self.folder.join(WORK);
        fs::write(&path, work.as_os_str().as_encoded_bytes()).map_err(RecordError::io(&path))
    }

    /// Forgets the private directory.
    pub fn forget_work(&self) {
        // One that is named and not there is passed over.
        let _ = fs::remove_file(self.folder.join(WORK));
    }

    /// The private directory of a run that died.
    fn abandoned(&self) -> Option<PathBuf> {
        let noted = fs::read(self.folder.join(WORK)).ok()?;
        let is_dead = !self.is_alive();
        is_dead.then(|| PathBuf::from(OsString::from_vec(noted)))
    }

    /// Adds a line to the log of a container.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn log(&self, attempt: u32, container: &str, line: &str) -> Result<(), RecordError> {
        let path = self.folder.join(LOGS).join(format!("{attempt}-{container}.jsonl"));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(RecordError::io(&path))
    }

    /// The object as it was last written.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn task(&self) -> Result<ClaudeTask, RecordError> {
        let path = self.folder.join(TASK);
        let text = fs::read_to_string(&path).map_err(RecordError::io(&path))?;
        serde_saphyr::from_str(&text)
            .map_err(|error| RecordError::Yaml { path, words: error.to_string() })
    }

    /// Whether a program still works on it.
    pub fn is_alive(&self) -> bool {
        File::open(self.folder.join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
    }

    /// The logs in the order of attempts and phases: attempt, container, lines.
    pub fn logs(&self) -> Vec<(u32, String, String)> {
        let entries = fs::read_dir(self.folder.join(LOGS)).into_iter().flatten().flatten();
        let mut logs: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (attempt, container) = name.strip_suffix(".jsonl")?.split_once('-')?;
                let text = fs::read(entry.path()).ok()?;
                let text = String::from_utf8_lossy(&text).into_owned();
                Some((attempt.parse().ok()?, container.to_owned(), text))
            })
            .collect();
        logs.sort_by_key(|(attempt, container, _)| (*attempt, place(container)));
        logs
    }
}

/// All records below `state`, the newest first; what cannot be read is left out.
pub fn all(state: &Path) -> Vec<(Record, ClaudeTask)> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .filter_map(|entry| {
            let record = Record { folder: entry.path(), _lock: None };
            let task = record.task().ok()?;
            Some((record, task))
        })
        .collect();
    all.sort_by_key(|(_, task)| std::cmp::Reverse(created(task)));
    all
}

/// The newest run of this name; a name with the beginning of the UID names one run alone.
///
/// # Errors
/// [`RecordError::Unknown`].
pub fn find(state: &Path, wanted: &str) -> Result<(Record, ClaudeTask), RecordError> {
    let mut all = all(state).into_iter();
    let is_it = |(_, task): &(Record, ClaudeTask)| {
        task.metadata.name.as_deref() == Some(wanted) || name(task) == wanted
    };
    all.find(is_it).ok_or_else(|| RecordError::Unknown(wanted.to_owned()))
}

/// Removes the records of runs whose time after the verdict is over, and what runs that died have
/// left, credentials included.
pub fn prune(state: &Path, now: Timestamp) {
    for (record, task) in all(state) {
        if let Some(work) = record.abandoned()
            && remove(&work).is_ok()
        {
            record.forget_work();
        }
        let finished = task.status.as_ref().and_then(|status| status.finished_at);
        let kept = task.spec.ttl_after_finished.map_or(KEPT, crd::Span::duration);
        if finished.is_some_and(|at| now >= after(at, kept)) {
            // What cannot be removed now is tried again by the next run.
            let _ = fs::remove_dir_all(&record.folder);
        }
    }
}

/// Name of a run: the task's, and the beginning of its UID.
pub fn name(task: &ClaudeTask) -> String {
    let uid: String = task.metadata.uid.as_deref().unwrap_or_default().chars().take(8).collect();
    format!("{}-{uid}", task.metadata.name.as_deref().unwrap_or_default())
}

/// When a run began.
pub fn created(task: &ClaudeTask) -> Option<Timestamp> {
    task.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// The object as YAML.
///
/// # Errors
/// When it cannot be written so; the words say why.
pub fn yaml(task: &ClaudeTask) -> Result<String, String> {
    // By way of JSON, as objects of Kubernetes are meant to be.
    let value = serde_json::to_value(task).map_err(|error| error.to_string())?;
    serde_saphyr::to_string(&value).map_err(|error| error.to_string())
}

fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn place(container: &str) -> usize {
    crd::mounts::containers().position(|name| name == container).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(name: &str, uid: &str, at: &str) -> ClaudeTask {
        serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"name": name, "uid": uid, "creationTimestamp": at},
            "spec": {"repository": {"url": "https://git.example.com/a"}, "prompt": "x: [\n- y"},
        }))
        .unwrap()
    }

    #[test]
    fn a_run_is_found_by_its_name_and_the_newest_counts() {
        let state = tempfile::tempdir().unwrap();
        let old = task("login", "11112222-3", "2026-01-01T00:00:00Z");
        let new = task("login", "99992222-3", "2026-01-02T00:00:00Z");
        let kept: Vec<_> =
            [&new, &old].map(|task| Record::begin(state.path(), task).unwrap()).into();
        assert_eq!(find(state.path(), "login").unwrap().1, new);
        assert_eq!(find(state.path(), "login-11112222").unwrap().1, old);
        assert!(find(state.path(), "gone").unwrap_err().to_string().contains("claudetask list"));
        assert!(find(state.path(), "login").unwrap().0.is_alive());
        drop(kept);
        assert!(!find(state.path(), "login").unwrap().0.is_alive());
    }

    #[test]
    fn logs_come_in_the_order_of_attempts_and_phases() {
        let state = tempfile::tempdir().unwrap();
        let record = Record::begin(state.path(), &task("a", "1", "2026-01-01T00:00:00Z")).unwrap();
        for (attempt, container) in [(10, "clone"), (2, "push"), (2, "run"), (2, "save")] {
            record.log(attempt, container, "line").unwrap();
        }
        let order: Vec<_> = record.logs().into_iter().map(|(n, name, _)| (n, name)).collect();
        let expected = [(2, "run"), (2, "push"), (2, "save"), (10, "clone")];
        assert_eq!(order, expected.map(|(n, name)| (n, name.to_owned())));
    }

    #[test]
    fn a_finished_run_goes_after_its_time() {
        let state = tempfile::tempdir().unwrap();
        let mut over = task("over", "1", "2026-01-01T00:00:00Z");
        over.status =
            serde_json::from_value(json!({"finishedAt": "2026-01-01T01:00:00Z"})).unwrap();
        over.spec.ttl_after_finished = "2h".parse().ok();
        for task in [&over, &task("goes-on", "2", "2026-01-01T00:00:00Z")] {
            Record::begin(state.path(), task).unwrap();
        }
        prune(state.path(), "2026-01-01T02:59:59Z".parse().unwrap());
        assert_eq!(all(state.path()).len(), 2);
        prune(state.path(), "2026-01-01T03:00:00Z".parse().unwrap());
        assert_eq!(all(state.path()).len(), 1);
    }
}
