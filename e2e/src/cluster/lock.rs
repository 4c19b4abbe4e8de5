//! One cluster per machine: who may change it, and who is using it.
//!
//! Not here: what is changed under the lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

use super::layout::Layout;
use super::progress::Progress;

/// Held while the cluster is set up, changed or ended; the kernel frees it with the process.
#[derive(Debug)]
pub struct ChangeLock(#[expect(dead_code, reason = "held, never read")] File);

/// Held by every program that works with the cluster, any number at a time.
#[derive(Debug)]
pub struct UseLock(File);

impl ChangeLock {
    /// Waits until no other program changes the cluster, saying so.
    pub fn take(layout: &Layout, progress: &Progress) -> Result<Self> {
        let file = open(layout.cache(), "change.lock")?;
        match file.try_lock() {
            Ok(()) => return Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                progress.say("==> Waiting for another program that sets up or ends the cluster");
            }
            Err(TryLockError::Error(error)) => return Err(error).context("lock the cluster"),
        }
        file.lock().context("lock the cluster")?;
        Ok(Self(file))
    }
}

impl UseLock {
    /// Notes that this program uses the cluster.
    pub fn take(layout: &Layout) -> Result<Self> {
        let file = open(layout.cache(), "use.lock")?;
        file.lock_shared().context("note the use of the cluster")?;
        Ok(Self(file))
    }

    /// Gives up this use; true when nobody else uses the cluster. Others can join only under the
    /// [`ChangeLock`], which the caller must hold.
    pub fn was_last(self, _change: &ChangeLock) -> Result<bool> {
        self.0.unlock().context("give up the use of the cluster")?;
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error).context("ask for other users"),
        }
    }
}

fn open(directory: &Path, name: &str) -> Result<File> {
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let path = directory.join(name);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_user_may_end_the_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_path_buf());
        let change = ChangeLock::take(&layout, &Progress::new(|_| ())).unwrap();
        let first = UseLock::take(&layout).unwrap();
        let second = UseLock::take(&layout).unwrap();
        assert!(!first.was_last(&change).unwrap());
        assert!(second.was_last(&change).unwrap());
    }
}
