//! Puts the task's own change onto the newest state of the onto branch, without a working copy.
//!
//! In this order: the commits one by one ([`replay`]); the whole change as one merge; a conflict
//! for Claude, or for nobody ([`conflict`]). Not here: where the change comes from and where it is
//! pushed.

pub mod conflict;
pub mod message;
pub mod replay;
pub mod stamp;

use crate::git::commit::Commit;
use crate::git::history::Step;
use crate::git::merge::Merge;
use crate::git::{Git, GitError};
use crate::plan::Conflict;

pub use stamp::Stamp;

/// The task's own change: what leads from `start` to `tip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// Commit that the work started from.
    pub start: &'a str,
    /// Commit that it ended with.
    pub tip: &'a str,
}

/// What became of the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// Nothing is left of it: the onto branch has it all.
    Nothing,
    /// It lies on the onto commit; this is its last commit.
    Clean(String),
    /// Claude has to resolve it.
    Conflict(Conflict),
    /// Nobody here can resolve it.
    Hopeless {
        /// The conflicted files.
        paths: Vec<String>,
        /// Why.
        message: String,
    },
}

/// Lands `change` on the commit `onto`.
///
/// # Errors
/// [`GitError`] when git fails; a conflict is no error.
pub fn land(git: &Git, change: Change<'_>, onto: &str, stamp: &Stamp) -> Result<Landed, GitError> {
    let steps = git.steps(change.start, change.tip)?;
    let straight = steps.iter().all(|step| step.parents.len() == 1)
        && git.is_ancestor(change.start, change.tip)?;
    if straight && let Some(tip) = replay::replay(git, &steps, onto, stamp)? {
        return Ok(if tip == onto { Landed::Nothing } else { Landed::Clean(tip) });
    }
    let merge = git.merge(change.start, onto, change.tip)?;
    if merge.conflicts {
        return conflict::judge(git, change, onto, &steps, &merge, stamp);
    }
    whole(git, onto, &steps, &merge, stamp)
}

/// The whole change as one commit that lists the originals.
fn whole(
    git: &Git,
    onto: &str,
    steps: &[Step],
    merge: &Merge,
    stamp: &Stamp,
) -> Result<Landed, GitError> {
    if merge.tree == git.tree(onto)? {
        return Ok(Landed::Nothing);
    }
    let (message, author) = one_for_all(git, steps, stamp)?;
    let commit = Commit {
        tree: merge.tree.clone(),
        parents: vec![onto.to_owned()],
        author: author.unwrap_or_else(|| stamp.identity()).into_bytes(),
        committer: stamp.identity().into_bytes(),
        encoding: None,
        message: message.into_bytes(),
    };
    git.write_commit(&commit).map(Landed::Clean)
}

/// Message, with the task's mark, and author of one commit that stands for all steps: those of the
/// step if there is one only, else a list of them and the configured author.
fn one_for_all(
    git: &Git,
    steps: &[Step],
    stamp: &Stamp,
) -> Result<(String, Option<String>), GitError> {
    let commits: Vec<Commit> =
        steps.iter().map(|step| git.commit(&step.id)).collect::<Result<_, _>>()?;
    if let [only] = &commits[..]
        && only.encoding.is_none()
    {
        let message = stamp.marked(&only.message);
        let author = String::from_utf8_lossy(&only.author).into_owned();
        return Ok((String::from_utf8_lossy(&message).into_owned(), Some(author)));
    }
    let listed = steps.iter().zip(&commits);
    let lines = listed.map(|(step, commit)| {
        format!("* {} {}", &step.id[..12.min(step.id.len())], commit.subject())
    });
    let list = lines.collect::<Vec<_>>().join("\n");
    let message = stamp.marked(format!("{}\n\n{list}", stamp.title(commits.len())).as_bytes());
    Ok((String::from_utf8_lossy(&message).into_owned(), None))
}
