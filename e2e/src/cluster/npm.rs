//! Single files out of packages of npm.
//!
//! Not here: which ones ([`super::claude`], [`crate::browser::axe`]).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::command::{capture, logged};
use super::layout::Layout;
use super::progress::Progress;

/// Takes the file of this name out of a package, given as `name@version`, to `target`, where it
/// appears when it is complete. npm compares what comes with the registry's digest.
pub fn take(
    package: &str,
    file: &str,
    target: &Path,
    layout: &Layout,
    progress: &Progress,
) -> Result<()> {
    let home = target.parent().context("a file without a directory")?;
    fs::create_dir_all(home).with_context(|| format!("create {}", home.display()))?;
    let work = tempfile::tempdir_in(home).context("make a directory for the package")?;
    let mut npm = Command::new("npm");
    npm.args(["pack", package]).current_dir(work.path());
    logged(progress, &mut npm, &layout.build_logs().join("npm.log"))?;
    let archive = fs::read_dir(work.path())
        .context("look for the package")?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .context("npm left no package")?;
    let file = format!("package/{file}");
    capture(Command::new("tar").arg("-xzf").arg(&archive).arg(&file).current_dir(work.path()))?;
    fs::rename(work.path().join(file), target).with_context(|| format!("name {}", target.display()))
}
