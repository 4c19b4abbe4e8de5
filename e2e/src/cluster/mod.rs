//! A Kubernetes cluster for end-to-end runs: our own, made of programs that were built from Go
//! modules, without Docker and without images from anywhere; or the one that the user's kubeconfig
//! points at.
//!
//! The way: [`Cluster::up`] finds or starts it ([`own`], [`foreign`]), [`Cluster::load_images`]
//! brings the product's images in ([`image`], [`build`], [`load`]), [`Cluster::kubectl`],
//! [`Cluster::helm`] and [`Cluster::reach`] work with it, [`Cluster::down`] ends it.
//! `up` ([`own`]) makes, in this order: packages ([`package`]), programs ([`program`]),
//! certificates ([`pki`]), configuration ([`settings`]), network ([`node`]), processes
//! ([`component`], [`process`]). [`sweep`] takes all of that back. [`second`] adds a node to which
//! lethal things may be done.
//!
//! Not here: what is installed into the cluster.

pub mod address;
pub mod build;
pub mod claude;
pub mod command;
pub mod component;
pub mod foreign;
pub mod image;
pub mod layout;
pub mod load;
pub mod lock;
pub mod member;
pub mod node;
pub mod npm;
pub mod own;
pub mod owner;
pub mod package;
pub mod pki;
pub mod podman;
pub mod proc;
pub mod process;
pub mod program;
pub mod progress;
pub mod reach;
pub mod second;
pub mod settings;
pub mod sshd;
pub mod sweep;
pub mod version;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use foreign::Foreign;
use layout::Layout;
use lock::{ChangeLock, UseLock};
pub use progress::Progress;
use reach::Reach;
use second::SecondNode;

/// Which cluster to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Our own on this machine, started when it is not there.
    #[default]
    Own,
    /// The one of the current kubeconfig context.
    Current {
        /// Where the product's images are, `None` to build and load them (kind, k3d).
        image_prefix: Option<String>,
    },
}

/// A cluster that runs and answers.
#[derive(Debug)]
pub struct Cluster {
    layout: Layout,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Own(UseLock),
    Foreign(Foreign),
}

impl Cluster {
    /// Finds or starts the cluster. Blocks, minutes long the first time, with lines of progress;
    /// async callers use `spawn_blocking`.
    pub fn up(target: &Target, progress: &Progress) -> Result<Self> {
        if *target == Target::Own {
            owner::check_root()?;
        }
        let layout = Layout::from_env()?;
        let place = match target {
            Target::Own => Place::Own(own::up(&layout, progress)?),
            Target::Current { image_prefix } => {
                Place::Foreign(foreign::pin(image_prefix.as_deref(), &layout, progress)?)
            }
        };
        Ok(Self { layout, place })
    }

    /// Builds the product's programs (unless `prebuilt`) and images, as far as they changed, and
    /// brings them to the node.
    pub fn load_images(&self, prebuilt: bool, progress: &Progress) -> Result<()> {
        if matches!(&self.place, Place::Foreign(foreign) if !foreign.wants_images()) {
            return Ok(());
        }
        if !prebuilt {
            build_programs(&self.layout, progress)?;
        }
        // Two programs that build, import and remove images at once take them from each other.
        let _alone = lock::ChangeLock::take(&self.layout, progress)?;
        let claude = claude::fetch(&self.layout, progress)?;
        if matches!(self.place, Place::Own(_)) {
            build::ensure_base(&self.layout, progress)?;
        }
        for recipe in image::products(&layout::built_programs()?, &claude) {
            match &self.place {
                Place::Own(_) => {
                    let archive = build::archive(&recipe, &self.layout, progress)?;
                    load::into_own_node(&archive, &member::FIRST, &self.layout, progress)?;
                }
                Place::Foreign(foreign) => foreign.load(&recipe, &self.layout, progress)?,
            }
        }
        Ok(())
    }

    /// The full name of `operator`, `runner` or `e2e` in this cluster.
    pub fn image(&self, name: &str) -> String {
        let prefix = match &self.place {
            Place::Own(_) => image::PREFIX,
            Place::Foreign(foreign) => &foreign.prefix,
        };
        image::product(prefix, name)
    }

    /// The kubeconfig in the checkout; it names one context only.
    pub fn kubeconfig(&self) -> PathBuf {
        layout::kubeconfig_copy()
    }

    /// kubectl, for this cluster.
    pub fn kubectl(&self) -> Command {
        self.tool("kubectl")
    }

    /// Helm, for this cluster.
    pub fn helm(&self) -> Command {
        self.tool("helm")
    }

    /// The manifest checker.
    pub fn kubeconform(&self) -> Command {
        self.tool("kubeconform")
    }

    /// A `PATH` in which the cluster's tools come first.
    pub fn path(&self) -> Result<OsString> {
        let rest = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.layout.bin()).chain(env::split_paths(&rest));
        env::join_paths(all).context("make a PATH")
    }

    /// The apiserver's audit log (JSON lines, Metadata level), where the cluster is ours.
    pub fn audit_log(&self) -> Option<PathBuf> {
        matches!(self.place, Place::Own(_)).then(|| self.layout.audit_log())
    }

    /// The name of the user's context, where the cluster is not ours.
    pub fn context(&self) -> Option<&str> {
        match &self.place {
            Place::Own(_) => None,
            Place::Foreign(foreign) => Some(&foreign.context),
        }
    }

    /// A URL at which this machine reaches a service, for as long as the result lives.
    pub fn reach(&self, namespace: &str, service: &str, port: u16) -> Result<Reach> {
        match self.place {
            Place::Own(_) => Reach::by_address(self.kubectl(), namespace, service, port),
            Place::Foreign(_) => Reach::by_forward(self.kubectl(), namespace, service, port),
        }
    }

    /// Finds or starts the second node, for tests that are lethal to a node; it lasts as long as the
    /// cluster. Only in a cluster of our own. Blocks, for about a quarter of a minute.
    pub fn second_node(&self, progress: &Progress) -> Result<SecondNode> {
        let own = matches!(self.place, Place::Own(_));
        ensure!(own, "nobody may kill nodes of a cluster that is not ours");
        SecondNode::up(&self.layout, progress)
    }

    /// Waits until no other program of this machine changes the cluster, and keeps them from it for
    /// as long as the result lives.
    pub fn begin_change(&self) -> Result<ChangeLock> {
        ChangeLock::take(&self.layout, &Progress::to_stderr())
    }

    /// Ends our own cluster, unless another program uses it; leaves a foreign one as it is.
    pub fn down(self, progress: &Progress) -> Result<()> {
        match self.place {
            Place::Own(used) => own::leave(used, &self.layout, progress),
            Place::Foreign(_) => Ok(()),
        }
    }

    fn tool(&self, name: &str) -> Command {
        let built = self.layout.bin().join(name);
        let program = if built.exists() { built } else { PathBuf::from(name) };
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }
}

/// One build for all programs, as the checkout's owner.
fn build_programs(layout: &Layout, progress: &Progress) -> Result<()> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = owner::as_owner(&cargo)?;
    build.args(["build", "--workspace", "--bins"]);
    progress.step("Build the programs", "the first time some minutes", || {
        command::logged(progress, &mut build, &layout.build_logs().join("cargo.log"))
    })
}
