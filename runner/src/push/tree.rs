//! A trusted tree with handed-back contents in it.
//!
//! Not here: whether a file may be changed ([`mod@crate::push::build`]).

use std::path::PathBuf;

use crate::attempt::Attempt;
use crate::git::{Git, GitError};
use crate::handoff::{self, CONTENT_LIMIT, ResolvedFile};
use crate::push::rejected::Rejected;

/// What stands at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: String,
    id: String,
}

impl Entry {
    /// A file, not a link, a directory or a submodule.
    fn is_file(&self) -> bool {
        matches!(self.mode.as_str(), "100644" | "100755")
    }
}

/// `tree` with the contents of `files`; its id. A file keeps the mode that it has in `tree`.
///
/// # Errors
/// [`Rejected`].
pub fn write(
    attempt: &Attempt,
    git: &Git,
    tree: &str,
    files: &[ResolvedFile],
) -> Result<String, Rejected> {
    if files.is_empty() {
        return Ok(tree.to_owned());
    }
    let index: PathBuf = attempt.dirs.tmp.join("result.index");
    // One left over by an earlier try would be read.
    let _ = std::fs::remove_file(&index);
    let with_index = |name: &str| git.command(name).env("GIT_INDEX_FILE", &index);
    with_index("read-tree").arg(tree).run()?;
    let mut wanted = Vec::new();
    for file in files {
        wanted.push((file.path.as_str(), wanted_entry(attempt, git, tree, file)?));
    }
    let update = with_index("update-index").args(["-z", "--index-info"]);
    update.input(index_info(&wanted, tree.len())).run()?;
    let written = with_index("write-tree").line()?;
    for (path, entry) in wanted {
        // Git passes over names such as `.git/config` without a word.
        if entry_at(git, &written, path)? != entry {
            return Err(Rejected::Path(path.to_owned()));
        }
    }
    Ok(written)
}

/// The bytes of the file at a path; nothing when there is no file.
///
/// # Errors
/// [`GitError`].
pub fn text(git: &Git, tree: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
    match entry_at(git, tree, path)? {
        Some(entry) if entry.is_file() => git.blob(&entry.id).map(Some),
        _ => Ok(None),
    }
}

/// What shall stand at the file's path: nothing when it was deleted.
fn wanted_entry(
    attempt: &Attempt,
    git: &Git,
    tree: &str,
    file: &ResolvedFile,
) -> Result<Option<Entry>, Rejected> {
    if !is_plain(&file.path) {
        return Err(Rejected::Path(file.path.escape_default().to_string()));
    }
    let mode = match entry_at(git, tree, &file.path)? {
        Some(entry) if entry.is_file() => entry.mode,
        Some(_) => return Err(Rejected::Path(file.path.clone())),
        None if file.executable => "100755".to_owned(),
        None => "100644".to_owned(),
    };
    let Some(name) = &file.content else { return Ok(None) };
    let content = handoff::take(&attempt.dirs.handoff, name, CONTENT_LIMIT)?;
    let hash = git.command("hash-object").args(["-w", "--no-filters", "--stdin"]);
    Ok(Some(Entry { mode, id: hash.input(content).line()? }))
}

/// The input of `update-index -z --index-info`; ids have `width` digits.
fn index_info(wanted: &[(&str, Option<Entry>)], width: usize) -> Vec<u8> {
    let line = |(path, entry): &(&str, Option<Entry>)| match entry {
        Some(Entry { mode, id }) => format!("{mode} {id}\t{path}\0"),
        None => format!("0 {}\t{path}\0", "0".repeat(width)),
    };
    wanted.iter().flat_map(|file| line(file).into_bytes()).collect()
}

/// Whether every part of the path is a name, so that git asks for this path and no other.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0')
}

fn entry_at(git: &Git, tree: &str, path: &str) -> Result<Option<Entry>, GitError> {
    let listed = git.command("ls-tree").args(["-z", "--full-tree", tree, "--", path]).run()?;
    let line = String::from_utf8_lossy(&listed);
    let head = line.split_once('\t').map(|(head, _)| head.split(' ').collect::<Vec<_>>());
    Ok(match head.as_deref() {
        Some([mode, _, id]) => Some(Entry { mode: (*mode).to_owned(), id: (*id).to_owned() }),
        _ => None,
    })
}
