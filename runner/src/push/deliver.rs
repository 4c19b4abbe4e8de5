//! Gets the finished commit onto the branch, and looks afterwards what the branch is.
//!
//! After every push the server's own list decides, not the exit code. A lost race of a direct
//! landing lands the same commits again on the new tip; any other target is never landed again,
//! because a new lease would delete a colleague's commit. Not here: how the commit was made.

use std::time::Duration;

use crd::{Reason, names};

use crate::attempt::Attempt;
use crate::clone::TARGET;
use crate::git::remote::Move;
use crate::git::{Git, GitError, RemoteError};
use crate::land::{self, Change, Landed, Manner};
use crate::plan::{Skip, Start, Target};
use crate::push::Error;

/// Most races that a direct landing may lose.
const RACES: u32 = 5;
/// How often a push is tried that left the branch where it was without a refusal.
const TRIES: u32 = 3;
/// Pause before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// No push begins later than this many seconds before the task's time is up.
const MARGIN: i64 = 30;

/// What is to be delivered; changed by lost races.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The commit.
    pub tip: String,
    /// The commit of the onto branch that it lies on.
    pub onto: String,
    /// Races lost so far.
    pub races: u32,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The branch holds it.
    Pushed,
    /// It need not be pushed any more.
    Nothing(Skip),
}

/// Where the branch is after a push.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// It holds our commit.
    Ours,
    /// It holds commits of this task, but not ours: a second Pod was faster.
    Marked,
    /// It is where it was.
    Still,
    /// It is somewhere else, at this commit, which was fetched.
    Moved(String),
    /// It is gone.
    Gone,
}

/// Delivers `parcel`.
///
/// # Errors
/// [`Error`]; the parcel then holds the last commit that was to be pushed.
pub fn deliver(
    attempt: &Attempt,
    git: &Git,
    start: &Start,
    parcel: &mut Parcel,
) -> Result<Delivered, Error> {
    let target = format!("refs/heads/{}", attempt.document.branch);
    loop {
        let said = push(attempt, git, start, parcel, &target)?;
        match said {
            (Seen::Ours, _) => return Ok(Delivered::Pushed),
            (Seen::Marked, _) => return Ok(Delivered::Nothing(marked(attempt))),
            (Seen::Still, Some(error)) => {
                return Err(Error::Refused(format!("The git server refused the push: {error}")));
            }
            (Seen::Still, None) => {
                let why =
                    "The git server said that it took the push, but the branch has not moved.";
                return Err(Error::Refused(why.to_owned()));
            }
            (Seen::Gone, _) => {
                let why = format!(
                    "The branch {} was deleted while the task ran.",
                    attempt.document.branch
                );
                return Err(Error::Refused(why));
            }
            (Seen::Moved(tip), _) => match start.target {
                Target::New => return Err(Error::Appeared(attempt.document.branch.clone())),
                Target::Whole => return Err(Error::Moved(attempt.document.branch.clone())),
                Target::Onto => {
                    if let Some(skip) = again(attempt, git, parcel, tip)? {
                        return Ok(Delivered::Nothing(skip));
                    }
                }
            },
        }
    }
}

/// Pushes, a few times if the server only stammers; where the branch is then, and the last error.
fn push(
    attempt: &Attempt,
    git: &Git,
    start: &Start,
    parcel: &Parcel,
    target: &str,
) -> Result<(Seen, Option<RemoteError>), Error> {
    let lease = match start.target {
        Target::New => None,
        Target::Onto => Some(parcel.onto.as_str()),
        Target::Whole => Some(start.start_commit.as_str()),
    };
    let options = &attempt.document.push.options;
    let change = Move { to: target, commit: Some(&parcel.tip), lease, options };
    for tries in 1.. {
        let left = attempt.document.not_after.as_second() - (attempt.clock)().as_second();
        if left < MARGIN {
            return Err(Error::Late);
        }
        attempt.progress.phase(format!("pushes {} to {}", parcel.tip, attempt.document.branch));
        let error = match attempt.remote.push(git, &change) {
            Ok(()) => None,
            Err(RemoteError::Git(GitError::Interrupted)) => {
                return Err(GitError::Interrupted.into());
            }
            Err(error) => Some(error),
        };
        let seen = look(attempt, parcel, lease, target)?;
        let stammers = seen == Seen::Still && error.as_ref().is_some_and(is_passing);
        if !stammers || tries >= TRIES {
            return Ok((seen, error));
        }
        std::thread::sleep(PAUSE);
    }
    Err(Error::Late)
}

