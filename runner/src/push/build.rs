//! The commit to be pushed, made of a trusted tree and contents that were handed back.
//!
//! Every handed-back file is checked: in scope, a text without left-over markers, the mode that the
//! path had. Whatever else the agent did in its working copy never gets here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crd::spec::Scope;

use crate::attempt::Attempt;
use crate::git::commit::Commit;
use crate::git::{Git, GitError};
use crate::handoff::{self, CONTENT_LIMIT, Distrust, ResolvedFile};
use crate::plan::Conflict;
use crate::push::markers;

/// What was handed back is not acceptable.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// A file was changed that the resolution may not change.
    #[error(
        "The resolution changes {0}, which is neither in conflict nor part of the task's change (spec.rebase.scope)."
    )]
    OutOfScope(String),
    /// A conflict marker is left.
    #[error("The resolution leaves a conflict marker in {0}: `{1}`.")]
    Marker(String, String),
    /// The path cannot be handed back: a symbolic link, a submodule, a name that git refuses.
    #[error("The resolution cannot change {0}.")]
    Path(String),
    /// A file of the hand-back is not acceptable as a file.
    #[error(transparent)]
    File(#[from] Distrust),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

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
    let tree = write_tree(attempt, git, &conflict.tree, files)?;
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
    let tree = write_tree(attempt, git, &before, files)?;
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

/// `tree` with the handed-back contents.
fn write_tree(
    attempt: &Attempt,
    git: &Git,
    tree: &str,
    files: &[ResolvedFile],
) -> Result<String, Rejected> {
    let index: PathBuf = attempt.dirs.tmp.join("result.index");
    // One left over by an earlier try would be read.
    let _ = std::fs::remove_file(&index);
    let with_index = |name: &str| git.command(name).env("GIT_INDEX_FILE", &index);
    with_index("read-tree").arg(tree).run()?;
    let mut entries = Vec::new();
    for file in files {
        entries.extend(entry(attempt, git, tree, file)?);
    }
    if !entries.is_empty() {
        let update = with_index("update-index").args(["-z", "--index-info"]).input(entries);
        // Git refuses names such as `../x` and `.git/config`.
        update.run().map_err(|error| match error {
            GitError::Failed { words, .. } => Rejected::Path(words),
            error => error.into(),
        })?;
    }
    Ok(with_index("write-tree").line()?)
}

/// The line of `update-index --index-info` for one file.
fn entry(
    attempt: &Attempt,
    git: &Git,
    tree: &str,
    file: &ResolvedFile,
) -> Result<Vec<u8>, Rejected> {
    if !is_plain(&file.path) {
        return Err(Rejected::Path(file.path.escape_default().to_string()));
    }
    let mode = match mode(git, tree, &file.path)?.as_deref() {
        Some(mode @ ("100644" | "100755")) => mode.to_owned(),
        Some(_) => return Err(Rejected::Path(file.path.clone())),
        None if file.executable => "100755".to_owned(),
        None => "100644".to_owned(),
    };
    let Some(name) = &file.content else {
        let nothing = "0".repeat(tree.len());
        return Ok(format!("0 {nothing}\t{}\0", file.path).into_bytes());
    };
    let content = handoff::take(&attempt.dirs.handoff, name, CONTENT_LIMIT)?;
    let hash = git.command("hash-object").args(["-w", "--no-filters", "--stdin"]);
    let id = hash.input(content).line()?;
    Ok(format!("{mode} {id}\t{}\0", file.path).into_bytes())
}

/// Whether every part of the path is a name, so that git asks for this path and no other.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0')
}

/// Mode of a path in a tree; nothing when it is not there.
fn mode(git: &Git, tree: &str, path: &str) -> Result<Option<String>, GitError> {
    let listed = git.command("ls-tree").args(["-z", "--full-tree", tree, "--", path]).run()?;
    let line = String::from_utf8_lossy(&listed).into_owned();
    Ok(line.split_once(' ').map(|(mode, _)| mode.to_owned()))
}

fn check_markers<S: AsRef<str>>(
    git: &Git,
    tree: &str,
    path: &str,
    sides: [S; 2],
) -> Result<(), Rejected> {
    let content = |tree: &str| -> Result<Option<Vec<u8>>, GitError> {
        match mode(git, tree, path)?.as_deref() {
            Some("100644" | "100755") => git.blob(&format!("{tree}:{path}")).map(Some),
            _ => Ok(None),
        }
    };
    let Some(result) = content(tree)? else { return Ok(()) };
    let mut had = Vec::new();
    for side in &sides {
        had.extend(content(side.as_ref())?);
    }
    match markers::left(&result, &had) {
        Some(line) => {
            Err(Rejected::Marker(path.to_owned(), String::from_utf8_lossy(line).into_owned()))
        }
        None => Ok(()),
    }
}
