//! Why Push ends the attempt.
//!
//! Not here: what becomes of the finished commit then ([`crate::push`]).

use crd::Reason;

use crate::git::GitError;
use crate::handoff::Distrust;
use crate::push::rejected::Rejected;
use crate::store::StoreError;

/// The phase ends the attempt.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// Ref on the remote that holds the finished commit, where it was stored.
    pub checkpoint: Option<String>,
}

/// Why the attempt ends here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ConflictResolution failed.
    #[error("{message}")]
    Resolution {
        /// Its reason.
        reason: Reason,
        /// Its message.
        message: String,
    },
    /// What it handed back cannot be read.
    #[error("what the resolve container handed back was refused: {0}")]
    Handoff(#[from] Distrust),
    /// What it handed back is not acceptable.
    #[error("{0}")]
    Rejected(String),
    /// It is too late to begin a push.
    #[error("It is too late to begin a push: the task's time is up in less than 30 s.")]
    Late,
    /// The branch appeared.
    #[error("The branch {0} was made by somebody else while the task ran.")]
    Appeared(String),
    /// The branch that was rebased as a whole has new commits.
    #[error("The branch {0} moved while the task ran; what came there was left alone.")]
    Moved(String),
    /// The branch did not take the commit.
    #[error("{0}")]
    Refused(String),
    /// The branch moved in a way that a new attempt can follow.
    #[error("{0}")]
    Overtaken(String),
    /// Git failed here.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The volumes refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Git(error) => Self::Git(error),
            Rejected::File(error) => Self::Handoff(error),
            other => Self::Rejected(other.to_string()),
        }
    }
}

impl Error {
    /// Its reason from the list.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Resolution { reason, .. } => *reason,
            Self::Handoff(_) | Self::Rejected(_) => Reason::ResolutionRejected,
            Self::Late => Reason::Timeout,
            Self::Appeared(_) => Reason::BranchExists,
            Self::Moved(_) | Self::Refused(_) | Self::Overtaken(_) => Reason::PushRejected,
            Self::Git(_) | Self::Store(_) => Reason::Lost,
        }
    }

    /// Whether the container was told to stop.
    pub const fn is_interruption(&self) -> bool {
        matches!(self, Self::Git(GitError::Interrupted))
    }

    /// Whether a new attempt can follow what happened: it begins from the saved work.
    pub const fn again(&self) -> bool {
        matches!(self, Self::Moved(_) | Self::Overtaken(_))
    }

    /// Whether a finished commit was kept from the branch. Not one on people's commits that are
    /// not the branch any more: the task's own work, which the checkpoint has, fits what came.
    pub const fn leaves_a_commit(&self) -> bool {
        matches!(self, Self::Appeared(_) | Self::Refused(_) | Self::Overtaken(_))
    }
}
