//! Where things are kept: the cache directory of the machine and `target/cluster` of the checkout.
//!
//! Not here: creating or removing any of it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Paths below the cache directory, which all checkouts of a machine share.
#[derive(Clone, Debug)]
pub struct Layout {
    cache: PathBuf,
}

impl Layout {
    /// `$XDG_CACHE_HOME/claudetask-e2e`, or `~/.cache/claudetask-e2e`.
    pub fn from_env() -> Result<Self> {
        let base = env::var_os("XDG_CACHE_HOME")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set")?;
        Ok(Self::at(base.join("claudetask-e2e")))
    }

    /// A layout in the given directory.
    pub fn at(cache: PathBuf) -> Self {
        Self { cache }
    }

    /// The cache directory itself.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Output of long commands.
    pub fn build_logs(&self) -> PathBuf {
        self.cache.join("logs")
    }

    /// Programs built from Go modules, one directory for each version key.
    pub fn programs(&self) -> PathBuf {
        self.cache.join("programs")
    }

    /// kubectl, helm and kubeconform as links, for a `PATH`.
    pub fn bin(&self) -> PathBuf {
        self.cache.join("bin")
    }

    /// The Claude Code CLI of one version.
    pub fn claude(&self, version: &str) -> PathBuf {
        self.cache.join("claude").join(version).join("claude")
    }

    /// OpenSSH's server as its package has it.
    pub fn openssh(&self) -> PathBuf {
        self.cache.join("openssh")
    }

    /// Podman's configuration and store.
    pub fn podman(&self) -> PathBuf {
        self.cache.join("podman")
    }

    /// Build contexts, archives and the record of what each image was built from.
    pub fn images(&self) -> PathBuf {
        self.cache.join("images")
    }

    /// The running cluster; everything below goes away with it.
    pub fn cluster(&self) -> PathBuf {
        self.cache.join("cluster")
    }

    /// A file or directory of the running cluster.
    pub fn state(&self, name: &str) -> PathBuf {
        self.cluster().join(name)
    }

    /// Recorded processes of the running cluster.
    pub fn pids(&self) -> PathBuf {
        self.state("pids")
    }

    /// Output of the running cluster's components.
    pub fn component_logs(&self) -> PathBuf {
        self.state("logs")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state("admin.kubeconfig")
    }

    /// The apiserver's audit log: one JSON object for each request, at Metadata level.
    pub fn audit_log(&self) -> PathBuf {
        self.state("audit.log")
    }
}

/// The checkout that this program was built from.
pub fn checkout() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The copy of the administrator's kubeconfig in the checkout.
pub fn kubeconfig_copy() -> PathBuf {
    checkout().join("target/cluster/kubeconfig")
}

/// The directory of the programs that cargo built: the profile directory that the running program
/// itself lies in, directly or, as a test, in `deps`.
pub fn built_programs() -> Result<PathBuf> {
    let me = env::current_exe().context("find the running program")?;
    profile_directory(&me).with_context(|| format!("{} is in no target directory", me.display()))
}

fn profile_directory(program: &Path) -> Option<PathBuf> {
    let parent = program.parent()?;
    let is_deps = parent.file_name().is_some_and(|name| name == "deps");
    if is_deps { parent.parent().map(Path::to_path_buf) } else { Some(parent.to_path_buf()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_and_a_binary_name_the_same_profile_directory() {
        let expected = Some(PathBuf::from("/t/x86_64/debug"));
        assert_eq!(profile_directory(Path::new("/t/x86_64/debug/cluster")), expected);
        assert_eq!(profile_directory(Path::new("/t/x86_64/debug/deps/e2e-0")), expected);
    }

    #[test]
    fn everything_of_a_running_cluster_lies_below_its_directory() {
        let layout = Layout::at(PathBuf::from("/c"));
        for path in [layout.pids(), layout.kubeconfig(), layout.audit_log()] {
            assert!(path.starts_with(layout.cluster()), "{}", path.display());
        }
        assert!(!layout.images().starts_with(layout.cluster()));
    }
}
