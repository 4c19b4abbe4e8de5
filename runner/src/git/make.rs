//! Making repositories, and letting one borrow the objects of another.
//!
//! Not here: what is fetched into them.

use std::io;
use std::path::Path;

use crate::git::command::{Git, GitError};

/// A repository cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The volumes refused.
    #[error("a repository cannot be made: {0}")]
    Io(#[from] io::Error),
    /// Git refused.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Git {
    /// Makes a bare repository here. The template is empty: no hooks, attributes or excludes.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn make_bare(&self) -> Result<(), MakeError> {
        std::fs::create_dir_all(self.path())?;
        self.command("init").args(["--bare", "--quiet", "--template="]).run()?;
        Ok(())
    }

    /// Makes a working copy here, on a branch that has no commit yet.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn make_worktree(&self, branch: &str) -> Result<(), MakeError> {
        std::fs::create_dir_all(self.path())?;
        let init = self.command("init").args(["--quiet", "--template="]);
        init.arg(format!("--initial-branch={branch}")).run()?;
        Ok(())
    }

    /// Lets this repository use the objects of the bare repository at `other` without a copy
    /// (gitrepository-layout(5), `objects/info/alternates`).
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn borrow_from(&self, other: &Path) -> Result<(), MakeError> {
        let info = self.part("objects/info")?;
        std::fs::create_dir_all(&info)?;
        let objects = other.join("objects");
        std::fs::write(info.join("alternates"), format!("{}\n", objects.display()))?;
        Ok(())
    }

    /// Where a part of the repository lies, whether bare or below a working copy.
    fn part(&self, part: &str) -> Result<std::path::PathBuf, GitError> {
        let name = self.command("rev-parse").args(["--git-path", part]).line()?;
        Ok(self.path().join(name))
    }
}
