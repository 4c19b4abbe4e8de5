//! Work taken from a checkpoint: read back from the commit that the git side wrote there.
//!
//! Not here: which checkpoint a task takes its work from ([`crate::clone::earlier`]).

use crd::TaskDocument;
use serde::{Deserialize, Serialize};

use super::{START_TRAILER, STATE_TRAILER, State, UID_TRAILER};
use crate::git::commit::{Commit, is_id};
use crate::git::{Git, GitError};

/// Earlier work that an attempt begins with. What leads from `start` to `work` counts as the
/// task's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// Its last commit.
    pub work: String,
    /// Commit that it started from.
    pub start: String,
    /// How far it is.
    pub state: State,
    /// UID of the task that did it.
    pub uid: String,
}

/// Why a commit is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum NoCheckpoint {
    /// It was not written by the git side of a task.
    #[error("{0}")]
    Malformed(&'static str),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Taken {
    /// Reads the checkpoint commit `id`, whose history is in the repository.
    ///
    /// # Errors
    /// [`NoCheckpoint`].
    pub fn read(git: &Git, id: &str) -> Result<Self, NoCheckpoint> {
        let commit = git.commit(id)?;
        let taken = Self::parse(&commit).map_err(NoCheckpoint::Malformed)?;
        let malformed = |why| Err(NoCheckpoint::Malformed(why));
        if git.tree(&taken.work)? != commit.tree {
            return malformed("its files are not those of the work that it names");
        }
        if git.resolve(&taken.start, "commit")?.as_deref() != Some(&taken.start) {
            return malformed("the commit that its work started from is not in the repository");
        }
        Ok(taken)
    }

    /// Whether this is finished work of the task itself: Claude has nothing left to do.
    pub fn is_finished(&self, document: &TaskDocument) -> bool {
        self.is_own(document) && self.state != State::Partial
    }

    /// Whether the task itself did it, in an earlier attempt.
    pub fn is_own(&self, document: &TaskDocument) -> bool {
        self.uid == document.uid
    }

    fn parse(commit: &Commit) -> Result<Self, &'static str> {
        let value = |key: &str| trailer(&commit.message, key);
        let state = value(STATE_TRAILER).and_then(|word| State::from_word(&word));
        let work = commit.parents.first().cloned();
        Ok(Self {
            state: state.ok_or("it does not say how far the work is")?,
            start: value(START_TRAILER)
                .filter(|start| is_id(start))
                .ok_or("it does not say which commit the work started from")?,
            uid: value(UID_TRAILER).ok_or("it does not say whose work it is")?,
            work: work.ok_or("it has no parent that would be the work")?,
        })
    }
}

/// The value of a trailer in the last paragraph of a message.
pub fn trailer(message: &[u8], key: &str) -> Option<String> {
    let message = std::str::from_utf8(message).ok()?;
    let (_, trailers) = message.trim_end().rsplit_once("\n\n")?;
    let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix(": ")?.to_owned());
    trailers.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(message: &str, parents: &[&str]) -> Commit {
        Commit {
            tree: "t".into(),
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            author: Vec::new(),
            committer: Vec::new(),
            encoding: None,
            message: message.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_checkpoint_says_work_start_state_and_task() {
        let start = "1".repeat(40);
        let trailers =
            format!("ClaudeTask-State: complete\nClaudeTask-Start: {start}\nClaudeTask-UID: u-1\n");
        let taken = Taken::parse(&commit(&format!("Checkpoint\n\n{trailers}"), &["w", "s"]));
        let expected = Taken { work: "w".into(), start, state: State::Complete, uid: "u-1".into() };
        assert_eq!(taken, Ok(expected));
    }

    #[test]
    fn any_other_commit_is_told_what_it_lacks() {
        let id = "1".repeat(40);
        let all =
            format!("C\n\nClaudeTask-State: built\nClaudeTask-Start: {id}\nClaudeTask-UID: u");
        for (message, parents, part) in [
            (all.clone(), &[][..], "no parent"),
            (all.replace("built", "done"), &["w"], "how far"),
            (all.replace(&id, "main"), &["w"], "which commit"),
            (all.replace("-UID", ""), &["w"], "whose work"),
            ("Fix the form\n".to_owned(), &["w"], "how far"),
            (all.replace("\n\n", "\n"), &["w"], "how far"),
        ] {
            let why = Taken::parse(&commit(&message, parents)).unwrap_err();
            assert!(why.contains(part), "{message}: {why}");
        }
    }
}
