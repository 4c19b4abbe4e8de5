//! A conflict as Claude will see it, or the reason why nobody is asked.
//!
//! Submodules, symbolic links, binary files, a file against a directory, and paths that are no
//! UTF-8 cannot be resolved by writing text into a file. Not here: the resolution.

use std::collections::BTreeMap;

use crate::git::merge::{Entry, Merge, Note, Sides, shown};
use crate::git::{Git, GitError};
use crate::land::{Landed, Load};
use crate::plan::{Conflict, ConflictFile};

/// A NUL byte this early makes a file binary for git's merge.
const BINARY_WINDOW: usize = 8000;
/// Parts of the names of conflicts that are about something else than text in files.
const NO_TEXT: [&str; 4] = ["binary", "file/directory", "directory/file", "submodule"];

/// Turns a merge that conflicts into work for Claude, or says why it is none.
///
/// # Errors
/// [`GitError`].
pub fn judge(git: &Git, load: &Load<'_>, ours: &str, merge: &Merge) -> Result<Landed, GitError> {
    let files = merge.named();
    if let Some(message) = hopeless(git, merge, &files)? {
        return Ok(Landed::Hopeless { paths: merge.conflicted(), message });
    }
    let (message, author) = load.as_one(git)?;
    Ok(Landed::Conflict(Conflict {
        tree: merge.tree.clone(),
        ours: ours.to_owned(),
        theirs: load.change.tip.to_owned(),
        base: load.change.start.to_owned(),
        files: files.into_iter().map(|(path, sides)| describe(merge, &path, &sides)).collect(),
        // The caller knows what else belongs to the task's change.
        task_paths: Vec::new(),
        message,
        author,
    }))
}

/// Paths that differ between two commits, as far as they are UTF-8: the others cannot be handed
/// back.
///
/// # Errors
/// [`GitError`].
pub fn paths(git: &Git, old: &str, new: &str) -> Result<Vec<String>, GitError> {
    let paths = git.changed_paths(old, new)?;
    Ok(paths.into_iter().filter_map(|path| String::from_utf8(path).ok()).collect())
}

fn describe(merge: &Merge, path: &[u8], sides: &Sides) -> ConflictFile {
    let about = |note: &&Note| note.paths.iter().any(|named| named == path);
    let id = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.id.clone());
    ConflictFile {
        path: String::from_utf8_lossy(path).into_owned(),
        base: id(&sides.base),
        ours: id(&sides.ours),
        theirs: id(&sides.theirs),
        notes: merge.conflict_notes().filter(about).map(|note| note.text.clone()).collect(),
    }
}

fn hopeless(
    git: &Git,
    merge: &Merge,
    files: &BTreeMap<Vec<u8>, Sides>,
) -> Result<Option<String>, GitError> {
    for (path, sides) in files {
        if let Some(what) = no_text(git, path, sides)? {
            return Ok(Some(format!("{}: {what} cannot be given to Claude.", shown(path))));
        }
    }
    let no_text = |note: &&Note| NO_TEXT.iter().any(|kind| note.kind.contains(kind));
    let note = merge.conflict_notes().find(no_text);
    Ok(note.map(|note| format!("{} This cannot be given to Claude.", one_line(&note.text))))
}

/// Why the conflict in this path is not one of text.
fn no_text(git: &Git, path: &[u8], sides: &Sides) -> Result<Option<&'static str>, GitError> {
    let has_mode = |mode: &str| sides.entries().any(|entry| entry.mode == mode);
    if std::str::from_utf8(path).is_err() {
        return Ok(Some("a conflict in a file whose name is no UTF-8"));
    }
    if has_mode("160000") {
        return Ok(Some("a submodule conflict"));
    }
    if has_mode("120000") {
        return Ok(Some("a conflict of symbolic links"));
    }
    for entry in sides.entries() {
        if is_binary(git, &entry.id)? {
            return Ok(Some("a conflict in a binary file"));
        }
    }
    Ok(None)
}

/// Whether git takes the blob for a binary file, or it is too large to be anything else.
fn is_binary(git: &Git, id: &str) -> Result<bool, GitError> {
    match git.blob(id) {
        Ok(bytes) => Ok(bytes.iter().take(BINARY_WINDOW).any(|&byte| byte == 0)),
        Err(GitError::TooMuch(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.ends_with('.') { line } else { line + "." }
}
