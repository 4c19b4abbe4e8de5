//! The checkpoint: this task's ref on the remote that holds work not yet on the branch.
//!
//! What is stored is a commit of the git side whose first parent is the work; its message says how
//! far the work is, with start commit and task; [`taken`] reads it back. Beside it the two notes in
//! `repo` by which git containers tell `save` what is safe already. Not here: when something is
//! stored.

pub mod standing;
pub mod taken;

use crd::{TaskDocument, names};
use serde::{Deserialize, Serialize};

use crate::dirs::Dirs;
use crate::git::commit::Commit;
use crate::git::remote::Move;
use crate::git::{Git, GitError, Remote, RemoteError};
use crate::land::Stamp;
use crate::store::{self, StoreError};

pub use standing::Standing;
pub use taken::{NoCheckpoint, Taken};

/// Trailer with [`State`].
const STATE_TRAILER: &str = "ClaudeTask-State";
/// Trailer with the commit that the work started from.
const START_TRAILER: &str = "ClaudeTask-Start";
/// Trailer with the task's UID. Not `ClaudeTask:`, which means "pushed".
const UID_TRAILER: &str = "ClaudeTask-UID";
/// Trailer with the number of the attempt.
const ATTEMPT_TRAILER: &str = "ClaudeTask-Attempt";
/// Digest of the bundle that `rebase` pushed; `save` pushes none after that.
const SAVED: &str = "saved";
/// The task needs no checkpoint any more; `save` pushes nothing.
const LANDED: &str = "landed";
/// How often a store that lost against `save` is tried again.
const TRIES: u32 = 3;

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Saved while Claude worked, or Claude did not succeed.
    Partial,
    /// Claude succeeded and `verify` passed.
    Complete,
    /// The finished commit, which the branch did not take.
    Built,
}

impl State {
    /// The word in the commit message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Complete => "complete",
            Self::Built => "built",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Partial, Self::Complete, Self::Built]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// Work to be stored.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// Its last commit.
    pub commit: &'a str,
    /// Commit that it started from.
    pub start: &'a str,
    /// How far it is.
    pub state: State,
}

/// Writes the commit that goes to the ref; its id.
///
/// # Errors
/// [`GitError`].
pub fn commit(
    git: &Git,
    document: &TaskDocument,
    stamp: &Stamp,
    work: &Work<'_>,
) -> Result<String, GitError> {
    let (state, start) = (work.state.as_str(), work.start);
    let message = format!(
        "Checkpoint of ClaudeTask {}: {state} work\n\n{STATE_TRAILER}: {state}\n{START_TRAILER}: {start}\n{UID_TRAILER}: {}\n{ATTEMPT_TRAILER}: {}\n",
        stamp.task, document.uid, document.attempt
    );
    let mut parents = vec![work.commit.to_owned()];
    if !git.is_ancestor(start, work.commit)? {
        // Whoever fetches the checkpoint gets the start commit too.
        parents.push(start.to_owned());
    }
    git.write_commit(&Commit {
        tree: git.tree(work.commit)?,
        parents,
        author: stamp.identity().into_bytes(),
        committer: stamp.identity().into_bytes(),
        encoding: None,
        message: message.into_bytes(),
    })
}

/// Whether a full ref is where tasks keep checkpoints: under the operator's prefix, or under the
/// default one.
pub fn is_name_of_one(document: &TaskDocument, name: &str) -> bool {
    let prefix = document.checkpoint_ref.strip_suffix(&document.uid);
    let below = |prefix: &str| !prefix.is_empty() && name.starts_with(prefix);
    prefix.is_some_and(below) || below(names::CHECKPOINT_PREFIX)
}

/// What became of work to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The ref holds it.
    Held,
    /// The ref holds more than that already.
    Superseded,
}

/// Stores the work over an earlier state of the task; over anything that is none as well, because
/// the ref is the task's own.
///
/// # Errors
/// [`RemoteError`] when the remote does not take it.
pub fn store(
    git: &Git,
    remote: &Remote,
    document: &TaskDocument,
    stamp: &Stamp,
    work: &Work<'_>,
) -> Result<Stored, RemoteError> {
    let id = commit(git, document, stamp, work)?;
    let standing = Standing::new(document, work.state);
    let mut tries = 0;
    loop {
        tries += 1;
        let seen = remote.tip(git, &document.checkpoint_ref)?;
        if let Some(seen) = &seen
            && Standing::of(git, remote, document, seen)?.is_some_and(|held| held > standing)
        {
            return Ok(Stored::Superseded);
        }
        match put(git, remote, document, &id, seen.as_deref()) {
            // `save` was faster, or the server stammers; look again.
            Err(RemoteError::Failed(words)) if tries < TRIES && !is_refusal(&words) => {}
            other => return other.map(|()| Stored::Held),
        }
    }
}

/// Whether the server said no, rather than that the ref is not where it was thought to be.
fn is_refusal(words: &str) -> bool {
    words.contains("[remote rejected]") && !words.contains("lock ref")
}

/// Moves the ref from `lease` to the commit `id`; the remote's own list decides whether it did.
///
/// # Errors
/// [`RemoteError`].
pub fn put(
    git: &Git,
    remote: &Remote,
    document: &TaskDocument,
    id: &str,
    lease: Option<&str>,
) -> Result<(), RemoteError> {
    let to = &document.checkpoint_ref;
    let pushed = remote.push(git, &Move { to, commit: Some(id), lease, options: &[] });
    match pushed {
        Err(error) if remote.tip(git, to).ok().flatten().as_deref() != Some(id) => Err(error),
        _ => Ok(()),
    }
}

/// Deletes the ref if it is there and holds nothing of a later attempt.
///
/// # Errors
/// [`RemoteError`]; the ref is then left over, which does no harm.
pub fn delete(git: &Git, remote: &Remote, document: &TaskDocument) -> Result<(), RemoteError> {
    let to = &document.checkpoint_ref;
    match remote.tip(git, to)? {
        Some(seen)
            if Standing::of(git, remote, document, &seen)?
                .is_some_and(|held| held.is_later(document)) =>
        {
            Ok(())
        }
        Some(seen) => {
            remote.push(git, &Move { to, commit: None, lease: Some(&seen), options: &[] })
        }
        None => Ok(()),
    }
}

/// Tells `save` that the bundle with this digest is on the checkpoint.
///
/// # Errors
/// [`StoreError`].
pub fn mark_saved(dirs: &Dirs, digest: &str) -> Result<(), StoreError> {
    store::publish(&dirs.repo, SAVED, digest.as_bytes())
}

/// Tells `save` that nothing is left to be saved.
///
/// # Errors
/// [`StoreError`].
pub fn mark_landed(dirs: &Dirs) -> Result<(), StoreError> {
    store::publish(&dirs.repo, LANDED, b"")
}

/// Whether `save` has nothing to do any more.
pub fn is_safe(dirs: &Dirs) -> bool {
    [SAVED, LANDED].iter().any(|name| dirs.repo.join(name).exists())
}
