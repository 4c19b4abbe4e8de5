//! People's commits on a branch that is rebased as a whole: those that the branch has and onto has
//! not.
//!
//! They are replayed one by one or not at all, because nobody asked for their history to be
//! changed. Not here: the task's own change on top of them, and the squash that was asked for.

use crate::git::history::Step;
use crate::git::{Git, GitError};
use crate::land::Stamp;
use crate::land::replay::{self, Whose};

/// What is said of a branch that has nothing in common with the onto branch.
pub const UNRELATED: &str = "The branch and the onto branch have no commit in common.";

/// What became of people's commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// They lie on the onto commit; this is the last of them. It is the branch as it was when it
    /// was on the onto commit already, and the onto commit itself when that has them all.
    To(String),
    /// They cannot be replayed.
    Refused {
        /// The conflicted files.
        paths: Vec<String>,
        /// Why, for the task's author.
        message: String,
    },
}

/// Replays the commits from `onto` to `start` onto `onto`.
///
/// # Errors
/// [`GitError`]; a conflict is none.
pub fn replay(git: &Git, start: &str, onto: &str, stamp: &Stamp) -> Result<Moved, GitError> {
    if git.is_ancestor(onto, start)? {
        // Written anew they would only get other names.
        return Ok(Moved::To(start.to_owned()));
    }
    let steps = git.steps(onto, start)?;
    if let Some(Step { id, parents }) = steps.iter().find(|step| step.parents.len() != 1) {
        let what = if parents.is_empty() { "has no parent" } else { "is a merge" };
        return refused(git, id, what, Vec::new());
    }
    match replay::replay(git, &steps, onto, Whose::People, stamp)? {
        replay::Replayed::Done(tip) => Ok(Moved::To(tip)),
        replay::Replayed::Stopped { commit, merge } => {
            let paths = merge.conflicted();
            let what = format!("conflicts with the onto branch in {}", paths.join(", "));
            refused(git, &commit, &what, paths)
        }
    }
}

fn refused(git: &Git, commit: &str, what: &str, paths: Vec<String>) -> Result<Moved, GitError> {
    let subject = git.commit(commit)?.subject();
    let message = format!(
        "The branch cannot be rebased as it is: its commit {} ({subject}) {what}. Rebase the branch by hand, \
         or set spec.rebase.commits to Squash to land all of it as one commit.",
        commit.get(..12).unwrap_or(commit)
    );
    Ok(Moved::Refused { paths, message })
}