/// Whether the same push may succeed a moment later: no answer or a broken one, rather than a no.
fn is_passing(error: &RemoteError) -> bool {
    match error {
        RemoteError::Failed(words) => !words.contains("rejected]"),
        _ => false,
    }
}

/// Where the branch is now. A push that has begun is looked after even when the container is to
/// stop: the answer is the verdict.
fn look(
    attempt: &Attempt,
    parcel: &Parcel,
    lease: Option<&str>,
    target: &str,
) -> Result<Seen, Error> {
    let attempt = attempt.steadfast();
    let git = attempt.git();
    let tip = tip(&attempt, &git, target)?;
    if tip.as_deref() == Some(&parcel.tip) {
        return Ok(Seen::Ours);
    }
    if tip.as_deref() == lease {
        return Ok(Seen::Still);
    }
    if tip.is_none() {
        return Ok(Seen::Gone);
    }
    let unknown =
        |error| Error::Refused(format!("The branch moved and cannot be fetched: {error}"));
    attempt.remote.fetch(&git, &[format!("+{target}:{TARGET}")]).map_err(unknown)?;
    // What was fetched may be newer than what was listed.
    let Some(tip) = git.resolve(TARGET, "commit")? else { return Ok(Seen::Gone) };
    if git.is_ancestor(&parcel.tip, &tip)? {
        return Ok(Seen::Ours);
    }
    let marked = git.has_line(&[&tip], &attempt.document.trailer())?;
    Ok(if marked { Seen::Marked } else { Seen::Moved(tip) })
}

/// The commit that the branch names, asked a few times.
fn tip(attempt: &Attempt, git: &Git, target: &str) -> Result<Option<String>, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt.remote.tip(git, target) {
            Ok(tip) => return Ok(tip),
            Err(error) if tries >= TRIES => {
                return Err(Error::Refused(format!(
                    "Whether the push arrived is unknown, the git server does not answer: {error}"
                )));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Lands the commits that were about to be pushed on the branch's new tip, which `look` fetched.
fn again(
    attempt: &Attempt,
    git: &Git,
    parcel: &mut Parcel,
    tip: String,
) -> Result<Option<Skip>, Error> {
    let branch = &attempt.document.branch;
    parcel.races += 1;
    if !attempt.document.verify.is_empty() {
        let why = "and with spec.verify set, what is pushed must be what was verified";
        return Err(Error::Refused(format!("The branch {branch} moved before the push, {why}.")));
    }
    if parcel.races > RACES {
        return Err(Error::Refused(format!(
            "The branch {branch} moved before the push {} times.",
            parcel.races
        )));
    }
    attempt.progress.phase(format!("{branch} moved to {tip}: lands the commits there"));
    let change = Change { start: &parcel.onto, tip: &parcel.tip };
    match land::land(git, change, &tip, Manner::PLAIN, &attempt.stamp())? {
        Landed::Clean(landed) => {
            *parcel = Parcel { tip: landed, onto: tip, races: parcel.races };
            Ok(None)
        }
        Landed::Nothing => {
            let message = format!("All of the change is already on {branch}.");
            Ok(Some(Skip { reason: Reason::NothingToPush, message }))
        }
        Landed::Conflict(_) | Landed::Hopeless { .. } => Err(Error::Refused(format!(
            "The branch {branch} moved before the push, and the finished commits conflict with what came."
        ))),
    }
}

fn marked(attempt: &Attempt) -> Skip {
    let document = &attempt.document;
    let message = format!(
        "Commits with the trailer `{}: {}` are already on {}.",
        names::TRAILER,
        document.uid,
        document.branch
    );
    Skip { reason: Reason::AlreadyPushed, message }
}
