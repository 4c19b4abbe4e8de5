//! Rebase: saves the work, then lands it on the newest state of the onto branch.
//!
//! What Run left is imported and put on the checkpoint first, whatever became of Run ([`saved`]).
//! Only then is its outcome looked at, onto fetched again and the change landed. Not here: how a
//! change is landed ([`crate::land`]) and what a conflict becomes ([`crate::resolve`]).

pub mod saved;

use crd::spec::Conflicts;
use crd::{Outcome, Reason};

use crate::attempt::Attempt;
use crate::bundle::{self, Imported};
use crate::checkpoint::{State, Taken};
use crate::clone::ONTO;
use crate::clone::branches::short;
use crate::git::{Git, GitError, RemoteError};
use crate::handoff::{self, Distrust, Extent, RunResult};
use crate::land::{self, Change, Landed, Manner};
use crate::plan::{self, Conflict, Landing, Skip, Start, Target};
use crate::store::StoreError;

use saved::Saved;

/// What the phase came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebased {
    /// What was written to `plan/landing.json`.
    pub landing: Landing,
    /// Where the work is safe.
    pub saved: Saved,
}

/// The phase ends the attempt.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// Where the work is safe.
    pub saved: Saved,
    /// The conflicted files.
    pub conflicts: Vec<String>,
}

/// Why the attempt ends here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Run itself failed; it has saved what there was.
    #[error("{message}")]
    Run {
        /// Run's reason.
        reason: Reason,
        /// Run's message.
        message: String,
    },
    /// What Run handed back cannot be used.
    #[error("what the run container handed back was refused: {0}")]
    Work(String),
    /// The onto branch is gone.
    #[error("the branch {0} is not in the repository any more")]
    OntoGone(String),
    /// The conflict is not given to Claude.
    #[error("{0}")]
    Unresolved(String),
    /// Fetching failed.
    #[error("the repository cannot be fetched again: {0}")]
    Fetch(#[source] RemoteError),
    /// Git failed here.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The volumes refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Its reason from the list.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Run { reason, .. } => *reason,
            Self::Work(_) => Reason::AgentFailed,
            Self::OntoGone(_) => Reason::RefNotFound,
            Self::Unresolved(_) => Reason::ConflictsUnresolved,
            Self::Fetch(error) => match error.blames_credential() {
                Some(reason) => reason,
                None => Reason::CloneFailed,
            },
            Self::Git(_) | Self::Store(_) => Reason::Lost,
        }
    }

    /// Whether the container was told to stop.
    pub const fn is_interruption(&self) -> bool {
        matches!(
            self,
            Self::Git(GitError::Interrupted) | Self::Fetch(RemoteError::Git(GitError::Interrupted))
        )
    }
}

/// Saves and lands. Writes `plan/landing.json`.
///
/// # Errors
/// [`Stopped`].
pub fn rebase(attempt: &Attempt, start: &Start) -> Result<Rebased, Box<Stopped>> {
    let git = attempt.git();
    let (saved, work) = match &start.taken {
        Some(taken) if taken.is_finished(&attempt.document) => earlier(attempt, taken),
        // What was paid for is saved even if the container is to stop.
        _ => handed_back(&attempt.steadfast(), &attempt.steadfast().git(), start),
    };
    let mut conflicts = Vec::new();
    let landing = work.and_then(|work| land(attempt, &git, start, work, &saved, &mut conflicts));
    let landing = landing.and_then(|landing| {
        landing.write(&attempt.dirs)?;
        Ok(landing)
    });
    match landing {
        Ok(landing) => Ok(Rebased { landing, saved }),
        Err(error) => Err(Box::new(Stopped { error, saved, conflicts })),
    }
}

/// Finished work of an earlier attempt, which the checkpoint still holds: Run was skipped.
fn earlier(attempt: &Attempt, taken: &Taken) -> (Saved, Result<Option<Imported>, Error>) {
    let name = attempt.document.checkpoint_ref.clone();
    let words = format!("The work is that of an earlier attempt, on {name}.");
    let work = Imported { commit: taken.work.clone(), digest: String::new() };
    (Saved { checkpoint: Some(name), words }, Ok(Some(work)))
}

/// What Run handed back, saved, and whether it is to be landed.
fn handed_back(
    attempt: &Attempt,
    git: &Git,
    start: &Start,
) -> (Saved, Result<Option<Imported>, Error>) {
    let result = handoff::take_json::<RunResult>(&attempt.dirs.handoff, handoff::RESULT);
    let succeeded = result.as_ref().ok().filter(|result| result.outcome == Outcome::Succeeded);
    let complete = succeeded.is_some();
    let taken = take(attempt, git, succeeded);
    let saved = match &taken {
        Ok(Some(work)) => {
            let state = if complete { State::Complete } else { State::Partial };
            saved::save(attempt, git, start, work, state)
        }
        Err(error) if !complete => {
            Saved { checkpoint: None, words: format!("The work could not be saved: {error}.") }
        }
        _ => Saved::default(),
    };
    (saved, judge(result, taken))
}

