//! A whole-branch rebase tried before anything is paid: people's commits are known already.
//!
//! What is made here is thrown away; the onto branch may be another one when it counts. Not here:
//! the task's own change.

use crd::spec::Commits;

use crate::attempt::Attempt;
use crate::clone::Error;
use crate::git::Git;
use crate::land::people::{self, Moved};
use crate::plan::{Start, Target};

/// Replays people's commits onto the onto branch as it was fetched, if they are to be.
///
/// # Errors
/// [`Error::Unresolved`] when they cannot be replayed.
pub fn rehearse(attempt: &Attempt, git: &Git, start: &Start) -> Result<(), Error> {
    if start.target != Target::Whole {
        return Ok(());
    }
    match attempt.document.rebase.commits {
        Commits::Preserve => {
            let moved =
                people::replay(git, &start.start_commit, &start.onto_commit, &attempt.stamp())?;
            match moved {
                Moved::To(_) => Ok(()),
                Moved::Refused { message, .. } => Err(Error::Unresolved(message)),
            }
        }
        Commits::Squash => match git.merge_base(&start.start_commit, &start.onto_commit)? {
            Some(_) => Ok(()),
            None => Err(Error::Unresolved(people::UNRELATED.to_owned())),
        },
    }
}
