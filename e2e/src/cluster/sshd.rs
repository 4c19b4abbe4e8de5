//! The ssh server that tests talk to on loopback: unpacked beside the other programs, because
//! installing Debian's package would also start one on every address of the machine.
//!
//! Not here: starting it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::command::{capture, logged, succeeds};
use super::layout::Layout;
use super::progress::Progress;

/// The server and the one library of it that not every machine has.
const PACKAGES: [&str; 2] = ["openssh-server", "libwrap0"];

/// The path of the server, unpacked when missing.
pub fn fetch(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let program = layout.openssh().join("usr/sbin/sshd");
    if !program.exists() {
        progress.step("Unpack OpenSSH's server for tests", "", || unpack(layout, progress))?;
    }
    Ok(program)
}

fn unpack(layout: &Layout, progress: &Progress) -> Result<()> {
    fs::create_dir_all(layout.cache()).context("create the cache directory")?;
    let work = tempfile::tempdir_in(layout.cache()).context("make a directory for the packages")?;
    let log = layout.build_logs().join("sshd.log");
    let mut download = Command::new("apt-get");
    download.arg("download").args(PACKAGES).current_dir(work.path());
    if !succeeds(&mut download) {
        logged(progress, Command::new("apt-get").args(["update", "--quiet"]), &log)?;
        logged(progress, &mut download, &log)?;
    }
    let tree = work.path().join("tree");
    for entry in fs::read_dir(work.path()).context("look for the packages")?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            capture(Command::new("dpkg-deb").arg("--extract").arg(entry.path()).arg(&tree))?;
        }
    }
    // It appears when it is complete.
    fs::rename(&tree, layout.openssh()).context("name the unpacked packages")
}
