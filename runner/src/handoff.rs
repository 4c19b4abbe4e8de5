//! What the agent side hands back, and the only way in which the git side reads it.
//!
//! Whoever wrote the repository or the prompt may have written these files. Names are flat, files
//! are opened without following links, must be regular and below a size, and are copied before
//! anything looks at them; JSON is parsed strictly. Not here: what a bundle contains
//! ([`crate::bundle`]) and whether a resolution is acceptable ([`crate::push::build`]).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crd::status::Usage;
use crd::{Outcome, Reason};
use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{self, StoreError};

/// Name of `run`'s result.
pub const RESULT: &str = "result.json";
/// Name of a file that says that Run's process has ended, from whoever has seen it: a run without a
/// cluster. A kubelet says nothing of it to the saver.
pub const OVER: &str = "run.over";
/// Name of `resolve`'s result.
pub const RESOLUTION: &str = "resolution.json";
/// The one ref in a bundle.
pub const BUNDLE_REF: &str = "refs/claudetask/work";
/// Largest JSON file in bytes.
pub const JSON_LIMIT: u64 = 4 << 20;
/// Largest bundle in bytes.
pub const BUNDLE_LIMIT: u64 = 2 << 30;
/// Largest content of one resolved file in bytes.
pub const CONTENT_LIMIT: u64 = 64 << 20;

/// Whether a bundle is all of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Saved while Claude was working.
    Partial,
    /// The last one of a Run, whatever its outcome.
    Final,
}

/// `<n>.json`: says that `<n>.bundle` is complete. `n` counts from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundleNote {
    /// Whether more may follow.
    pub extent: Extent,
    /// The commit that the bundle's ref names.
    pub commit: String,
}

/// `result.json`: how Run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunResult {
    /// Succeeded (Claude succeeded and `verify` passed) or Failed.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// A sentence for the task's author.
    #[serde(default)]
    pub message: String,
    /// Claude Code's session.
    #[serde(default, rename = "sessionID")]
    pub session_id: Option<String>,
    /// What Run's Claude processes used.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Claude's closing words.
    #[serde(default)]
    pub summary: Option<String>,
    /// The last commit, as in the final bundle; nothing when nothing changed.
    #[serde(default)]
    pub commit: Option<String>,
}

/// `resolution.json`: how ConflictResolution ended, and the contents that it hands back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolution {
    /// Succeeded, Failed, or Skipped when there was nothing to do.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// A sentence for the task's author.
    #[serde(default)]
    pub message: String,
    /// Agent turns for the resolution.
    #[serde(default)]
    pub rounds: u32,
    /// What its Claude processes used.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// Every file that differs from the merged tree, or from the cleanly landed tip.
    #[serde(default)]
    pub files: Vec<ResolvedFile>,
}

/// One file of a resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResolvedFile {
    /// Path in the tree.
    pub path: String,
    /// Flat name of the file in `handoff` with the new content; nothing when it was deleted.
    #[serde(default)]
    pub content: Option<String>,
    /// The file is executable.
    #[serde(default)]
    pub executable: bool,
}

/// A file of the agent side is not acceptable.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// There is none.
    #[error("the agent container left no {0}")]
    Missing(String),
    /// The name has a directory in it, or is hidden.
    #[error("{0:?} is no name of a handed-back file")]
    Name(String),
    /// A link, a directory, a device.
    #[error("{0} is no regular file")]
    Irregular(String),
    /// Too large.
    #[error("{0} is larger than {1} bytes")]
    TooLarge(String, u64),
    /// Not the JSON that was agreed.
    #[error("{0} cannot be read: {1}")]
    Malformed(String, #[source] serde_json::Error),
    /// The file system refused.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
}

/// Writes one of these files; for the agent side.
///
/// # Errors
/// [`StoreError`].
pub fn publish<T: Serialize>(dir: &Path, name: &str, value: &T) -> Result<(), StoreError> {
    store::publish_json(dir, name, value)
}

/// Number and note of the newest complete bundle, or nothing. Files that are no such note are
/// passed over.
pub fn newest_bundle(dir: &Path) -> Option<(u32, BundleNote)> {
    let number = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".json")?.parse::<u32>().ok()
    };
    let mut numbers: Vec<u32> = std::fs::read_dir(dir).ok()?.flatten().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.into_iter().rev().find_map(|n| Some((n, take_json(dir, &format!("{n}.json")).ok()?)))
}

/// Reads and parses a JSON file.
///
/// # Errors
/// [`Distrust`].
pub fn take_json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T, Distrust> {
    let bytes = take(dir, name, JSON_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|error| Distrust::Malformed(name.to_owned(), error))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`Distrust`].
pub fn take(dir: &Path, name: &str, limit: u64) -> Result<Vec<u8>, Distrust> {
    let mut bytes = Vec::new();
    let read = open(dir, name, limit)?.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| Distrust::Io(name.to_owned(), error))?;
    if bytes.len() as u64 > limit {
        Err(Distrust::TooLarge(name.to_owned(), limit))
    } else {
        Ok(bytes)
    }
}

/// Copies a file of at most `limit` bytes to a place of one's own.
///
/// # Errors
/// [`Distrust`].
pub fn copy(dir: &Path, name: &str, limit: u64, to: &Path) -> Result<(), Distrust> {
    let failed = |error| Distrust::Io(name.to_owned(), error);
    let mut from = open(dir, name, limit)?.take(limit + 1);
    let mut to = File::create(to).map_err(failed)?;
    if std::io::copy(&mut from, &mut to).map_err(failed)? > limit {
        return Err(Distrust::TooLarge(name.to_owned(), limit));
    }
    Ok(())
}

fn open(dir: &Path, name: &str, limit: u64) -> Result<File, Distrust> {
    let flat = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(flat) {
        return Err(Distrust::Name(name.to_owned()));
    }
    // Without O_NONBLOCK opening a named pipe would wait for ever.
    let flags = O_NOFOLLOW | O_NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(dir.join(name));
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Distrust::Missing(name.to_owned()),
        _ if error.raw_os_error() == Some(ELOOP) => Distrust::Irregular(name.to_owned()),
        _ => Distrust::Io(name.to_owned(), error),
    })?;
    let meta = file.metadata().map_err(|error| Distrust::Io(name.to_owned(), error))?;
    if !meta.is_file() {
        return Err(Distrust::Irregular(name.to_owned()));
    }
    if meta.len() > limit {
        return Err(Distrust::TooLarge(name.to_owned(), limit));
    }
    Ok(file)
}
