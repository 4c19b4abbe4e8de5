//! The commits of a straight range, one by one onto another commit.
//!
//! Not here: what is done when one of them conflicts.

use crate::git::commit::Commit;
use crate::git::history::Step;
use crate::git::{Git, GitError};
use crate::land::Stamp;

/// Replays `steps`, each with one parent, onto `onto`: author and message are kept, commits that
/// are or become empty are dropped. The last commit (`onto` itself when all were dropped), or
/// nothing when a commit conflicts.
///
/// # Errors
/// [`GitError`].
pub fn replay(
    git: &Git,
    steps: &[Step],
    onto: &str,
    stamp: &Stamp,
) -> Result<Option<String>, GitError> {
    let (mut tip, mut tree) = (onto.to_owned(), git.tree(onto)?);
    for step in steps {
        let original = git.commit(&step.id)?;
        let parent = &step.parents[0];
        let merged = if git.tree(parent)? == tree {
            original.tree.clone()
        } else {
            let merge = git.merge(parent, &tip, &step.id)?;
            if merge.conflicts {
                return Ok(None);
            }
            merge.tree
        };
        if merged == tree {
            continue;
        }
        tree.clone_from(&merged);
        tip = git.write_commit(&Commit {
            tree: merged,
            parents: vec![tip],
            committer: stamp.identity().into_bytes(),
            message: stamp.marked(&original.message),
            ..original
        })?;
    }
    Ok(Some(tip))
}
