//! A private repository over the agent's work tree: reads all of the agent's work and changes
//! nothing of it.
//!
//! It has its own configuration, index and objects and borrows the agent's objects, so nothing that
//! the agent left (configuration, hook, filter) runs here, and a partial save does not disturb a
//! git command of the agent's own. Not here: how the work tree gets into its index
//! ([`super::stage`]), what the agent's refs say ([`super::refs`]), bundles ([`super`]).

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crd::spec::Author;

use crate::dirs::Dirs;
use crate::git::{Git, GitCommand, GitError};
use crate::guard::mebibytes;
use crate::progress::Progress;
use crate::work::change::{Change, parse_raw};
use crate::work::leftovers::Leftovers;
use crate::work::room::Room;

/// The private repository.
pub struct Shadow {
    git: Git,
    pub(super) agent: Git,
    pub(super) path: PathBuf,
    pub(super) worktree: PathBuf,
    pub(super) trusted: PathBuf,
    /// Commit that the work tree began with: what is a submodule there is none of the agent's.
    pub(super) ground: Option<String>,
    author: Author,
    pub(super) progress: Progress,
    pub(super) leftovers: Leftovers,
    /// How much may be handed over.
    pub room: Room,
    pub(super) left_out: RefCell<Vec<String>>,
}

/// The agent's work tree cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Git said no.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The file system said no.
    #[error("{0}: {1}")]
    Io(&'static str, #[source] io::Error),
    /// It does not fit; the limit in bytes.
    #[error("it is larger than the {} that can be handed over", mebibytes(*.0))]
    TooLarge(u64),
    /// The git side would not take it.
    #[error(transparent)]
    Refused(#[from] crate::bundle::Refused),
    /// A file of one's own cannot be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Shadow {
    /// The private repository of this container; made when it is first needed.
    pub fn new(dirs: &Dirs, author: &Author, progress: &Progress) -> Self {
        // Saving goes on after SIGTERM, so nothing ever sets this one.
        let stop = Arc::default();
        let path = dirs.home.join("work.git");
        let worktree = dirs.worktree();
        Self {
            git: Git::bare(dirs, &path, &stop),
            agent: Git::worktree(dirs, &worktree, &stop),
            trusted: dirs.bare(),
            ground: None,
            path,
            worktree,
            author: author.clone(),
            progress: progress.clone(),
            leftovers: Leftovers::default(),
            room: Room::default(),
            left_out: RefCell::default(),
        }
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn tree_of(&self, commit: &str) -> Result<String, WorkError> {
        Ok(self.command("rev-parse").args(["--verify", &format!("{commit}^{{tree}}")]).line()?)
    }

    /// Makes a commit by the task's author.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn commit(&self, tree: &str, parents: &[&str], message: &str) -> Result<String, WorkError> {
        let parents = parents.iter().flat_map(|parent| ["-p", parent]);
        let command = self.command("commit-tree").args(parents).args(["-F", "-", tree]);
        Ok(command.input(message).line()?)
    }

    /// True when `commit` has history that none of `others` has.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn is_ahead(&self, commit: &str, others: &[&str]) -> Result<bool, WorkError> {
        let others = others.iter().map(|other| format!("^{other}"));
        let command = self.command("rev-list").args(["-n", "1", commit]).args(others).arg("--");
        Ok(!command.line()?.is_empty())
    }

    /// Writes `commit`, without what `start` has, as one ref into a bundle.
    ///
    /// # Errors
    /// [`WorkError`], `TooLarge` when there is no room for it; the file may be there then.
    pub fn bundle(
        &self,
        to: &Path,
        name: &str,
        commit: &str,
        start: &str,
    ) -> Result<(), WorkError> {
        self.command("update-ref").args([name, commit]).run()?;
        let file = fs::File::create(to).map_err(|error| WorkError::Io("the bundle", error))?;
        let command = self.command("bundle").args(["create", "--quiet", "--version=2", "-"]);
        let command = command.args([name, &format!("^{start}")]);
        match command.into_file(file, self.room.total).run() {
            Err(GitError::TooMuch(_)) => Err(WorkError::TooLarge(self.room.total)),
            other => Ok(other.map(drop)?),
        }
    }

    /// Makes the work tree hold exactly `tree`, besides ignored files and leftovers of the setup.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn restore(&self, tree: &str) -> Result<(), WorkError> {
        let tree = &self.with_leftovers(tree)?;
        self.command("read-tree").args(["--reset", "-u", tree]).run()?;
        self.command("clean").args(["-f", "-d", "-q"]).run()?;
        Ok(())
    }

    /// What differs from tree `from` to tree `to`, renames as two differences.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, WorkError> {
        let command = self.command("diff-tree").args(["-r", "-z", "--raw", "--no-renames"]);
        Ok(parse_raw(&command.args([from, to]).run()?))
    }

    /// The content of a blob.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn blob(&self, id: &str) -> Result<Vec<u8>, WorkError> {
        Ok(self.command("cat-file").args(["blob", id]).run()?)
    }

    /// One line for each commit of `from..to` that touched one of `paths`, newest first.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn log(&self, from: &str, to: &str, paths: &[&str]) -> Result<String, WorkError> {
        let range = format!("{from}..{to}");
        let command = self.command("log").args(["-n", "50", "--format=%h %an: %s", &range, "--"]);
        Ok(String::from_utf8_lossy(&command.args(paths).run()?).into_owned())
    }

    pub(super) fn command(&self, name: &str) -> GitCommand {
        let Author { name: author, email } = &self.author;
        self.git
            .command(name)
            .setting("advice.addEmbeddedRepo", "false")
            // Line ends are stored as the repository's attributes say; no filter is configured.
            .setting("attr.tree", "")
            // The agent's list of what it has seen says nothing about what is there.
            .setting("core.untrackedCache", "false")
            .env("GIT_WORK_TREE", &self.worktree)
            .env("GIT_INDEX_FILE", self.index())
            .env("GIT_AUTHOR_NAME", author)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", author)
            .env("GIT_COMMITTER_EMAIL", email)
    }

    pub(super) fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    pub(super) fn prepare(&self) -> Result<(), WorkError> {
        if self.path.join("HEAD").exists() {
            return Ok(());
        }
        let failed = |error| WorkError::Io("the private repository", error);
        fs::create_dir_all(&self.path).map_err(failed)?;
        self.git.command("init").args(["--bare", "--quiet", "--template="]).run()?;
        let info = self.path.join("objects/info");
        fs::create_dir_all(&info).map_err(failed)?;
        let lenders = [self.worktree.join(".git"), self.trusted.clone()];
        let lenders = lenders.map(|lender| format!("{}\n", lender.join("objects").display()));
        fs::write(info.join("alternates"), lenders.concat()).map_err(failed)
    }
}
