//! The commits of a straight range, one by one onto another commit.
//!
//! Not here: what is done when one of them conflicts.

use crate::git::commit::Commit;
use crate::git::history::Step;
use crate::git::merge::Merge;
use crate::git::{Git, GitError};
use crate::land::Stamp;

/// Who made the commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The agent: marks that it wrote are taken out, and commits that were empty from the start are
    /// dropped.
    Agent,
    /// People: their words stay, marks of other tasks included, and their empty commits too.
    People,
}

/// How far a replay came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// To the end; this is the last commit, or the one that it began with when nothing was left.
    Done(String),
    /// Up to a commit that conflicts.
    Stopped {
        /// The original of that commit.
        commit: String,
        /// The merge that conflicts.
        merge: Merge,
    },
}

/// Replays `steps`, each with one parent, onto `onto`: author and message are kept, commits that
/// become empty are dropped.
///
/// # Errors
/// [`GitError`].
pub fn replay(
    git: &Git,
    steps: &[Step],
    onto: &str,
    whose: Whose,
    stamp: &Stamp,
) -> Result<Replayed, GitError> {
    let (mut tip, mut tree) = (onto.to_owned(), git.tree(onto)?);
    for step in steps {
        let original = git.commit(&step.id)?;
        let parent = &step.parents[0];
        let before = git.tree(parent)?;
        let merged = if before == tree {
            original.tree.clone()
        } else {
            let merge = git.merge(parent, &tip, &step.id)?;
            if merge.conflicts {
                return Ok(Replayed::Stopped { commit: step.id.clone(), merge });
            }
            merge.tree
        };
        let was_empty = before == original.tree;
        if merged == tree && !(was_empty && whose == Whose::People) {
            continue;
        }
        tree.clone_from(&merged);
        tip = git.write_commit(&Commit {
            tree: merged,
            parents: vec![tip],
            committer: stamp.identity().into_bytes(),
            message: match whose {
                Whose::Agent => stamp.marked(&original.message),
                Whose::People => stamp.added(&original.message),
            },
            ..original
        })?;
    }
    Ok(Replayed::Done(tip))
}
