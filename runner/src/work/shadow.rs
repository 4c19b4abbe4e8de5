//! A private repository over the agent's work tree: reads all of the agent's work and changes
//! nothing of it.
//!
//! It has its own configuration, index and objects and borrows the agent's objects, so nothing that
//! the agent left (configuration, hook, filter) runs here, and a partial save does not disturb a
//! git command of the agent's own. Not here: bundles ([`super`]).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crd::spec::Author;

use crate::dirs::Dirs;
use crate::git::{Git, GitCommand, GitError};
use crate::progress::Progress;
use crate::work::change::{Change, parse_raw};

/// Largest index of the agent that is copied.
const INDEX_LIMIT: u64 = 1 << 30;

/// Mode of a submodule in a tree.
const GITLINK: &str = "160000";

/// The private repository.
pub struct Shadow {
    git: Git,
    agent: Git,
    path: PathBuf,
    worktree: PathBuf,
    lenders: [PathBuf; 2],
    author: Author,
    progress: Progress,
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
    /// A file of one's own cannot be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// What the index starts from before the work tree's state is put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The agent's own index: files that it added or removed against .gitignore count.
    Agent,
    /// The index as the last command here left it.
    Own,
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
            lenders: [worktree.join(".git/objects"), dirs.bare().join("objects")],
            path,
            worktree,
            author: author.clone(),
            progress: progress.clone(),
        }
    }

    /// The agent's newest commit, or nothing when its repository cannot be read.
    pub fn head(&self) -> Option<String> {
        let found = self.agent.command("rev-parse").args(["--verify", "--quiet", "HEAD^{commit}"]);
        let head = found.line().ok()?;
        self.command("cat-file").args(["-e", &format!("{head}^{{tree}}")]).run().ok()?;
        Some(head)
    }

    /// The tree of everything in the work tree but what .gitignore names.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn tree(&self, basis: Basis, against: &str) -> Result<String, WorkError> {
        self.prepare()?;
        let tree = match basis {
            Basis::Own => self.stage()?,
            Basis::Agent => self.agent_tree(against)?,
        };
        let nested = self.nested(against, &tree)?;
        if nested.is_empty() {
            return Ok(tree);
        }
        self.progress.warning(format!(
            "Repositories inside the repository were left out: {}",
            nested.join(", ")
        ));
        let paths: Vec<u8> =
            nested.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
        self.command("update-index")
            .args(["-z", "--force-remove", "--stdin"])
            .input(paths)
            .run()?;
        Ok(self.command("write-tree").line()?)
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
    pub fn commit(&self, tree: &str, parent: &str, message: &str) -> Result<String, WorkError> {
        let command = self.command("commit-tree").args(["-p", parent, "-F", "-", tree]);
        Ok(command.input(message).line()?)
    }

    /// True when `commit` has history that `start` has not.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn is_ahead(&self, commit: &str, start: &str) -> Result<bool, WorkError> {
        let command =
            self.command("rev-list").args(["-n", "1", commit, &format!("^{start}"), "--"]);
        Ok(!command.line()?.is_empty())
    }

    /// Writes `commit`, without what `start` has, as one ref into a bundle.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn bundle(
        &self,
        to: &Path,
        name: &str,
        commit: &str,
        start: &str,
    ) -> Result<(), WorkError> {
        self.command("update-ref").args([name, commit]).run()?;
        let command = self.command("bundle").args(["create", "--quiet", "--version=2"]);
        command.arg(to).args([name, &format!("^{start}")]).run()?;
        Ok(())
    }

    /// Makes the work tree hold exactly `tree`, besides ignored files.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn restore(&self, tree: &str) -> Result<(), WorkError> {
        self.command("read-tree").args(["--reset", "-u", tree]).run()?;
        self.command("clean").args(["-f", "-d", "-q"]).run()?;
        Ok(())
    }

    /// Tells the agent's own repository that `commit` is checked out, without touching a file.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn show_as_checked_out(&self, commit: &str) -> Result<(), WorkError> {
        let message = "Put there for the resolution of conflicts";
        self.agent
            .command("update-ref")
            .args(["-m", message, "--no-deref", "HEAD", commit])
            .run()?;
        // By our own configuration: under the agent's, comparing a file can run a filter.
        let index = self.worktree.join(".git/index");
        let command = self.command("read-tree").env("GIT_INDEX_FILE", index);
        command.args(["--reset", commit]).run()?;
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

    fn command(&self, name: &str) -> GitCommand {
        let Author { name: author, email } = &self.author;
        self.git
            .command(name)
            .setting("advice.addEmbeddedRepo", "false")
            // Line ends are stored as the repository's attributes say; no filter is configured.
            .setting("attr.tree", "")
            .env("GIT_WORK_TREE", &self.worktree)
            .env("GIT_INDEX_FILE", self.index())
            .env("GIT_AUTHOR_NAME", author)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", author)
            .env("GIT_COMMITTER_EMAIL", email)
    }

    fn index(&self) -> PathBuf {
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
        let lenders = self.lenders.iter().map(|lender| format!("{}\n", lender.display()));
        fs::write(info.join("alternates"), lenders.collect::<String>()).map_err(failed)
    }

    fn agent_tree(&self, against: &str) -> Result<String, WorkError> {
        if self.borrow_index().is_ok()
            && let Ok(tree) = self.stage()
        {
            return Ok(tree);
        }
        // The agent's index is gone, or names objects that are: every file is read again.
        self.command("read-tree").arg(against).run()?;
        self.stage()
    }

    /// Copies the agent's index, with the time that tells git which entries to look at again.
    fn borrow_index(&self) -> io::Result<()> {
        let from = self.worktree.join(".git/index");
        let meta = from.symlink_metadata()?;
        if !meta.is_file() || meta.len() > INDEX_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        fs::copy(&from, self.index())?;
        fs::File::options().write(true).open(self.index())?.set_modified(meta.modified()?)?;
        let read = self.command("ls-files").args(["--unmerged", "-z"]).run();
        read.map(drop).map_err(io::Error::other)
    }

    /// Puts the work tree's state into the index and writes its tree. A file that cannot be read
    /// is left as it was.
    fn stage(&self) -> Result<String, WorkError> {
        let output = self.command("add").args(["--all", "--ignore-errors"]).output()?;
        let words = output.stderr.trim();
        match output.code {
            Some(0) => {}
            Some(1) => {
                self.progress.warning(format!("Not everything could be saved: {words}"));
            }
            _ => {
                let (name, words) = ("add".to_owned(), words.to_owned());
                return Err(GitError::Failed { name, words }.into());
            }
        }
        Ok(self.command("write-tree").line()?)
    }

    /// Repositories that were made inside the work tree: git would record their commit alone.
    fn nested(&self, from: &str, to: &str) -> Result<Vec<String>, WorkError> {
        let is_nested =
            |change: &Change| change.now.as_ref().is_some_and(|(mode, _)| mode == GITLINK);
        let changes = self.changes(from, to)?;
        Ok(changes.into_iter().filter(is_nested).map(|change| change.path).collect())
    }
}
