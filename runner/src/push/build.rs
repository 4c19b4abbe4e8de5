//! The commit to be pushed, made of a trusted tree and contents that were handed back.
//!
//! Every handed-back file is checked: in scope, a text without left-over markers, the mode that the
//! path had. Whatever else the agent did in its working copy never gets here. Not here: how a
//! content gets into a tree ([`crate::push::tree`]).

use std::collections::BTreeSet;

use crd::spec::Scope;

use crate::attempt::Attempt;
use crate::git::Git;
use crate::git::commit::Commit;
use crate::handoff::ResolvedFile;
use crate::plan::Conflict;
use crate::push::rejected::Rejected;
use crate::push::{markers, tree};

/// The resolved merge as one commit on the onto commit; nothing when it equals that one's tree.
///
/// # Errors
/// [`Rejected`].
pub fn resolved(
    attempt: &Attempt,
    git: &Git,
    conflict: &Conflict,
    files: &[ResolvedFile],
) -> Result<Option<String>, Rejected> {
    let conflicted = conflict.files.iter().map(|file| file.path.as_str());
    let scope = conflicted.clone().chain(conflict.task_paths.iter().map(String::as_str)).collect();
    check_scope(attempt, &scope, files)?;
    let tree = tree::write(attempt, git, &conflict.tree, files)?;
    let returned = files.iter().map(|file| file.path.as_str());
    let paths: BTreeSet<&str> = conflicted.chain(returned).collect();
    for path in paths {
        check_markers(git, &tree, path, [&conflict.ours, &conflict.theirs])?;
    }
    if tree == git.tree(&conflict.ours)? {
        return Ok(None);
    }
    let stamp = attempt.stamp();
    let commit = Commit {
        tree,
        parents: vec![conflict.ours.clone()],
        author: conflict.author.clone().unwrap_or_else(|| stamp.identity()).into_bytes(),
        committer: stamp.identity().into_bytes(),
        encoding: None,
        message: conflict.message.clone().into_bytes(),
    };
    Ok(Some(git.write_commit(&commit)?))
}

/// The cleanly landed tip, with a repair as one more commit on top.
///
/// # Errors
/// [`Rejected`].
pub fn repaired(
    attempt: &Attempt,
    git: &Git,
    tip: &str,
    task_paths: &[String],
    files: &[ResolvedFile],
) -> Result<String, Rejected> {
    if files.is_empty() {
        return Ok(tip.to_owned());
    }
    let scope = task_paths.iter().map(String::as_str).collect();
    check_scope(attempt, &scope, files)?;
    let before = git.tree(tip)?;
    let tree = tree::write(attempt, git, &before, files)?;
    for file in files {
        check_markers(git, &tree, &file.path, [tip, tip])?;
    }
    if tree == before {
        return Ok(tip.to_owned());
    }
    let stamp = attempt.stamp();
    let said = "Repair the change after the rebase\n\nThe commands of spec.verify failed on the rebased commits.";
    let commit = Commit {
        tree,
        parents: vec![tip.to_owned()],
        author: stamp.identity().into_bytes(),
        committer: stamp.identity().into_bytes(),
        encoding: None,
        message: stamp.marked(said.as_bytes()),
    };
    Ok(git.write_commit(&commit)?)
}

fn check_scope(
    attempt: &Attempt,
    scope: &BTreeSet<&str>,
    files: &[ResolvedFile],
) -> Result<(), Rejected> {
    if attempt.document.rebase.scope == Scope::Anywhere {
        return Ok(());
    }
    match files.iter().find(|file| !scope.contains(file.path.as_str())) {
        Some(file) => Err(Rejected::OutOfScope(file.path.clone())),
        None => Ok(()),
    }
}

fn check_markers(git: &Git, tree: &str, path: &str, sides: [&str; 2]) -> Result<(), Rejected> {
    let Some(result) = tree::text(git, tree, path)? else { return Ok(()) };
    let mut had = Vec::new();
    for side in sides {
        had.extend(tree::text(git, side, path)?);
    }
    match markers::left(&result, &had) {
        Some(line) => {
            Err(Rejected::Marker(path.to_owned(), String::from_utf8_lossy(line).into_owned()))
        }
        None => Ok(()),
    }
}
