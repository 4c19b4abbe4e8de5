//! The agent's work as commits and bundles: saved while it goes on, when it is interrupted, and
//! at its end.
//!
//! A bundle has one ref and leaves out what the start commit has. Not here: what the git side
//! does with it, and no credential.

use std::fs;
use std::path::PathBuf;

use crd::spec::Author;

use crate::dirs::Dirs;
use crate::handoff::{self, BUNDLE_REF, BundleNote, Extent};
use crate::progress::Progress;

pub mod change;
pub mod shadow;

pub use shadow::{Basis, Shadow, WorkError};

/// The work of one Run.
pub struct Work {
    /// Reads the agent's work tree.
    pub shadow: Shadow,
    start: String,
    message: String,
    handoff: PathBuf,
    number: u32,
    saved: Option<(Option<String>, String)>,
}

/// The work as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The agent's newest commit; nothing when its repository cannot be read any more.
    pub head: Option<String>,
    /// The tree of everything that is not ignored.
    pub tree: String,
}

impl Work {
    /// The work that begins at commit `start`. `message` is for a commit of what is uncommitted.
    pub fn new(
        dirs: &Dirs,
        start: &str,
        author: &Author,
        message: String,
        progress: &Progress,
    ) -> Self {
        Self {
            shadow: Shadow::new(dirs, author, progress),
            start: start.to_owned(),
            message,
            handoff: dirs.handoff.clone(),
            number: 0,
            saved: None,
        }
    }

    /// Looks at the work tree and changes nothing in it.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn snapshot(&self) -> Result<Snapshot, WorkError> {
        self.shadow.prepare()?;
        let head = self.shadow.head();
        let tree = self.shadow.tree(Basis::Agent, head.as_deref().unwrap_or(&self.start))?;
        Ok(Snapshot { head, tree })
    }

    /// Hands the work over when it differs from what was handed over last; the commit.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn save_partial(&mut self) -> Result<Option<String>, WorkError> {
        let snapshot = self.snapshot()?;
        let state = Some((snapshot.head.clone(), snapshot.tree.clone()));
        if state == self.saved {
            return Ok(None);
        }
        let commit = self.hand_over(&snapshot, Extent::Partial)?;
        self.saved = state;
        Ok(commit)
    }

    /// Hands `snapshot` over as the last of this Run; the commit, or nothing when there is no
    /// change at all.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn save_final(&mut self, snapshot: &Snapshot) -> Result<Option<String>, WorkError> {
        let commit = self.hand_over(snapshot, Extent::Final)?;
        if commit.is_none() {
            // What was saved on the way has been undone since.
            (1..=self.number).for_each(|number| self.forget(number));
        }
        Ok(commit)
    }

    fn hand_over(&mut self, work: &Snapshot, extent: Extent) -> Result<Option<String>, WorkError> {
        let tried = self.commit(work).and_then(|commit| self.bundle(commit, extent));
        if tried.is_ok() || work.head.is_none() {
            return tried;
        }
        // Objects of the agent's own commits are gone: the files are there still.
        let files = Snapshot { head: None, tree: work.tree.clone() };
        let commit = self.commit(&files)?;
        self.bundle(commit, extent)
    }

    /// One commit for what is uncommitted; nothing when nothing differs from the start.
    fn commit(&self, work: &Snapshot) -> Result<Option<String>, WorkError> {
        let tree = &work.tree;
        if let Some(head) = &work.head {
            let commit = if self.shadow.tree_of(head)? == *tree {
                head.clone()
            } else {
                self.shadow.commit(tree, head, &self.message)?
            };
            if self.shadow.is_ahead(&commit, &self.start)? {
                return Ok(Some(commit));
            }
        }
        // The agent's commit lies behind the start, or is lost: one commit on the start.
        if self.shadow.tree_of(&self.start)? == *tree {
            return Ok(None);
        }
        self.shadow.commit(tree, &self.start, &self.message).map(Some)
    }

    fn bundle(
        &mut self,
        commit: Option<String>,
        extent: Extent,
    ) -> Result<Option<String>, WorkError> {
        let Some(commit) = commit else { return Ok(None) };
        self.number += 1;
        let number = self.number;
        let part = self.handoff.join(format!(".{number}.bundle.part"));
        self.shadow.bundle(&part, BUNDLE_REF, &commit, &self.start)?;
        fs::rename(&part, self.handoff.join(format!("{number}.bundle")))
            .map_err(|error| WorkError::Io("the bundle", error))?;
        let note = BundleNote { extent, commit: commit.clone() };
        handoff::publish(&self.handoff, &format!("{number}.json"), &note)?;
        self.forget(number.saturating_sub(2));
        Ok(Some(commit))
    }

    /// Removes a bundle that two newer ones have replaced: the volume is limited.
    fn forget(&self, number: u32) {
        for name in [format!("{number}.json"), format!("{number}.bundle")] {
            // It may not be there, and it does no harm when it stays.
            let _ = fs::remove_file(self.handoff.join(name));
        }
    }
}
