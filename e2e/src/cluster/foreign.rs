//! A cluster that somebody else runs: whatever the current kubeconfig points at.
//!
//! Not here: our own cluster ([`super::own`]).

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::build::fill_context;
use super::command::{capture, logged, succeeds};
use super::image::{PREFIX, Recipe};
use super::layout::Layout;
use super::load::Loader;
use super::progress::Progress;
use super::{owner, program};

/// A pinned context of the user's kubeconfig, and the way for images to its nodes.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The context's name.
    pub context: String,
    /// What the names of the product's images begin with.
    pub prefix: String,
    loader: Loader,
}

/// Copies the current context to the checkout's kubeconfig, so that a later switch by the user
/// does not move a running test to another cluster; builds tools that are missing.
pub fn pin(prefix: Option<&str>, layout: &Layout, progress: &Progress) -> Result<Foreign> {
    let kubectl = kubectl_program(layout, progress)?;
    program::build_checkers(layout, progress)?;
    let context = capture(Command::new(&kubectl).args(["config", "current-context"]))
        .context("--cluster current needs a kubeconfig with a current context")?
        .trim()
        .to_owned();
    let loader = Loader::choose(&context, prefix)?;
    let view = ["config", "view", "--minify", "--flatten", "--raw"];
    owner::write_kubeconfig(&capture(Command::new(&kubectl).args(view))?)?;
    let answers =
        succeeds(Command::new(&kubectl).args(["get", "--raw", "/readyz", "--request-timeout=10s"]));
    ensure!(answers, "the cluster of the context {context:?} does not answer");
    progress.say(format!("==> Using the cluster of the context {context}"));
    let prefix = prefix.unwrap_or(PREFIX).trim_end_matches('/').to_owned();
    Ok(Foreign { context, prefix, loader })
}

fn kubectl_program(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    if let Some(found) = in_path("kubectl") {
        return Ok(found);
    }
    program::build_kubectl(layout, progress)?;
    Ok(layout.bin().join("kubectl"))
}

/// A program in the user's `PATH`.
pub fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

impl Foreign {
    /// Whether images must be built for this cluster, or lie in a registry.
    pub fn wants_images(&self) -> bool {
        self.loader != Loader::Registry
    }

    /// Builds an image with Docker from programs that cargo built, and loads it.
    pub fn load(&self, recipe: &Recipe, layout: &Layout, progress: &Progress) -> Result<()> {
        let what = format!("Build image {} with Docker and load it", recipe.image);
        progress.step(&what, "", || {
            let directory = layout.images().join(format!("{}.docker", recipe.name));
            let context = fill_context(recipe, &directory)?;
            let mut docker = Command::new("docker");
            docker.args([
                "build",
                "--target",
                recipe.target.unwrap_or_default(),
                "--tag",
                &recipe.image,
            ]);
            let log = layout.build_logs().join(format!("docker-{}.log", recipe.name));
            logged(progress, docker.arg(&context), &log)?;
            std::fs::remove_dir_all(&context).context("remove the build context")?;
            self.loader.load(&recipe.image)
        })
    }
}
