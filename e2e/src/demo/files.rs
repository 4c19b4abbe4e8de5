//! The files that the demo leaves in the checkout, in `target/demo`: the tasks as they were
//! applied, and all logs of one that failed.
//!
//! Not here: what they say.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cluster::layout::checkout;
use crate::cluster::owner;

/// Writes a file for the checkout's owner and gives its path.
pub fn write(name: &str, text: &str) -> Result<PathBuf> {
    let directory = checkout().join("target/demo");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let path = directory.join(name);
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    owner::hand_over(&[&directory, &path])?;
    Ok(path)
}

/// A path as it is best typed: relative in the checkout, absolute elsewhere.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok().filter(|here| *here == checkout());
    let short = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    short.unwrap_or_else(|| path.to_path_buf()).display().to_string()
}
