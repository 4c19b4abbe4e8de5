//! The directories that stand for the volumes of one attempt, in a private directory of this run.
//!
//! Whoever a container runs as owns its volumes; the two sides of a task share none that the
//! other may write. Not here: which container sees which ([`crd::mounts`]).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use crd::names::{self, Mount};
use crd::{Phase, mounts};

use super::sandbox::{Host, PASSWD, Sandbox};
use super::secrets::GitSecret;
use crate::dirs::message;
use crate::handoff;

/// May be read by everybody who gets there.
const SHOWN: u32 = 0o755;
/// May be read by its owner alone.
const PRIVATE: u32 = 0o700;

/// The volumes of one attempt.
#[derive(Debug, Clone)]
pub struct Volumes {
    /// Where they are, each under its own name.
    pub root: PathBuf,
    owner_of_agent: Option<u32>,
}

impl Volumes {
    /// Makes them below `root`.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn make(
        root: PathBuf,
        sandbox: &Sandbox,
        host: &Host,
        git: Option<&GitSecret>,
        trust: Option<&[u8]>,
    ) -> io::Result<Self> {
        let (agent, git_side) =
            (sandbox.owner(Phase::Run.container()), sandbox.owner(Phase::Clone.container()));
        // The agent reaches its own through it, and reads no names in it.
        directory(&root, 0o711, None)?;
        let volume = |mount: Mount| root.join(mount.volume);
        for mount in [names::REPO, names::PLAN, names::TRUST_BUNDLE, names::STOP] {
            directory(&volume(mount), SHOWN, git_side)?;
        }
        for mount in [names::SAVER, names::GIT_CREDENTIALS] {
            directory(&volume(mount), PRIVATE, git_side)?;
        }
        for mount in [names::WORKSPACE, names::SESSION, names::HANDOFF] {
            directory(&volume(mount), PRIVATE, agent)?;
        }
        for container in mounts::containers() {
            let owner = sandbox.owner(container);
            directory(&root.join(mounts::home(container)), PRIVATE, owner)?;
            directory(&root.join(mounts::tmp(container)), PRIVATE, owner)?;
            file(&root.join(message(container)), b"", 0o600, owner)?;
        }
        for (key, value) in git.into_iter().flat_map(GitSecret::keys) {
            file(&volume(names::GIT_CREDENTIALS).join(key), value, 0o400, git_side)?;
        }
        if let Some(bundle) = trust {
            let name = volume(names::TRUST_BUNDLE).join(names::TRUST_BUNDLE_FILE);
            file(&name, bundle, 0o644, git_side)?;
        }
        file(&root.join(PASSWD), passwd(host).as_bytes(), 0o644, None)?;
        Ok(Self { root, owner_of_agent: agent })
    }

    /// Hands the work tree, which Clone has made, over to the agent.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn hand_over(&self) -> io::Result<()> {
        let Some(owner) = self.owner_of_agent else { return Ok(()) };
        give(&self.root.join(names::WORKSPACE.volume), owner)
    }

    /// What a container said last, if it said anything.
    pub fn message(&self, container: &str) -> Option<String> {
        fs::read_to_string(self.root.join(message(container))).ok().filter(|said| !said.is_empty())
    }

    /// Tells the saver that Run's process has ended, so that it waits for no more work.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn note_that_run_is_over(&self) -> io::Result<()> {
        // Not opened when it is there: the directory is the agent's.
        let path = self.root.join(names::HANDOFF.volume).join(handoff::OVER);
        match file(&path, b"", 0o600, None) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Asks the phases to stop.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn ask_to_stop(&self, request: &str) -> io::Result<()> {
        let folder = self.root.join(names::STOP.volume);
        let new = folder.join(".new");
        fs::write(&new, request)?;
        fs::rename(new, folder.join(names::STOP_FILE))
    }
}

fn directory(path: &Path, mode: u32, owner: Option<u32>) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    owner.map_or(Ok(()), |owner| lchown(path, Some(owner), Some(owner)))
}

fn file(path: &Path, content: &[u8], mode: u32, owner: Option<u32>) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    owner.map_or(Ok(()), |owner| lchown(path, Some(owner), Some(owner)))
}

/// Gives a tree to `owner`; links themselves, never what they lead to.
fn give(path: &Path, owner: u32) -> io::Result<()> {
    lchown(path, Some(owner), Some(owner))?;
    if !path.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    fs::read_dir(path)?.try_for_each(|entry| give(&entry?.path(), owner))
}

/// Removes a tree in which there may be directories that nobody may write: caches of packages are
/// often so.
///
/// # Errors
/// When something of it cannot be removed.
pub fn remove(tree: &Path) -> io::Result<()> {
    fn open(folder: &Path) -> io::Result<()> {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open(&entry.path())?;
            }
        }
        Ok(())
    }
    fs::remove_dir_all(tree).or_else(|_| open(tree).and_then(|()| fs::remove_dir_all(tree)))
}

/// The users that a container knows: ssh and some tools refuse to run for one without an entry.
fn passwd(host: &Host) -> String {
    let home = names::HOME_PATH;
    let entry = |name: &str, uid: u32, gid: u32| format!("{name}:x:{uid}:{gid}::{home}:/bin/sh\n");
    let mut users = entry("root", 0, 0);
    if host.uid != 0 {
        users += &entry("you", host.uid, host.gid);
    }
    if host.uid != names::RUN_AS {
        users += &entry("claude", names::RUN_AS, names::RUN_AS);
    }
    users
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::local::sandbox::plain::Plain;

    fn host(uid: u32) -> Host {
        Host { uid, gid: uid, ..Host::default() }
    }

    #[test]
    fn what_is_private_of_the_git_side_is_for_its_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let host = host(1000);
        let sandbox = Sandbox::Plain(Plain { host: host.clone() });
        let secret = GitSecret::login("https://git.example.com", "u", "p");
        let root = dir.path().join("1");
        let volumes = Volumes::make(root, &sandbox, &host, Some(&secret), Some(b"PEM")).unwrap();
        let mode = |name: &str| volumes.root.join(name).metadata().unwrap().mode() & 0o777;
        assert_eq!((mode("git-credentials"), mode("git-credentials/password")), (0o700, 0o400));
        assert_eq!((mode("workspace"), mode("repo"), mode("message-run")), (0o700, 0o755, 0o600));
        assert_eq!(fs::read(volumes.root.join("trust-bundle/ca.crt")).unwrap(), b"PEM");
        assert_eq!(volumes.message("run"), None);
        fs::write(volumes.root.join("message-run"), "{}").unwrap();
        assert_eq!(volumes.message("run").as_deref(), Some("{}"));
    }

    #[test]
    fn every_user_of_a_container_has_an_entry() {
        assert!(passwd(&host(0)).contains("claude:x:10001:10001:"));
        assert!(passwd(&host(1000)).contains("you:x:1000:1000:"));
        assert_eq!(passwd(&host(10_001)).matches("10001:10001").count(), 1);
    }

    #[test]
    fn a_tree_with_directories_that_nobody_may_write_is_removed() {
        let tree = tempfile::tempdir().unwrap().keep();
        fs::create_dir(tree.join("cache")).unwrap();
        fs::write(tree.join("cache/file"), "x").unwrap();
        fs::set_permissions(tree.join("cache"), fs::Permissions::from_mode(0o555)).unwrap();
        remove(&tree).unwrap();
        assert!(!tree.exists());
    }
}
