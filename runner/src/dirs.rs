//! The directories that a container sees, in a Pod or below a temporary directory.
//!
//! Not here: what lies in them ([`crate::plan`], [`crate::handoff`]).

use std::path::{Path, PathBuf};

use crd::{mounts, names};

/// Where everything is. A container that does not mount one of them never touches its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Trusted bare repository and the git side's own notes.
    pub repo: PathBuf,
    /// The agent's clone, in `repo` below it.
    pub workspace: PathBuf,
    /// What the git side tells the agent side.
    pub plan: PathBuf,
    /// What the agent side hands back: hostile.
    pub handoff: PathBuf,
    /// Claude's transcript.
    pub session: PathBuf,
    /// The private repository of `save`.
    pub saver: PathBuf,
    /// The git credentials Secret, one file a key.
    pub credentials: PathBuf,
    /// Certificates that the installation trusts besides the image's own; there when it names any.
    pub trust: PathBuf,
    /// The request to stop, in one file.
    pub stop: PathBuf,
    /// HOME of this container.
    pub home: PathBuf,
    /// Temporary files of this container.
    pub tmp: PathBuf,
    /// The file for this container's last words.
    pub message: PathBuf,
}

impl Dirs {
    /// The mounts of a Pod's container.
    pub fn in_pod() -> Self {
        Self {
            repo: names::REPO.path.into(),
            workspace: names::WORKSPACE.path.into(),
            plan: names::PLAN.path.into(),
            handoff: names::HANDOFF.path.into(),
            session: names::SESSION.path.into(),
            saver: names::SAVER.path.into(),
            credentials: names::GIT_CREDENTIALS.path.into(),
            trust: names::TRUST_BUNDLE.path.into(),
            stop: names::STOP.path.into(),
            home: names::HOME_PATH.into(),
            tmp: names::TMP_PATH.into(),
            message: names::TERMINATION_LOG.into(),
        }
    }

    /// What the container called `name` sees when each volume is a directory below `root` with the
    /// volume's name.
    pub fn of_container(root: &Path, name: &str) -> Self {
        let volume = |mount: names::Mount| root.join(mount.volume);
        Self {
            repo: volume(names::REPO),
            workspace: volume(names::WORKSPACE),
            plan: volume(names::PLAN),
            handoff: volume(names::HANDOFF),
            session: volume(names::SESSION),
            saver: volume(names::SAVER),
            credentials: volume(names::GIT_CREDENTIALS),
            trust: volume(names::TRUST_BUNDLE),
            stop: volume(names::STOP),
            home: root.join(mounts::home(name)),
            tmp: root.join(mounts::tmp(name)),
            message: root.join(message(name)),
        }
    }

    /// The directories of one container that does everything, created below `root`; for tests.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn below(root: &Path) -> std::io::Result<Self> {
        let dirs = Self::of_container(root, "test");
        for dir in [
            &dirs.repo,
            &dirs.workspace,
            &dirs.plan,
            &dirs.handoff,
            &dirs.session,
            &dirs.saver,
            &dirs.credentials,
            &dirs.trust,
            &dirs.stop,
            &dirs.home,
            &dirs.tmp,
        ] {
            std::fs::create_dir_all(dir)?;
        }
        Ok(dirs)
    }

    /// The installation's certificates, if there are any.
    pub fn trust_bundle(&self) -> Option<PathBuf> {
        let file = self.trust.join(names::TRUST_BUNDLE_FILE);
        file.exists().then_some(file)
    }

    /// The trusted bare repository; below the mount's root, whose owner is another, or git calls
    /// its ownership dubious.
    pub fn bare(&self) -> PathBuf {
        self.repo.join("r.git")
    }

    /// The agent's working copy.
    pub fn worktree(&self) -> PathBuf {
        self.workspace.join("repo")
    }
}

/// Name of the file with the last words of a container, where its volumes are directories.
pub fn message(container: &str) -> String {
    format!("message-{container}")
}