/// The newest bundle, imported. After a success it must be the final one, or Run says that there
/// is no work in the end.
fn take(
    attempt: &Attempt,
    git: &Git,
    succeeded: Option<&RunResult>,
) -> Result<Option<Imported>, Error> {
    if succeeded.is_some_and(|result| result.commit.is_none()) {
        return Ok(None);
    }
    let Some((n, note)) = handoff::newest_bundle(&attempt.dirs.handoff) else { return Ok(None) };
    if succeeded.is_some() && note.extent != Extent::Final {
        return Err(Error::Work("its last bundle is not final".to_owned()));
    }
    match bundle::import(git, &attempt.dirs, n) {
        Ok(work) => Ok(Some(work)),
        Err(bundle::Refused::Git(error)) => Err(error.into()),
        Err(refused) => Err(Error::Work(refused.to_string())),
    }
}

/// Run's outcome, and its work if it succeeded.
fn judge(
    result: Result<RunResult, Distrust>,
    taken: Result<Option<Imported>, Error>,
) -> Result<Option<Imported>, Error> {
    let result = result.map_err(|error| Error::Work(error.to_string()))?;
    if result.outcome != Outcome::Succeeded {
        let reason = result.reason.filter(|reason| !reason.is_success());
        let reason = reason.unwrap_or(Reason::AgentFailed);
        return Err(Error::Run { reason, message: result.message });
    }
    match (taken?, result.commit) {
        (None, Some(commit)) => {
            Err(Error::Work(format!("it names the commit {commit} without a bundle")))
        }
        (work, _) => Ok(work),
    }
}

fn land(
    attempt: &Attempt,
    git: &Git,
    start: &Start,
    work: Option<Imported>,
    saved: &Saved,
    conflicts: &mut Vec<String>,
) -> Result<Landing, Error> {
    let checkpoint = saved.checkpoint.clone();
    let onto_name = short(&start.onto_ref);
    let done = |onto_commit: String, reason, message: String| {
        saved::forget(attempt);
        let skip = Some(Skip { reason, message });
        Ok(Landing { onto_commit, checkpoint: None, skip, landed: None })
    };
    let whole = start.target == Target::Whole;
    if work.is_none() && !whole {
        let message = "Claude changed nothing.".to_owned();
        return done(start.onto_commit.clone(), Reason::NothingToPush, message);
    }
    // A branch is rebased as a whole even if Claude changed nothing.
    let tip = work.map_or_else(|| start.start_commit.clone(), |work| work.commit);
    let onto = fetch_onto(attempt, git, start)?;
    if git.has_line(&[&onto], &attempt.document.trailer())? {
        // A second Pod of this task was faster; landing on top of it would push twice.
        let message = format!("Commits of this task are already on {onto_name}.");
        return done(onto, Reason::AlreadyPushed, message);
    }
    let change = Change { start: &start.start_commit, tip: &tip };
    let manner = Manner { commits: attempt.document.rebase.commits, whole };
    attempt.progress.phase(format!("lands the change on {onto_name} ({onto})"));
    let landed = land::land(git, change, &onto, manner, &attempt.stamp())?;
    let scope = land::scope(git, change, &onto, manner)?;
    let Some(landed) = planned(attempt, git, &tip, landed, scope, conflicts)? else {
        let message = if tip == start.start_commit {
            let branch = &attempt.document.branch;
            format!("Claude changed nothing, and {branch} needs no rebase onto {onto_name}.")
        } else {
            format!("All of the change is already on {onto_name}.")
        };
        return done(onto, Reason::NothingToPush, message);
    };
    Ok(Landing { onto_commit: onto, checkpoint, skip: None, landed: Some(landed) })
}

/// What the agent side is told of a landing, or nothing when nothing is left of the change, which
/// ended with the commit `left`; `conflicts` is filled for the report.
fn planned(
    attempt: &Attempt,
    git: &Git,
    left: &str,
    landed: Landed,
    task_paths: Vec<String>,
    conflicts: &mut Vec<String>,
) -> Result<Option<plan::Landed>, Error> {
    match landed {
        Landed::Nothing => Ok(None),
        Landed::Clean(tip) => Ok(Some(plan::Landed::Clean {
            moved: git.tree(&tip)? != git.tree(left)?,
            task_paths,
            tip,
        })),
        Landed::Hopeless { paths, message } => {
            *conflicts = paths;
            Err(Error::Unresolved(message))
        }
        Landed::Conflict(conflict) => {
            *conflicts = conflict.files.iter().map(|file| file.path.clone()).collect();
            if attempt.document.rebase.conflicts == Conflicts::Fail {
                let message = "The change conflicts, and spec.rebase.conflicts is Fail.";
                return Err(Error::Unresolved(message.to_owned()));
            }
            Ok(Some(plan::Landed::Conflicts(Conflict { task_paths, ..conflict })))
        }
    }
}

fn fetch_onto(attempt: &Attempt, git: &Git, start: &Start) -> Result<String, Error> {
    let fetched = attempt.remote.fetch(git, &[format!("+{}:{ONTO}", start.onto_ref)]);
    let gone = || Error::OntoGone(short(&start.onto_ref).to_owned());
    if let Err(error) = fetched {
        let missing = error.to_string().contains("couldn't find remote ref");
        return Err(if missing { gone() } else { Error::Fetch(error) });
    }
    git.resolve(ONTO, "commit")?.ok_or_else(gone)
}
