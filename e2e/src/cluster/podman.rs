//! Podman with a store of its own, which has the runner's image: the engine with which tests run
//! tasks without a cluster.
//!
//! Not here: the image itself ([`super::image`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::command::capture;
use super::image;
use super::layout::Layout;

/// Limits that a machine without the capability for more can set: Podman's own are above its.
const CONTAINERS: &str =
    "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";

/// A store that has the runner's image.
#[derive(Debug, Clone)]
pub struct Podman {
    folder: PathBuf,
    /// Full name of the runner's image.
    pub image: String,
}

impl Podman {
    /// The store, with the image as it was last built for the cluster.
    pub fn prepare(layout: &Layout) -> Result<Self> {
        let folder = layout.podman();
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let place = |name: &str| folder.join(name).display().to_string();
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            place("store"),
            place("run")
        );
        for (name, text) in [("storage.conf", storage.as_str()), ("containers.conf", CONTAINERS)] {
            fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
        }
        let podman = Self { folder, image: image::product(image::PREFIX, "runner") };
        let archive = layout.images().join("runner.image.tar");
        if !podman.has(&archive) {
            capture(podman.command().args(["load", "--quiet", "--input"]).arg(&archive))?;
            fs::copy(layout.images().join("runner.key"), podman.loaded())
                .context("note the loaded image")?;
        }
        Ok(podman)
    }

    /// Whether the store has the image of this archive.
    fn has(&self, archive: &Path) -> bool {
        let key = fs::read(archive.with_file_name("runner.key")).ok();
        key.is_some() && key == fs::read(self.loaded()).ok()
    }

    /// The key of the image that was loaded last.
    fn loaded(&self) -> PathBuf {
        self.folder.join("runner.key")
    }

    /// The variables by which Podman finds the store.
    pub fn environment(&self) -> Vec<(String, String)> {
        [("CONTAINERS_STORAGE_CONF", "storage.conf"), ("CONTAINERS_CONF", "containers.conf")]
            .map(|(name, file)| (name.to_owned(), self.folder.join(file).display().to_string()))
            .into()
    }

    /// Podman with the store.
    pub fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.envs(self.environment());
        command
    }
}
