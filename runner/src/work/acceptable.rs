//! Whether the git side will take a bundle: it checks every object, and old or foreign histories
//! that the agent brought in do not always pass.
//!
//! Not here: the check itself ([`crate::bundle`]), and what is handed over instead.

use std::fs;

use crate::bundle;
use crate::dirs::Dirs;
use crate::git::Git;
use crate::work::shadow::{Shadow, WorkError};

/// Larger bundles are not tried: the copy would need too much room.
const LIMIT: u64 = 256 << 20;

impl Shadow {
    /// Imports `handoff/<n>.bundle` as the git side does, into a repository for that alone.
    ///
    /// # Errors
    /// [`WorkError::Refused`] when the git side would refuse it.
    pub(super) fn try_import(&self, dirs: &Dirs, number: u32) -> Result<(), WorkError> {
        let file = dirs.handoff.join(format!("{number}.bundle"));
        if !file.symlink_metadata().is_ok_and(|meta| meta.len() <= LIMIT) {
            return Ok(());
        }
        let path = self.path.with_extension("trial");
        let made = self.trial(dirs, &path);
        let tried = made.and_then(|git| Ok(bundle::import(&git, dirs, number).map(drop)?));
        // It does no harm when it stays.
        let _ = fs::remove_dir_all(&path);
        tried
    }

    fn trial(&self, dirs: &Dirs, path: &std::path::Path) -> Result<Git, WorkError> {
        let failed = |error: crate::git::make::MakeError| {
            WorkError::Io("a repository to try the bundle in", std::io::Error::other(error))
        };
        let git = Git::bare(dirs, path, &std::sync::Arc::default());
        git.make_bare().map_err(failed)?;
        git.borrow_from(&self.trusted).map_err(failed)?;
        Ok(git)
    }
}
