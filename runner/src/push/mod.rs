//! Push: builds the result itself and delivers it.
//!
//! What is pushed is made here, of onto, the task's own change and contents that were handed back
//! ([`mod@build`]); how it gets to the branch, and what is done when the branch moves, is [`deliver`].
//! Not here: anything that runs code of the repository.

pub mod build;
pub mod deliver;
pub mod error;
pub mod markers;
pub mod protocol;
pub mod rejected;
pub mod tree;

use crd::status::Diff;
use crd::{Outcome, Reason};

use crate::attempt::Attempt;
use crate::checkpoint::{self, State, Stored, Work};
use crate::git::{Git, GitError, RemoteError};
use crate::handoff::{self, Distrust, Resolution};
use crate::plan::{Landed, Landing, Skip, Start};
use crate::rebase::saved;

use deliver::{Delivered, Parcel};
pub use error::{Error, Stopped};

/// The change is on the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Its commit.
    pub commit: String,
    /// The commit of the onto branch below the change.
    pub onto: String,
    /// Size of the change against that.
    pub diff: Diff,
    /// Races lost before.
    pub races: u32,
}

/// How a push ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The change was pushed.
    Pushed(Pushed),
    /// There was nothing to push after all.
    Nothing(Skip),
}

/// Builds and pushes.
///
/// # Errors
/// [`Stopped`].
pub fn push(attempt: &Attempt, start: &Start, landing: &Landing) -> Result<Ending, Stopped> {
    let git = attempt.git();
    let early = |error| Stopped { error, checkpoint: None };
    // A resolution that was paid for is not lost to a request to stop.
    let unasked = attempt.unasked();
    let Some(tip) = build(&unasked, &unasked.git(), landing).map_err(early)? else {
        let message = "The resolution is what the onto branch already has.".to_owned();
        return Ok(Ending::Nothing(Skip { reason: Reason::NothingToPush, message }));
    };
    let is_resolved =
        !matches!(&landing.landed, Some(Landed::Clean { tip: clean, .. }) if *clean == tip);
    let mut parcel = Parcel { tip, onto: landing.onto_commit.clone(), races: 0 };
    match deliver::deliver(attempt, &git, start, &mut parcel) {
        Ok(Delivered::Pushed) => {
            saved::forget(attempt);
            finish(attempt, parcel).map(Ending::Pushed).map_err(|error| early(error.into()))
        }
        Ok(Delivered::Nothing(skip)) => {
            saved::forget(attempt);
            Ok(Ending::Nothing(skip))
        }
        Err(error) => {
            // Of a commit that is only the landed work, the checkpoint holds the work.
            let is_cut_off = matches!(error, Error::Late) || attempt.stop.asked().is_some();
            let is_kept = error.leaves_a_commit() || (is_resolved && is_cut_off);
            let checkpoint = is_kept.then(|| keep(attempt, &parcel)).flatten();
            Err(Stopped { error, checkpoint })
        }
    }
}

/// The commit to be pushed, or nothing when it would change nothing.
fn build(attempt: &Attempt, git: &Git, landing: &Landing) -> Result<Option<String>, Error> {
    let resolution = resolution(attempt, landing)?;
    match (&landing.landed, resolution) {
        (Some(Landed::Clean { tip, task_paths, .. }), resolution) => {
            let files = resolution.map(|resolution| resolution.files).unwrap_or_default();
            Ok(Some(build::repaired(attempt, git, tip, task_paths, &files)?))
        }
        (Some(Landed::Conflicts(conflict)), Some(resolution)) => {
            Ok(build::resolved(attempt, git, conflict, &resolution.files)?)
        }
        _ => Err(Error::Resolution {
            reason: Reason::ConflictsUnresolved,
            message: "The conflicts were not resolved.".to_owned(),
        }),
    }
}

/// What ConflictResolution handed back; nothing when it had nothing to do.
fn resolution(attempt: &Attempt, landing: &Landing) -> Result<Option<Resolution>, Error> {
    let wanted = match &landing.landed {
        Some(Landed::Clean { moved, .. }) => *moved && !attempt.document.verify.is_empty(),
        _ => true,
    };
    let read = handoff::take_json::<Resolution>(&attempt.dirs.handoff, handoff::RESOLUTION);
    let resolution = match read {
        Err(Distrust::Missing(_)) if !wanted => return Ok(None),
        read => read?,
    };
    match resolution.outcome {
        Outcome::Succeeded => Ok(Some(resolution)),
        Outcome::Skipped if !wanted => Ok(None),
        Outcome::Skipped | Outcome::Failed => {
            let reason = resolution.reason.filter(|reason| !reason.is_success());
            let reason = reason.unwrap_or(Reason::ConflictsUnresolved);
            Err(Error::Resolution { reason, message: resolution.message })
        }
    }
}

fn finish(attempt: &Attempt, parcel: Parcel) -> Result<Pushed, GitError> {
    let diff = attempt.steadfast().git().diff(&parcel.onto, &parcel.tip)?;
    let branch = attempt.document.branch.clone();
    Ok(Pushed { branch, commit: parcel.tip, onto: parcel.onto, diff, races: parcel.races })
}

/// Stores the finished commit on the checkpoint; the ref when that worked.
fn keep(attempt: &Attempt, parcel: &Parcel) -> Option<String> {
    let attempt = attempt.steadfast();
    // Whoever takes this up again lands what lies on that onto commit.
    let work = Work { commit: &parcel.tip, start: &parcel.onto, state: State::Built };
    let (document, stamp) = (&attempt.document, attempt.stamp());
    match checkpoint::store(&attempt.git(), &attempt.remote, document, &stamp, &work) {
        Ok(Stored::Held) => Some(document.checkpoint_ref.clone()),
        Ok(Stored::Superseded) => None,
        Err(error) => {
            let kept: RemoteError = error;
            attempt.progress.warning(format!("the finished commit could not be stored: {kept}"));
            None
        }
    }
}
