//! The directories that a container sees, in a Pod or below a temporary directory.
//!
//! Not here: what lies in them ([`crate::plan`], [`crate::handoff`]).

use std::path::{Path, PathBuf};

use crd::names;

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
        }
    }

    /// The same layout below one directory, created there.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn below(root: &Path) -> std::io::Result<Self> {
        let dirs = Self {
            repo: root.join("repo"),
            workspace: root.join("workspace"),
            plan: root.join("plan"),
            handoff: root.join("handoff"),
            session: root.join("session"),
            saver: root.join("saver"),
            credentials: root.join("git-credentials"),
            trust: root.join("trust"),
            stop: root.join("stop"),
            home: root.join("home"),
            tmp: root.join("tmp"),
        };
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
