//! Whose work a checkpoint holds: a later attempt's is never replaced by an earlier one's, and
//! finished work never by unfinished work of the same attempt.
//!
//! A Pod that wakes up after its successor began would do both. Not here: what the work is
//! ([`super::taken`]).

use crd::TaskDocument;

use super::taken::trailer;
use super::{ATTEMPT_TRAILER, STATE_TRAILER, State, UID_TRAILER};
use crate::git::commit::Commit;
use crate::git::{Git, Remote, RemoteError};

/// What the checkpoint held when it was last looked at.
const SEEN: &str = "refs/claudetask/seen";

/// How far the task was; more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    attempt: u32,
    state: State,
}

impl Standing {
    /// That of work which this attempt has brought so far.
    pub const fn new(document: &TaskDocument, state: State) -> Self {
        Self { attempt: document.attempt, state }
    }

    /// That of the commit `seen` on the checkpoint, which is fetched if need be. Nothing when it is
    /// no checkpoint of this task.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn of(
        git: &Git,
        remote: &Remote,
        document: &TaskDocument,
        seen: &str,
    ) -> Result<Option<Self>, RemoteError> {
        if git.resolve(seen, "commit")?.is_none() {
            remote.fetch(git, &[format!("+{}:{SEEN}", document.checkpoint_ref)])?;
        }
        // When something else was fetched, `seen` is not there any more, and no lease.
        match git.resolve(seen, "commit")? {
            Some(id) => Ok(Self::parse(&git.commit(&id)?, document)),
            None => Ok(None),
        }
    }

    /// Whether it is of a later attempt than that of `document`.
    pub const fn is_later(self, document: &TaskDocument) -> bool {
        self.attempt > document.attempt
    }

    fn parse(commit: &Commit, document: &TaskDocument) -> Option<Self> {
        let value = |key: &str| trailer(&commit.message, key);
        if value(UID_TRAILER)? != document.uid {
            return None;
        }
        let state = State::from_word(&value(STATE_TRAILER)?)?;
        // What does not say so was stored by a version that knew one attempt only.
        let attempt = value(ATTEMPT_TRAILER).and_then(|number| number.parse().ok()).unwrap_or(1);
        Some(Self { attempt, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::sample;

    fn parse(message: &str) -> Option<Standing> {
        let commit = Commit {
            tree: String::new(),
            parents: Vec::new(),
            author: Vec::new(),
            committer: Vec::new(),
            encoding: None,
            message: message.as_bytes().to_vec(),
        };
        Standing::parse(&commit, &sample())
    }

    #[test]
    fn a_later_attempt_counts_for_more_and_then_how_far_it_is() {
        let standing = |attempt, state| Standing { attempt, state };
        let all = [
            standing(1, State::Partial),
            standing(1, State::Complete),
            standing(1, State::Built),
            standing(2, State::Partial),
            standing(2, State::Complete),
        ];
        assert!(all.is_sorted());
        assert!(all[3].is_later(&sample()) && !all[2].is_later(&sample()));
    }

    #[test]
    fn only_a_checkpoint_of_the_same_task_has_a_standing() {
        let trailers = "ClaudeTask-State: complete\nClaudeTask-UID: 0f0e\nClaudeTask-Attempt: 3\n";
        let complete = |attempt| Some(Standing { attempt, state: State::Complete });
        assert_eq!(parse(&format!("C\n\n{trailers}")), complete(3));
        assert_eq!(parse(&format!("C\n\n{}", trailers.replace("-Attempt", "-A"))), complete(1));
        assert_eq!(parse(&format!("C\n\n{}", trailers.replace("0f0e", "other"))), None);
        assert_eq!(parse("Fix the form\n"), None);
    }
}
