//! Puts the task's own change onto the newest state of the onto branch, without a working copy.
//!
//! In this order: the commits one by one ([`replay`]); the whole change as one merge ([`load`]); a
//! conflict for Claude, or for nobody ([`conflict`]). When a whole branch is rebased, people's
//! commits go first ([`people`]). Not here: where the change comes from and where it is pushed.

pub mod conflict;
pub mod load;
pub mod message;
pub mod people;
pub mod replay;
pub mod stamp;

use crd::spec::Commits;

use crate::git::commit::Commit;
use crate::git::{Git, GitError};
use crate::plan::Conflict;

use load::Load;
use people::Moved;
use replay::{Replayed, Whose};
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

/// How a change is landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// What becomes of the commits.
    pub commits: Commits,
    /// Whether the branch that the work started from is rebased as a whole: the commits that it has
    /// and the onto branch has not travel too.
    pub whole: bool,
}

impl Manner {
    /// Commits one by one where that is possible, and only the change itself.
    pub const PLAIN: Self = Self { commits: Commits::Preserve, whole: false };
}

/// Lands `change` on the commit `onto`.
///
/// # Errors
/// [`GitError`] when git fails; a conflict is no error.
pub fn land(
    git: &Git,
    change: Change<'_>,
    onto: &str,
    manner: Manner,
    stamp: &Stamp,
) -> Result<Landed, GitError> {
    match manner {
        Manner { whole: false, commits } => own(git, change, onto, commits, stamp),
        Manner { whole: true, commits: Commits::Preserve } => branch(git, change, onto, stamp),
        Manner { whole: true, commits: Commits::Squash } => squashed(git, change, onto, stamp),
    }
}

/// The files that the change is about, as far as their names are UTF-8: with the conflicted ones,
/// the scope of a resolution.
///
/// # Errors
/// [`GitError`].
pub fn scope(
    git: &Git,
    change: Change<'_>,
    onto: &str,
    manner: Manner,
) -> Result<Vec<String>, GitError> {
    let base = if manner.whole { git.merge_base(change.start, onto)? } else { None };
    conflict::paths(git, base.as_deref().unwrap_or(change.start), change.tip)
}

/// The task's own change.
fn own(
    git: &Git,
    change: Change<'_>,
    onto: &str,
    commits: Commits,
    stamp: &Stamp,
) -> Result<Landed, GitError> {
    let own = git.steps(change.start, change.tip)?;
    let straight = own.iter().all(|step| step.parents.len() == 1)
        && git.is_ancestor(change.start, change.tip)?;
    if straight
        && commits == Commits::Preserve
        && let Replayed::Done(tip) = replay::replay(git, &own, onto, Whose::Agent, stamp)?
    {
        return Ok(if tip == onto { Landed::Nothing } else { Landed::Clean(tip) });
    }
    at_once(git, &Load { change, people: Vec::new(), own, stamp }, onto)
}

/// People's commits, and the task's own change on top of them.
fn branch(git: &Git, change: Change<'_>, onto: &str, stamp: &Stamp) -> Result<Landed, GitError> {
    let people = match people::replay(git, change.start, onto, stamp)? {
        Moved::To(tip) => tip,
        Moved::Refused { paths, message } => return Ok(Landed::Hopeless { paths, message }),
    };
    let landed = own(git, change, &people, Commits::Preserve, stamp)?;
    let has_moved = people != change.start && people != onto;
    Ok(if landed == Landed::Nothing && has_moved { Landed::Clean(people) } else { landed })
}

/// The whole branch and the task's own change as one commit.
fn squashed(git: &Git, change: Change<'_>, onto: &str, stamp: &Stamp) -> Result<Landed, GitError> {
    let Some(base) = git.merge_base(change.start, onto)? else {
        let message = people::UNRELATED.to_owned();
        return Ok(Landed::Hopeless { paths: Vec::new(), message });
    };
    let people = git.steps(onto, change.start)?;
    if base == onto && people.len() <= 1 && change.start == change.tip {
        return Ok(Landed::Nothing);
    }
    let own = git.steps(change.start, change.tip)?;
    let change = Change { start: &base, tip: change.tip };
    at_once(git, &Load { change, people, own, stamp }, onto)
}

/// Everything by one merge, as one commit.
fn at_once(git: &Git, load: &Load<'_>, onto: &str) -> Result<Landed, GitError> {
    let merge = git.merge(load.change.start, onto, load.change.tip)?;
    if merge.conflicts {
        return conflict::judge(git, load, onto, &merge);
    }
    if merge.tree == git.tree(onto)? {
        return Ok(Landed::Nothing);
    }
    let (message, author) = load.as_one(git)?;
    let commit = Commit {
        tree: merge.tree,
        parents: vec![onto.to_owned()],
        author: author.unwrap_or_else(|| load.stamp.identity()).into_bytes(),
        committer: load.stamp.identity().into_bytes(),
        encoding: None,
        message: message.into_bytes(),
    };
    git.write_commit(&commit).map(Landed::Clean)
}
