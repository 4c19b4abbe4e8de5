//! Which of the agent's commits are its result.
//!
//! HEAD and whatever is uncommitted. Where HEAD holds nothing new, the newest branch that does, and
//! where there is none, the stash. What is left over is named, and kept on the checkpoint when the
//! task fails. Not here: what becomes a commit ([`super`]).

use crate::work::refs::Branch;
use crate::work::shadow::{Shadow, WorkError};

/// Commits that were there before Claude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Commit that the change starts from.
    pub start: String,
    /// Commit that the work tree began with: the start, or the end of earlier work.
    pub first: String,
    /// Commit of the onto branch.
    pub onto: String,
}

/// The agent's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its newest commit; nothing when the repository cannot be read any more.
    pub head: Option<String>,
    /// Its files.
    pub tree: String,
    /// The branch or the stash that it was taken from, when HEAD held nothing new.
    pub elsewhere: Option<String>,
    /// Branches with work that is not part of it.
    pub left: Vec<Branch>,
}

impl Shadow {
    /// Chooses; `tree` is that of the work tree.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn choose(&self, origin: &Origin, tree: &str) -> Result<Choice, WorkError> {
        let Some(head) = self.head() else {
            let tree = tree.to_owned();
            return Ok(Choice { head: None, tree, elsewhere: None, left: Vec::new() });
        };
        let fresh = self.fresh(origin)?;
        let stash = self.stash();
        let holds_nothing = self.holds_nothing(origin, &head, tree, &fresh)?;
        let choice = |head: &str, tree: String, from: Option<&Branch>| Choice {
            head: Some(head.to_owned()),
            tree,
            elsewhere: from.map(|branch| branch.name.clone()),
            left: Vec::new(),
        };
        let chosen = match (holds_nothing, fresh.first(), &stash) {
            (true, Some(branch), _) => {
                choice(&branch.commit, self.tree_of(&branch.commit)?, Some(branch))
            }
            (true, None, Some(stash)) => {
                choice(&head, self.stashed_tree(&stash.commit)?, Some(stash))
            }
            (true, None, None) if !self.is_on_a_branch() => {
                choice(&origin.first, self.tree_of(&origin.first)?, None)
            }
            _ => choice(&head, tree.to_owned(), None),
        };
        let left = self.left(&chosen, fresh.into_iter().chain(stash))?;
        Ok(Choice { left, ..chosen })
    }

    /// Branches with commits that nobody had before.
    fn fresh(&self, origin: &Origin) -> Result<Vec<Branch>, WorkError> {
        let mut fresh = Vec::new();
        for branch in self.branches() {
            if self.is_fresh(origin, &branch.commit)? {
                fresh.push(branch);
            }
        }
        Ok(fresh)
    }

    fn is_fresh(&self, origin: &Origin, commit: &str) -> Result<bool, WorkError> {
        self.is_ahead(commit, &[&origin.start, &origin.first, &origin.onto])
    }

    /// Whether nothing is uncommitted and HEAD has no commit of its own, or looks at one of a
    /// branch.
    fn holds_nothing(
        &self,
        origin: &Origin,
        head: &str,
        tree: &str,
        fresh: &[Branch],
    ) -> Result<bool, WorkError> {
        if self.tree_of(head)? != tree {
            return Ok(false);
        }
        if !self.is_fresh(origin, head)? {
            return Ok(true);
        }
        if !self.is_on_a_branch() {
            for branch in fresh {
                if !self.is_ahead(head, &[&branch.commit])? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn left(
        &self,
        chosen: &Choice,
        candidates: impl Iterator<Item = Branch>,
    ) -> Result<Vec<Branch>, WorkError> {
        let mut left = Vec::new();
        for branch in candidates {
            let used = chosen.elsewhere.as_ref() == Some(&branch.name);
            let head = chosen.head.iter().map(String::as_str).collect::<Vec<_>>();
            if !used && self.is_ahead(&branch.commit, &head)? {
                left.push(branch);
            }
        }
        Ok(left)
    }
}
