//! The work tree of this phase: what lies on it at first, what is wrong with what Claude made of
//! it, and what is handed back.
//!
//! Not here: asking Claude.

use std::collections::BTreeSet;
use std::path::Path;

use crd::spec::Scope;

use crate::handoff::ResolvedFile;
use crate::plan::Landed;
use crate::push::markers;
use crate::store::{self, StoreError};
use crate::work::change::Change;
use crate::work::{Basis, Shadow, WorkError};

/// Modes that a handed-back file can have.
const REGULAR: [&str; 2] = ["100644", "100755"];

/// The work tree and the case.
pub struct Desk<'a> {
    /// Reads and writes the work tree.
    pub shadow: Shadow,
    /// What git could do by itself.
    pub landed: &'a Landed,
    /// Files that may change.
    pub scope: Scope,
    /// Where contents are handed back.
    pub handoff: &'a Path,
}

/// The work tree cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Git or the file system failed.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A content cannot be handed back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A check cannot be run.
    #[error("the checks cannot be run: {0}")]
    Check(#[source] std::io::Error),
}

impl Desk<'_> {
    /// Puts the merged tree with its markers, or the landed tip, into the work tree. The agent's
    /// own repository shows it as changes on top of the onto commit, or as clean.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn lay_out(&self) -> Result<(), Unusable> {
        let (tree, commit) = match self.landed {
            Landed::Clean { tip, .. } => (tip, tip),
            Landed::Conflicts(conflict) => (&conflict.tree, &conflict.ours),
        };
        // Everything that lies there must be in the index, or a file that the new tree does not
        // have would stay.
        self.shadow.tree(Basis::Agent, commit)?;
        self.shadow.restore(tree)?;
        self.shadow.show_as_checked_out(commit)?;
        Ok(())
    }

    /// The tree of what lies there now.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn tree(&self) -> Result<String, Unusable> {
        Ok(self.shadow.tree(Basis::Own, self.base())?)
    }

    /// Takes everything that differs from `before` for what the setup left.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn note_leftovers(&mut self, before: &str) -> Result<(), Unusable> {
        Ok(self.shadow.note_leftovers(Basis::Own, before)?)
    }

    /// What makes `tree` unacceptable, each in a sentence.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn complaints(&self, tree: &str) -> Result<Vec<String>, Unusable> {
        let changes = self.shadow.changes(self.base(), tree)?;
        let scope = self.scope();
        let mut complaints: Vec<String> =
            changes.iter().filter_map(|change| self.complaint(change, &scope)).collect();
        let touched = changes.iter().map(|change| change.path.as_str());
        let paths: BTreeSet<&str> = touched.chain(self.conflicted()).collect();
        for path in paths {
            if let Some(line) = self.marker(tree, path) {
                complaints
                    .push(format!("The resolution leaves a conflict marker in {path}: `{line}`."));
            }
        }
        Ok(complaints)
    }

    /// Writes the content of every file that differs, and lists them.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn hand_back(&self, tree: &str) -> Result<Vec<ResolvedFile>, Unusable> {
        let mut files = Vec::new();
        for (number, change) in self.shadow.changes(self.base(), tree)?.into_iter().enumerate() {
            let mut file = ResolvedFile { path: change.path, content: None, executable: false };
            if let Some((mode, blob)) = change.now {
                let name = format!("f{number}");
                store::publish(self.handoff, &name, &self.shadow.blob(&blob)?)?;
                file.content = Some(name);
                file.executable = mode == "100755";
            }
            files.push(file);
        }
        Ok(files)
    }

    fn base(&self) -> &str {
        match self.landed {
            Landed::Clean { tip, .. } => tip,
            Landed::Conflicts(conflict) => &conflict.tree,
        }
    }

    fn conflicted(&self) -> impl Iterator<Item = &str> {
        let files = match self.landed {
            Landed::Clean { .. } => &[][..],
            Landed::Conflicts(conflict) => &conflict.files,
        };
        files.iter().map(|file| file.path.as_str())
    }

    fn scope(&self) -> BTreeSet<&str> {
        let (Landed::Clean { task_paths, .. }
        | Landed::Conflicts(crate::plan::Conflict { task_paths, .. })) = self.landed;
        self.conflicted().chain(task_paths.iter().map(String::as_str)).collect()
    }

    fn complaint(&self, change: &Change, scope: &BTreeSet<&str>) -> Option<String> {
        let path = &change.path;
        if self.scope == Scope::TaskFiles && !scope.contains(path.as_str()) {
            return Some(format!(
                "The resolution changes {path}, which is neither in conflict nor part of the task's change; it must be as it was."
            ));
        }
        let is_regular = |(mode, _): &(String, String)| REGULAR.contains(&mode.as_str());
        match &change.now {
            Some(now) if !is_regular(now) => {
                Some(format!("The resolution makes {path} something else than a regular file."))
            }
            _ => None,
        }
    }

    /// A marker line in a file that neither side of the merge had.
    fn marker(&self, tree: &str, path: &str) -> Option<String> {
        let content = self.content(tree, path)?;
        let sides = match self.landed {
            Landed::Clean { tip, .. } => vec![tip],
            Landed::Conflicts(conflict) => vec![&conflict.ours, &conflict.theirs],
        };
        let sides: Vec<Vec<u8>> =
            sides.into_iter().filter_map(|side| self.content(side, path)).collect();
        let line = markers::left(&content, &sides)?;
        Some(String::from_utf8_lossy(line).trim_end().to_owned())
    }

    /// The content of a file in a commit or tree, if it is there.
    fn content(&self, tree: &str, path: &str) -> Option<Vec<u8>> {
        self.shadow.blob(&format!("{tree}:{path}")).ok()
    }
}
