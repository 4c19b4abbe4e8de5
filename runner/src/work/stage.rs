//! The work tree as a tree of git: everything but what .gitignore names, whatever the agent's
//! index says about it.
//!
//! Not here: repositories inside the repository ([`super::nested`]).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use crate::git::GitError;
use crate::work::room::pathspecs;
use crate::work::shadow::{Shadow, WorkError};

/// Largest index of the agent that is copied.
const INDEX_LIMIT: u64 = 1 << 30;
/// Attributes that outrank those of the work tree: files are stored as they are where their
/// attributes cannot be followed.
const PLAIN: &str = "* -working-tree-encoding\n";

/// What the index starts from before the work tree's state is put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The agent's own index: files that it added or removed against .gitignore count.
    Agent,
    /// The index as the last command here left it.
    Own,
}

/// The work tree as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The tree.
    pub tree: String,
    /// What was not taken as it lies there, in sentences.
    pub notes: Vec<String>,
}

impl Shadow {
    /// The tree of everything in the work tree but what .gitignore names; what cannot be taken is
    /// told in the log.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn tree(&self, basis: Basis, against: &str) -> Result<String, WorkError> {
        let Staged { tree, notes } = self.staged(basis, against)?;
        for note in notes {
            self.progress.warning(note);
        }
        Ok(tree)
    }

    /// The same, with what cannot be taken.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn staged(&self, basis: Basis, against: &str) -> Result<Staged, WorkError> {
        let staged = self.everything(basis, against)?;
        let tree = self.without_leftovers(staged.tree, against)?;
        Ok(Staged { tree, ..staged })
    }

    /// The same with what the setup left.
    fn everything(&self, basis: Basis, against: &str) -> Result<Staged, WorkError> {
        self.prepare()?;
        if basis == Basis::Agent {
            if self.borrow_index().is_ok()
                && let Ok(staged) = self.stage(against)
            {
                return Ok(staged);
            }
            // The agent's index is gone, or names objects that are: every file is read again.
            self.command("read-tree").arg(against).run()?;
        }
        self.stage(against)
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
        self.look_everywhere().map_err(io::Error::other)
    }

    /// Takes back the agent's word that a file is as it was (assume-unchanged), and that a file is
    /// not there (skip-worktree) where it is.
    fn look_everywhere(&self) -> Result<(), GitError> {
        let listed = self.command("ls-files").args(["-v", "-z"]).run()?;
        let (mut assumed, mut skipped) = (Vec::new(), Vec::new());
        for line in listed.split(|&byte| byte == 0).filter(|line| line.len() > 2) {
            let path = &line[2..];
            if line[0].is_ascii_lowercase() {
                assumed.extend_from_slice(&[path, b"\0"].concat());
            }
            let there = || self.worktree.join(OsStr::from_bytes(path)).symlink_metadata().is_ok();
            if line[0].eq_ignore_ascii_case(&b'S') && there() {
                skipped.extend_from_slice(&[path, b"\0"].concat());
            }
        }
        for (option, paths) in [("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)]
        {
            if !paths.is_empty() {
                self.command("update-index").args([option, "-z", "--stdin"]).input(paths).run()?;
            }
        }
        Ok(())
    }

    /// Puts the work tree's state into the index and writes its tree. A file that cannot be read
    /// is left as it was.
    fn stage(&self, against: &str) -> Result<Staged, WorkError> {
        let mut notes = Vec::new();
        let mut words = self.add(&mut notes)?;
        self.unwrap_nested(against, &mut notes, &mut words)?;
        words.retain(|line| !line.ends_with("does not have a commit checked out"));
        if !words.is_empty() {
            notes.push(format!("Not everything could be saved: {}.", words.join("; ")));
        }
        Ok(Staged { tree: self.command("write-tree").line()?, notes })
    }

    /// `git add --all`; what git complains about, a line each.
    pub(super) fn add(&self, notes: &mut Vec<String>) -> Result<Vec<String>, WorkError> {
        let left_out = self.leave_out()?;
        let add = || {
            let add = self.command("add").args(["--all", "--ignore-errors"]);
            let from_input = ["--pathspec-from-file=-", "--pathspec-file-nul"];
            if left_out.is_empty() {
                add.output()
            } else {
                let add = add.args(from_input).env("GIT_LITERAL_PATHSPECS", "0");
                add.input(pathspecs(&left_out)).output()
            }
        };
        let mut output = add()?;
        if !matches!(output.code, Some(0 | 1)) {
            let info = self.path.join("info");
            let failed = |error| WorkError::Io("the private repository", error);
            fs::create_dir_all(&info).map_err(failed)?;
            fs::write(info.join("attributes"), PLAIN).map_err(failed)?;
            notes.push(format!(
                "Encodings that .gitattributes names were left alone: {}.",
                output.stderr.trim()
            ));
            output = add()?;
        }
        let lines = output.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        match output.code {
            Some(0) => Ok(Vec::new()),
            Some(1) => Ok(lines.map(str::to_owned).collect()),
            _ => {
                let (name, words) = ("add".to_owned(), output.stderr.trim().to_owned());
                Err(GitError::Failed { name, words }.into())
            }
        }
    }
}
