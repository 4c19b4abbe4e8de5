//! Why a resolution is not accepted.
//!
//! Not here: the checks ([`mod@crate::push::build`], [`crate::push::tree`]).

use crate::git::GitError;
use crate::handoff::Distrust;

/// What was handed back is not acceptable.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// A file was changed that the resolution may not change.
    #[error(
        "The resolution changes {0}, which is neither in conflict nor part of the task's change (spec.rebase.scope)."
    )]
    OutOfScope(String),
    /// A conflict marker is left.
    #[error("The resolution leaves a conflict marker in {0}: `{1}`.")]
    Marker(String, String),
    /// The path cannot be handed back: a symbolic link, a submodule, a name that git refuses.
    #[error("The resolution cannot change {0}.")]
    Path(String),
    /// A file of the hand-back is not acceptable as a file.
    #[error(transparent)]
    File(#[from] Distrust),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}
