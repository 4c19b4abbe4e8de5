//! The agent's work as commits and bundles: saved while it goes on, when it is interrupted, and
//! at its end.
//!
//! A bundle has one ref and leaves out what the start commit has. [`choice`] says which of the
//! agent's commits count. Not here: what the git side does with it, and no credential.

use std::fs;

use crd::spec::Author;

use crate::dirs::Dirs;
use crate::handoff::{self, BUNDLE_REF, BundleNote, Extent};
use crate::progress::Progress;

pub mod acceptable;
pub mod change;
pub mod choice;
pub mod leftovers;
pub mod nested;
pub mod open;
pub mod refs;
pub mod room;
pub mod shadow;
pub mod stage;

pub use choice::Origin;
pub use refs::Branch;
pub use shadow::{Shadow, WorkError};
pub use stage::Basis;

/// What is lost where the files fit and the commits do not.
const HISTORY: &str = "its separate commits";

/// The work of one Run.
pub struct Work {
    /// Reads the agent's work tree.
    pub shadow: Shadow,
    origin: Origin,
    message: String,
    dirs: Dirs,
    number: u32,
    saved: Option<Snapshot>,
    shortened: Option<String>,
    /// What was too large for the bundle that was handed over last.
    dropped: Vec<String>,
}

/// The work as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The agent's newest commit; nothing when its repository cannot be read any more.
    pub head: Option<String>,
    /// The tree of everything that is not ignored.
    pub tree: String,
    /// The tree that lies in the work tree; another one when the work lies elsewhere.
    pub lying: String,
    /// The branch or the stash that this is, when HEAD held nothing new.
    pub elsewhere: Option<String>,
    /// Branches with work that is not part of it.
    pub left: Vec<Branch>,
    /// What the agent left in the middle, each as the end of a sentence with "there is".
    pub unfinished: Vec<String>,
    /// What was not taken as it lies there, in sentences.
    pub notes: Vec<String>,
}

/// What becomes of branches that are not part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// They are named only: the work is to be landed.
    Left,
    /// Their commits go along, as further parents of the work: it is to be kept.
    Kept,
}

impl Snapshot {
    /// What a reader of the verdict should know of it, in sentences.
    pub fn remarks(&self, rest: Rest) -> Vec<String> {
        let mut remarks = self.notes.clone();
        if self.head.is_none() {
            let lost = "The repository's .git directory was damaged or removed: the files are one commit, what else was committed is lost.";
            remarks.push(lost.to_owned());
        }
        remarks.extend(
            self.elsewhere
                .as_ref()
                .map(|name| format!("HEAD held nothing new: the change is what {name} holds.")),
        );
        if !self.left.is_empty() {
            let names: Vec<_> = self.left.iter().map(|branch| branch.name.as_str()).collect();
            let names = names.join(", ");
            remarks.push(match rest {
                Rest::Left => format!("Not part of the change: the work on {names}."),
                Rest::Kept => format!("Kept beside it: the work on {names}."),
            });
        }
        remarks
    }
}

impl Work {
    /// The work that begins at `origin`. `message` is for a commit of what is uncommitted.
    pub fn new(
        dirs: &Dirs,
        origin: Origin,
        author: &Author,
        message: String,
        progress: &Progress,
    ) -> Self {
        let mut shadow = Shadow::new(dirs, author, progress);
        shadow.ground = Some(origin.first.clone());
        Self {
            shadow,
            origin,
            message,
            dirs: dirs.clone(),
            number: 0,
            saved: None,
            shortened: None,
            dropped: Vec::new(),
        }
    }

