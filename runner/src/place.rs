//! Where a phase runs: its directories and the programs that it starts.
//!
//! Not here: what it is told of its task ([`crate::config`]).

use std::path::{Path, PathBuf};

use crate::dirs::Dirs;

/// Where the image has the Claude Code CLI.
pub const CLAUDE: &str = "/usr/local/bin/claude";

/// Where programs are looked for by git, Claude and the task's commands.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The surroundings of one phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directories.
    pub dirs: Dirs,
    /// This program, which git starts as its credential helper.
    pub program: PathBuf,
    /// The Claude Code CLI.
    pub claude: PathBuf,
    /// Where Claude Code and the task's own commands find programs, as in `PATH`.
    pub path: String,
}

impl Place {
    /// A container of a Pod, which runs our image.
    ///
    /// # Errors
    /// When the system does not say which file this program is.
    pub fn in_pod() -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { dirs: Dirs::in_pod(), program, claude: CLAUDE.into(), path: PATH.to_owned() })
    }

    /// The container called `name` of a run without a cluster: its volumes are directories below
    /// `root`.
    ///
    /// # Errors
    /// As [`Self::in_pod`].
    pub fn below(root: &Path, name: &str) -> std::io::Result<Self> {
        Ok(Self { dirs: Dirs::of_container(root, name), ..Self::in_pod()? })
    }
}
