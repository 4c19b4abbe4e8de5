//! A conflict as Claude will see it, or the reason why nobody is asked.
//!
//! Submodules, symbolic links, binary files, a file against a directory, and paths that are no
//! UTF-8 cannot be resolved by writing text into a file. Not here: the resolution.

use std::collections::BTreeMap;

use crate::git::history::Step;
use crate::git::merge::{Merge, Sides};
use crate::git::{Git, GitError};
use crate::land::{Change, Landed, Stamp, one_for_all};
use crate::plan::{Conflict, ConflictFile};

/// A NUL byte this early makes a file binary for git's merge.
const BINARY_WINDOW: usize = 8000;

/// Turns a merge that conflicts into work for Claude, or says why it is none.
///
/// # Errors
/// [`GitError`].
pub fn judge(
    git: &Git,
    change: Change<'_>,
    onto: &str,
    steps: &[Step],
    merge: &Merge,
    stamp: &Stamp,
) -> Result<Landed, GitError> {
    let files = files(merge);
    if let Some(message) = hopeless(git, merge, &files)? {
        let paths = files.keys().map(|path| String::from_utf8_lossy(path).into_owned());
        return Ok(Landed::Hopeless { paths: paths.collect(), message });
    }
    let (message, author) = one_for_all(git, steps, stamp)?;
    Ok(Landed::Conflict(Conflict {
        tree: merge.tree.clone(),
        ours: onto.to_owned(),
        theirs: change.tip.to_owned(),
        base: change.start.to_owned(),
        files: files.into_iter().map(|(path, sides)| describe(merge, &path, &sides)).collect(),
        task_paths: task_paths(git, change)?,
        message,
        author,
    }))
}

/// Paths that the task changed, as far as they are UTF-8: the others cannot be handed back.
///
/// # Errors
/// [`GitError`].
pub fn task_paths(git: &Git, change: Change<'_>) -> Result<Vec<String>, GitError> {
    let paths = git.changed_paths(change.start, change.tip)?;
    Ok(paths.into_iter().filter_map(|path| String::from_utf8(path).ok()).collect())
}

/// Every path that git names in connection with a conflict.
fn files(merge: &Merge) -> BTreeMap<Vec<u8>, Sides> {
    let mut files = merge.files.clone();
    for note in merge.notes.iter().filter(|note| note.kind.starts_with("CONFLICT")) {
        // A split directory rename, for one, has words but no sides.
        for path in &note.paths {
            files.entry(path.clone()).or_default();
        }
    }
    files
}

fn describe(merge: &Merge, path: &[u8], sides: &Sides) -> ConflictFile {
    let about = |note: &&crate::git::merge::Note| {
        note.kind.starts_with("CONFLICT") && note.paths.iter().any(|named| named == path)
    };
    let id =
        |entry: &Option<crate::git::merge::Entry>| entry.as_ref().map(|entry| entry.id.clone());
    ConflictFile {
        path: String::from_utf8_lossy(path).into_owned(),
        base: id(&sides.base),
        ours: id(&sides.ours),
        theirs: id(&sides.theirs),
        notes: merge.notes.iter().filter(about).map(|note| note.text.clone()).collect(),
    }
}

fn hopeless(
    git: &Git,
    merge: &Merge,
    files: &BTreeMap<Vec<u8>, Sides>,
) -> Result<Option<String>, GitError> {
    for (path, sides) in files {
        let shown = String::from_utf8_lossy(path);
        let because = |what: &str| Ok(Some(format!("{shown}: {what} cannot be given to Claude.")));
        if std::str::from_utf8(path).is_err() {
            return because("a conflict in a file whose name is no UTF-8");
        }
        if sides.entries().any(|entry| entry.mode == "160000") {
            return because("a submodule conflict");
        }
        if sides.entries().any(|entry| entry.mode == "120000") {
            return because("a conflict of symbolic links");
        }
        for entry in sides.entries() {
            if is_binary(git, &entry.id)? {
                return because("a conflict in a binary file");
            }
        }
    }
    let note = merge.notes.iter().find(|note| {
        ["binary", "file/directory", "directory/file", "submodule"]
            .iter()
            .any(|kind| note.kind.contains(kind))
            && note.kind.starts_with("CONFLICT")
    });
    Ok(note.map(|note| format!("{} This cannot be given to Claude.", one_line(&note.text))))
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