    /// Looks at the work tree and changes nothing in it.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn snapshot(&self) -> Result<Snapshot, WorkError> {
        let shadow = &self.shadow;
        shadow.prepare()?;
        let head = shadow.head();
        let below = head.as_deref().unwrap_or(&self.origin.first);
        let staged = shadow.staged(Basis::Agent, below)?;
        let changed = shadow.tree_of(below)? != staged.tree;
        let unfinished = shadow.unfinished(&staged.tree, changed)?;
        let choice = shadow.choose(&self.origin, &staged.tree)?;
        Ok(Snapshot {
            head: choice.head,
            tree: choice.tree,
            lying: staged.tree,
            elsewhere: choice.elsewhere,
            left: choice.left,
            unfinished,
            notes: staged.notes,
        })
    }

    /// Puts work that lies elsewhere into the work tree, so that it can be checked there.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn lay_out(&self, work: &mut Snapshot) -> Result<(), WorkError> {
        let (Some(_), Some(head)) = (&work.elsewhere, &work.head) else { return Ok(()) };
        self.shadow.staged(Basis::Agent, head)?;
        self.shadow.restore(&work.tree)?;
        self.shadow.show_as_checked_out(head)?;
        work.lying.clone_from(&work.tree);
        Ok(())
    }

    /// What a reader of the verdict should know of what was handed over last, in sentences.
    pub fn remarks(&self, work: &Snapshot, rest: Rest) -> Vec<String> {
        work.remarks(rest).into_iter().chain(self.shortened.clone()).collect()
    }

    /// What was too large to be handed over, files each with their size.
    pub fn left_out(&self) -> Vec<String> {
        self.shadow.left_out().into_iter().chain(self.dropped.iter().cloned()).collect()
    }

    /// Hands the work over when it differs from what was handed over last; the commit.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn save_partial(&mut self) -> Result<Option<String>, WorkError> {
        let snapshot = self.snapshot()?;
        if self.saved.as_ref() == Some(&snapshot) {
            return Ok(None);
        }
        let commit = self.hand_over(&snapshot, Extent::Partial, Rest::Kept)?;
        self.saved = Some(snapshot);
        Ok(commit)
    }

    /// Hands `snapshot` over as the last of this Run; the commit, or nothing when there is no
    /// change at all.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn save_final(
        &mut self,
        snapshot: &Snapshot,
        rest: Rest,
    ) -> Result<Option<String>, WorkError> {
        let commit = self.hand_over(snapshot, Extent::Final, rest)?;
        if commit.is_none() {
            // What was saved on the way has been undone since.
            (1..=self.number).for_each(|number| self.forget(number));
        }
        Ok(commit)
    }

    /// Hands over as much as can be: everything, else without the rest, else the files alone, else
    /// those that fit.
    fn hand_over(
        &mut self,
        work: &Snapshot,
        extent: Extent,
        rest: Rest,
    ) -> Result<Option<String>, WorkError> {
        let files = Snapshot { head: None, left: Vec::new(), ..work.clone() };
        let alone = (!work.left.is_empty() && rest == Rest::Kept).then_some((work, Rest::Left));
        let commits = [Some((work, rest)), alone].into_iter().flatten();
        self.shortened = None;
        self.dropped.clear();
        let mut too_large = false;
        for (work, rest) in commits.filter(|_| work.head.is_some()) {
            match self.hand_over_all(work, extent, rest) {
                Ok(commit) => return Ok(commit),
                Err(error) => {
                    too_large = matches!(error, WorkError::TooLarge(_));
                    let why = format!("Not all commits can be handed over: {error}.");
                    self.shortened = Some(why);
                }
            }
        }
        match self.hand_over_all(&files, extent, Rest::Left) {
            Err(WorkError::TooLarge(_)) => {
                let (tree, names) = self.shadow.lighten(&files.tree, &self.origin.start)?;
                self.dropped = names;
                self.hand_over_all(&Snapshot { tree, ..files }, extent, Rest::Left)
            }
            commit => {
                self.dropped.extend(too_large.then(|| HISTORY.to_owned()));
                commit
            }
        }
    }

    fn hand_over_all(
        &mut self,
        work: &Snapshot,
        extent: Extent,
        rest: Rest,
    ) -> Result<Option<String>, WorkError> {
        let commit = self.commit(work)?;
        let commit = self.with_rest(commit, work, rest)?;
        self.bundle(commit, extent)
    }

    /// One commit for what is uncommitted; nothing when nothing differs from the start.
    fn commit(&self, work: &Snapshot) -> Result<Option<String>, WorkError> {
        let (tree, start) = (&work.tree, self.origin.start.as_str());
        if let Some(head) = &work.head {
            let commit = if self.shadow.tree_of(head)? == *tree {
                head.clone()
            } else {
                self.shadow.commit(tree, &[head], &self.message)?
            };
            if self.shadow.is_ahead(&commit, &[start])? {
                return Ok(Some(commit));
            }
        }
        // The agent's commit lies behind the start, or is lost: one commit on the start.
        if self.shadow.tree_of(start)? == *tree {
            return Ok(None);
        }
        self.shadow.commit(tree, &[start], &self.message).map(Some)
    }

    /// The same files, with the commits of the other branches as further parents.
    fn with_rest(
        &self,
        commit: Option<String>,
        work: &Snapshot,
        rest: Rest,
    ) -> Result<Option<String>, WorkError> {
        if rest == Rest::Left || work.left.is_empty() {
            return Ok(commit);
        }
        let first = commit.unwrap_or_else(|| self.origin.start.clone());
        let names: Vec<_> = work.left.iter().map(|branch| branch.name.as_str()).collect();
        let others = work.left.iter().map(|branch| branch.commit.as_str());
        let parents: Vec<&str> = std::iter::once(first.as_str()).chain(others).collect();
        let message = format!("Keep what else there is, on {}\n", names.join(", "));
        self.shadow.commit(&self.shadow.tree_of(&first)?, &parents, &message).map(Some)
    }

    fn bundle(
        &mut self,
        commit: Option<String>,
        extent: Extent,
    ) -> Result<Option<String>, WorkError> {
        let Some(commit) = commit else { return Ok(None) };
        self.number += 1;
        let number = self.number;
        let part = self.dirs.handoff.join(format!(".{number}.bundle.part"));
        if let Err(error) = self.shadow.bundle(&part, BUNDLE_REF, &commit, &self.origin.start) {
            // It does no harm when it stays, besides the room that it takes.
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, self.dirs.handoff.join(format!("{number}.bundle")))
            .map_err(|error| WorkError::Io("the bundle", error))?;
        if extent == Extent::Final
            && let Err(error) = self.shadow.try_import(&self.dirs, number)
        {
            self.forget(number);
            return Err(error);
        }
        let note = BundleNote { extent, commit: commit.clone() };
        handoff::publish(&self.dirs.handoff, &format!("{number}.json"), &note)?;
        self.forget(number.saturating_sub(2));
        Ok(Some(commit))
    }

    /// Removes a bundle that two newer ones have replaced: the volume is limited.
    fn forget(&self, number: u32) {
        for name in [format!("{number}.json"), format!("{number}.bundle")] {
            // It may not be there, and it does no harm when it stays.
            let _ = fs::remove_file(self.dirs.handoff.join(name));
        }
    }
}
