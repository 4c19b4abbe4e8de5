//! A toy git remote: commits with one parent, refs that move under a lease, and a checkpoint.
//!
//! Not here: when something is pushed ([`crate::runner`], [`crate::delivery`]).

use runner::push::protocol::Said;

/// A commit by its place.
pub type Id = usize;

/// One commit.
#[derive(Debug, Clone)]
struct Commit {
    parent: Option<Id>,
    /// It has this task's trailer.
    marked: bool,
    /// It touches what the task touches.
    clashes: bool,
}

/// How far saved work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    Partial,
    Complete,
}

/// What is on the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub attempt: u32,
    pub extent: Extent,
    /// Units of paid work in it.
    pub units: usize,
}

/// The remote repository.
#[derive(Debug)]
pub struct Remote {
    commits: Vec<Commit>,
    refs: std::collections::BTreeMap<&'static str, Id>,
    pub checkpoint: Option<Saved>,
    /// The most that the checkpoint ever held.
    pub best: Option<Saved>,
    /// Moments at which this task moved its target.
    pub pushes: Vec<i64>,
    /// The next push arrives, and its answer does not.
    pub loses_a_reply: bool,
    /// Until then nothing is answered.
    pub silent_until: i64,
}

impl Remote {
    pub fn new(branches: &[&'static str]) -> Self {
        let first = Commit { parent: None, marked: false, clashes: false };
        Self {
            commits: vec![first],
            refs: branches.iter().map(|branch| (*branch, 0)).collect(),
            checkpoint: None,
            best: None,
            pushes: Vec::new(),
            loses_a_reply: false,
            silent_until: 0,
        }
    }

    /// A commit of this task on `parent`.
    pub fn commit(&mut self, parent: Id) -> Id {
        self.commits.push(Commit { parent: Some(parent), marked: true, clashes: false });
        self.commits.len() - 1
    }

    /// A colleague's push.
    pub fn move_on(&mut self, branch: &'static str, clashes: bool) {
        let parent = self.tip(branch);
        self.commits.push(Commit { parent, marked: false, clashes });
        self.refs.insert(branch, self.commits.len() - 1);
    }

    pub fn tip(&self, branch: &str) -> Option<Id> {
        self.refs.get(branch).copied()
    }

    pub fn is_silent(&self, now: i64) -> bool {
        now < self.silent_until
    }

    fn history(&self, tip: Id) -> impl Iterator<Item = Id> + '_ {
        std::iter::successors(Some(tip), |id| self.commits[*id].parent)
    }

    pub fn is_ancestor(&self, older: Id, tip: Id) -> bool {
        self.history(tip).any(|id| id == older)
    }

    pub fn is_marked(&self, tip: Id) -> bool {
        self.history(tip).any(|id| self.commits[id].marked)
    }

    /// Whether something that came to `tip` after `base` clashes with the task's change.
    pub fn clashes(&self, base: Id, tip: Id) -> bool {
        self.history(tip).any(|id| self.commits[id].clashes && !self.is_ancestor(id, base))
    }

    /// A push of this task to its target.
    pub fn push(&mut self, to: &'static str, lease: Option<Id>, tip: Id, now: i64) -> Said {
        if self.is_silent(now) {
            return Said::Nothing;
        }
        if self.tip(to) != lease {
            return Said::No;
        }
        self.refs.insert(to, tip);
        self.pushes.push(now);
        if std::mem::take(&mut self.loses_a_reply) { Said::Nothing } else { Said::Yes }
    }

    /// Saves work, unless what is there is as good; false when the remote does not answer. Older
    /// attempts never replace newer ones' work, and partial work never replaces complete work.
    pub fn save(&mut self, work: Saved, now: i64) -> bool {
        if self.is_silent(now) {
            return false;
        }
        let newer = self.checkpoint.is_none_or(|known| {
            work.attempt >= known.attempt
                && (work.extent, work.units) >= (known.extent, known.units)
        });
        if newer {
            self.checkpoint = Some(work);
            let better = |best: Saved| (work.extent, work.units) > (best.extent, best.units);
            if self.best.is_none_or(better) {
                self.best = self.checkpoint;
            }
        }
        true
    }
}
