//! What the refs of the agent's repository say: HEAD, its branches, its stash.
//!
//! The agent's configuration may say anything: repository and work tree are named outright, and
//! objects are read by the private repository. Not here: which of them counts
//! ([`super::choice`]).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::git::GitCommand;
use crate::work::shadow::{Shadow, WorkError};

/// Longest time for one question: a pipe that is found by a detour would never answer.
const LIMIT: Duration = Duration::from_mins(1);
/// Most branches that are looked at.
const BRANCHES: &str = "--count=500";

/// A branch of the agent's repository, or its stash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name, without `refs/heads/`.
    pub name: String,
    /// Its commit, which can be read.
    pub commit: String,
}

impl Shadow {
    /// The agent's newest commit, or nothing when its repository cannot be read.
    pub fn head(&self) -> Option<String> {
        let found = self.ask("rev-parse").args(["--verify", "--quiet", "HEAD^{commit}"]);
        found.line().ok().filter(|head| self.is_readable(head))
    }

    /// Whether HEAD names a branch.
    pub fn is_on_a_branch(&self) -> bool {
        self.ask("symbolic-ref").args(["--quiet", "HEAD"]).run().is_ok()
    }

    /// The agent's branches, newest commit first.
    pub fn branches(&self) -> Vec<Branch> {
        self.refs("refs/heads/")
    }

    /// The newest entry of the agent's stash.
    pub fn stash(&self) -> Option<Branch> {
        self.refs("refs/stash").into_iter().find(|found| found.name == "refs/stash")
    }

    /// The tree of a stash, with the untracked files that git keeps in its third parent.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn stashed_tree(&self, stash: &str) -> Result<String, WorkError> {
        let untracked = format!("{stash}^3");
        if !self.is_readable(&untracked) {
            return self.tree_of(stash);
        }
        self.command("read-tree").arg(stash).run()?;
        let files = self.command("ls-tree").args(["-r", "-z", "--full-tree", &untracked]).run()?;
        self.command("update-index").args(["-z", "--index-info"]).input(files).run()?;
        Ok(self.command("write-tree").line()?)
    }

    /// Tells the agent's own repository that `commit` is checked out, without touching a file. A
    /// repository that is gone or broken is made anew.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn show_as_checked_out(&self, commit: &str) -> Result<(), WorkError> {
        let dir = self.worktree.join(".git");
        if self.head().is_none() {
            self.make_anew()?;
        }
        for lock in ["HEAD.lock", "index.lock"] {
            // Left by a git command that was killed: whoever held it is gone.
            let _ = fs::remove_file(dir.join(lock));
        }
        let message = "Put there for what follows";
        let move_head = self.ask("update-ref").args(["-m", message, "--no-deref", "HEAD", commit]);
        move_head.run()?;
        // By our own configuration: under the agent's, comparing a file can run a filter.
        let command = self.command("read-tree").env("GIT_INDEX_FILE", dir.join("index"));
        command.args(["--reset", commit]).run()?;
        Ok(())
    }

    fn make_anew(&self) -> Result<(), WorkError> {
        let dir = self.worktree.join(".git");
        let failed = |error| WorkError::Io("a new .git directory", error);
        let is_dir = dir.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let removed = if is_dir { fs::remove_dir_all(&dir) } else { fs::remove_file(&dir) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        self.agent.command("init").args(["--quiet", "--template="]).run()?;
        let info = dir.join("objects/info");
        fs::create_dir_all(&info).map_err(failed)?;
        // What was built of the agent's files is in the private repository.
        let lenders = [self.path.clone(), self.trusted.clone()];
        let lenders = lenders.map(|lender| format!("{}\n", lender.join("objects").display()));
        fs::write(info.join("alternates"), lenders.concat()).map_err(failed)
    }

    fn refs(&self, prefix: &str) -> Vec<Branch> {
        if holds_what_never_ends(self.worktree.join(".git/refs")) {
            return Vec::new();
        }
        let list = self.ask("for-each-ref").args([BRANCHES, "--format=%(objectname) %(refname)"]);
        let listed = list.arg(prefix).run().unwrap_or_default();
        let text = String::from_utf8_lossy(&listed).into_owned();
        let branch = |line: &str| {
            let (commit, name) = line.split_once(' ')?;
            let name = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
            self.is_readable(commit).then(|| Branch { name, commit: commit.to_owned() })
        };
        let branches: Vec<Branch> = text.lines().filter_map(branch).collect();
        self.newest_first(branches)
    }

    fn newest_first(&self, mut branches: Vec<Branch>) -> Vec<Branch> {
        if branches.len() > 1 {
            let commits = branches.iter().map(|branch| branch.commit.as_str());
            let sorted =
                self.command("rev-list").args(["--no-walk=sorted"]).args(commits).arg("--");
            let order = sorted.line().unwrap_or_default();
            let order: Vec<&str> = order.lines().collect();
            branches.sort_by_key(|branch| order.iter().position(|id| *id == branch.commit));
        }
        branches
    }

    fn is_readable(&self, commit: &str) -> bool {
        self.command("cat-file").args(["-e", &format!("{commit}^{{tree}}")]).run().is_ok()
    }

    fn ask(&self, name: &str) -> GitCommand {
        self.agent
            .command(name)
            .env("GIT_DIR", self.worktree.join(".git"))
            .env("GIT_WORK_TREE", &self.worktree)
            .limit(LIMIT)
    }
}

/// Whether git would read from a pipe or a device, for ever and into memory, where refs lie.
fn holds_what_never_ends(refs: PathBuf) -> bool {
    let mut directories = vec![refs];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(path);
            } else if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
                return true;
            }
        }
    }
    false
}
