//! Where a later attempt starts: from the first one's start commit, or where its saved work did.
//!
//! A branch that is rebased as a whole may have moved since: then the work is taken to its new tip,
//! whose commits are to travel too. Not here: the saved work itself ([`crate::clone::earlier`]).

use crate::attempt::Attempt;
use crate::checkpoint::Taken;
use crate::clone::branches::{Branches, Unfit};
use crate::clone::earlier::EARLIER;
use crate::clone::{Error, START};
use crate::git::{Git, RemoteError};
use crate::land::{self, Change, Landed, Manner};
use crate::plan::Target;

/// The commit that the attempt starts from, and the work that it begins with. `tip` is the commit
/// that `spec.repository.ref` leads to now.
///
/// # Errors
/// [`Error`].
pub fn start(
    attempt: &Attempt,
    git: &Git,
    branches: &Branches,
    tip: String,
    taken: Option<Taken>,
) -> Result<(String, Option<Taken>), Error> {
    match (branches.kind(), taken) {
        (Target::Whole, Some(taken)) if taken.start != tip && taken.is_own(&attempt.document) => {
            let taken = follow(attempt, git, taken, tip)?;
            Ok((taken.start.clone(), Some(taken)))
        }
        (_, Some(taken)) => Ok((taken.start.clone(), Some(taken))),
        // Nothing is done yet, so the branch counts as it is now.
        (Target::Whole, None) => Ok((tip, None)),
        (Target::New | Target::Onto, None) => Ok((first(attempt, git, tip)?, None)),
    }
}

/// The first attempt's start commit, or `tip` in the first attempt itself.
fn first(attempt: &Attempt, git: &Git, tip: String) -> Result<String, Error> {
    let Some(id) = attempt.document.start_commit.clone().filter(|id| *id != tip) else {
        return Ok(tip);
    };
    if git.resolve(&id, "commit")?.is_some() {
        return Ok(id);
    }
    match attempt.remote.fetch(git, &[format!("+{id}:{START}")]) {
        Ok(()) => Ok(id),
        Err(RemoteError::Failed(words)) => Err(Unfit::NotFound(format!(
            "The commit {id} that the first attempt started from is not in the repository any more: {words}"
        ))
        .into()),
        Err(error) => Err(Error::Fetch(error)),
    }
}

/// The saved work as a change of `tip`, to which the branch moved.
fn follow(attempt: &Attempt, git: &Git, taken: Taken, tip: String) -> Result<Taken, Error> {
    let (branch, name) = (&attempt.document.branch, &attempt.document.checkpoint_ref);
    attempt.progress.phase(format!("{branch} moved to {tip}: takes the saved work there"));
    let change = Change { start: &taken.start, tip: &taken.work };
    let work = match land::land(git, change, &tip, Manner::PLAIN, &attempt.stamp())? {
        Landed::Clean(work) => work,
        Landed::Nothing => tip.clone(),
        Landed::Conflict(_) | Landed::Hopeless { .. } => {
            return Err(Error::Unresolved(format!(
                "The branch {branch} moved while the task ran, and what came conflicts with the work saved on {name}."
            )));
        }
    };
    git.command("update-ref").args([EARLIER, &work]).run()?;
    Ok(Taken { work, start: tip, ..taken })
}
