//! What can be said on the command line.
//!
//! Pure.

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::cluster::Target;

/// Shows two tasks on a real Kubernetes: one lands cleanly, the other conflicts and Claude
/// resolves it.
///
/// Real are: the cluster, the git server and the Claude Code CLI. Claude's answers are scripted,
/// unless `ANTHROPIC_API_KEY` is set: then the real API is used, and paid.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo")]
pub struct Options {
    /// Remove everything at the end instead of waiting for Ctrl-C; exit with 0 only if both tasks
    /// succeeded
    #[arg(long)]
    once: bool,
    /// `own` starts one on this machine (as root, Debian); `current` uses that of the current
    /// kubeconfig context
    #[arg(long, value_enum, default_value_t = Which::Own)]
    cluster: Which,
    /// Where the cluster of `--cluster current` finds the images (PREFIX/operator:dev and so on);
    /// without it they are built and loaded into kind or k3d
    #[arg(long, value_name = "PREFIX")]
    image_prefix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Own,
    Current,
}

impl Options {
    /// Whether to end without waiting.
    pub const fn once(&self) -> bool {
        self.once
    }

    /// The cluster to use; an error for options that contradict each other.
    pub fn target(&self) -> Result<Target> {
        if self.cluster == Which::Current {
            return Ok(Target::Current { image_prefix: self.image_prefix.clone() });
        }
        ensure!(self.image_prefix.is_none(), "--image-prefix goes with --cluster current only");
        Ok(Target::Own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Options {
        Options::try_parse_from([&["demo"], words].concat()).unwrap()
    }

    #[test]
    fn without_options_it_is_our_own_cluster_and_stays_up() {
        let options = parsed(&[]);
        assert!(!options.once());
        assert_eq!(options.target().unwrap(), Target::Own);
    }

    #[test]
    fn a_prefix_for_images_goes_with_the_current_cluster_only() {
        let prefix = ["--image-prefix", "registry.example.com/x"];
        assert!(parsed(&prefix).target().is_err());
        let current = [&["--cluster", "current", "--once"][..], &prefix[..]].concat();
        let image_prefix = Some("registry.example.com/x".to_owned());
        assert_eq!(parsed(&current).target().unwrap(), Target::Current { image_prefix });
        assert!(parsed(&current).once());
    }
}
