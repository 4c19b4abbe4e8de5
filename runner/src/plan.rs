//! What the git side tells the agent side and itself: `plan/start.json` and `plan/landing.json`.
//!
//! Written by [`crate::clone`] and [`crate::rebase`], read-only for agent containers. Commits and
//! trees that are named here are in the trusted repository, which the agent side sees read-only.

use crd::{Reason, TaskDocument};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Taken;
use crate::dirs::Dirs;
use crate::store::{self, StoreError};

const START: &str = "start.json";
const LANDING: &str = "landing.json";

/// Why later phases have nothing to do, or must not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Skip {
    /// From the list.
    pub reason: Reason,
    /// A sentence for the task's author.
    pub message: String,
}

/// What `clone` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Commit that the work starts from.
    pub start_commit: String,
    /// Commit of the onto branch when it was fetched.
    pub onto_commit: String,
    /// The onto branch as a full ref, `refs/heads/main`.
    pub onto_ref: String,
    /// The ref that `start_commit` was found by, in full; nothing for a commit named by its id.
    pub base_ref: Option<String>,
    /// What kind of branch is pushed.
    pub target: Target,
    /// Earlier work with which the work tree begins; it leads from `start_commit` to its own last
    /// commit.
    #[serde(default)]
    pub taken: Option<Taken>,
    /// Set when the task is already done (AlreadyPushed).
    pub skip: Option<Skip>,
}

/// The kind of branch that is pushed, and so what it must be until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// A branch that must not exist.
    New,
    /// The onto branch itself (direct landing): the commit that the change lies on.
    Onto,
    /// The branch that the work starts from, which is rebased as a whole onto another: the start
    /// commit.
    Whole,
}

/// What `rebase` made of the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    /// Commit of the onto branch on which the change was landed.
    pub onto_commit: String,
    /// Ref on the remote that holds the work so far.
    pub checkpoint: Option<String>,
    /// Set when nothing is left to push (NothingToPush).
    pub skip: Option<Skip>,
    /// What git could do by itself; nothing when `skip` is set.
    pub landed: Option<Landed>,
}

/// What git could do by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Landed {
    /// The change lies on the onto commit.
    Clean {
        /// Its last commit.
        tip: String,
        /// The tree differs from the one that Claude left and `verify` saw.
        moved: bool,
        /// Files that the task changed: the scope of a repair.
        task_paths: Vec<String>,
    },
    /// The change conflicts.
    Conflicts(Conflict),
}

/// A conflict for Claude to resolve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The merged tree, with markers (diff3 style) in the conflicted files.
    pub tree: String,
    /// Commit on which the change is to lie: that of the onto branch, or in a whole-branch rebase
    /// the last of people's commits replayed there.
    pub ours: String,
    /// The task's last commit.
    pub theirs: String,
    /// Commit that the merged change started from.
    pub base: String,
    /// The conflicted files, each with what git says about it.
    pub files: Vec<ConflictFile>,
    /// Files that the task changed; with the conflicted ones, the scope of a resolution.
    pub task_paths: Vec<String>,
    /// Message of the commit that will hold the resolution.
    pub message: String,
    /// That commit's author, when it is not the configured one: `Name <mail> time zone`.
    pub author: Option<String>,
}

/// One conflicted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConflictFile {
    /// Path in the tree.
    pub path: String,
    /// Blob at the start, if the file was there.
    pub base: Option<String>,
    /// Blob on the onto branch, if the file is there.
    pub ours: Option<String>,
    /// Blob that the task left, if it left one.
    pub theirs: Option<String>,
    /// Git's own words, such as `CONFLICT (modify/delete): …`, one line each.
    pub notes: Vec<String>,
}

impl Start {
    /// Commit that the work tree begins with.
    pub fn first_commit(&self) -> &str {
        self.taken.as_ref().map_or(&self.start_commit, |taken| &taken.work)
    }

    /// Whether an earlier attempt left finished work, so that Claude has nothing to do in Run.
    pub fn is_finished(&self, document: &TaskDocument) -> bool {
        self.taken.as_ref().is_some_and(|taken| taken.is_finished(document))
    }

    /// Writes `start.json`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(&self, dirs: &Dirs) -> Result<(), StoreError> {
        store::publish_json(&dirs.plan, START, self)
    }

    /// Reads `start.json`.
    ///
    /// # Errors
    /// [`StoreError`], also when `clone` left none.
    pub fn read(dirs: &Dirs) -> Result<Self, StoreError> {
        store::read_json(&dirs.plan, START)?.ok_or_else(|| missing(START))
    }
}

impl Landing {
    /// Writes `landing.json`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(&self, dirs: &Dirs) -> Result<(), StoreError> {
        store::publish_json(&dirs.plan, LANDING, self)
    }

    /// Reads `landing.json`.
    ///
    /// # Errors
    /// [`StoreError`], also when `rebase` left none.
    pub fn read(dirs: &Dirs) -> Result<Self, StoreError> {
        store::read_json(&dirs.plan, LANDING)?.ok_or_else(|| missing(LANDING))
    }
}

fn missing(name: &str) -> StoreError {
    StoreError::Io(format!("plan/{name}"), std::io::ErrorKind::NotFound.into())
}
