//! Gets the finished commit onto the branch, and looks afterwards what the branch is.
//!
//! Asks the server and lands again; what follows from the answers is [`super::protocol`]. Not here:
//! how the commit was made.

use std::time::Duration;

use crd::{Reason, names};

use crate::attempt::Attempt;
use crate::clone::TARGET;
use crate::git::remote::Move;
use crate::git::{Git, GitError, RemoteError};
use crate::land::{self, Change, Landed, Manner};
use crate::plan::{Skip, Start};
use crate::push::Error;
use crate::push::protocol::{self, Course, End, Rules, Said, Seen, Step, TRIES};

/// Pause before a push or a question is tried again.
const PAUSE: Duration = Duration::from_secs(1);

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
    let rules = Rules { target: start.target, is_verified: !attempt.document.verify.is_empty() };
    let (mut course, mut step, mut words) = (Course::default(), Step::Push, String::new());
    loop {
        if matches!(step, Step::PushAfterPause) {
            std::thread::sleep(PAUSE);
        }
        if !matches!(step, Step::End(_)) {
            step = begin(attempt)?;
        }
        if let Step::End(end) = step {
            return conclude(attempt, end, course.races, &words);
        }
        let lease = protocol::lease(start.target, &parcel.onto, &start.start_commit);
        let said = push(attempt, parcel, lease, &mut words);
        let (seen, tip) = look(attempt, parcel, lease, &mut words)?;
        (course, step) = protocol::after(rules, course, said, seen);
        parcel.races = course.races;
        if matches!(step, Step::Land) {
            step = land(attempt, git, parcel, tip)?;
        }
    }
}

/// Whether a push may begin now.
fn begin(attempt: &Attempt) -> Result<Step, Error> {
    if attempt.stop.is_terminated() {
        return Err(GitError::Interrupted.into());
    }
    let left = attempt.document.not_after.as_second() - (attempt.clock)().as_second();
    Ok(protocol::begin(left, attempt.stop.asked().is_some()))
}

/// Pushes; `words` is what the server said if it did not take it. A push that has begun is brought
/// to its end and looked after even when the container is to stop: the answer is the verdict.
fn push(attempt: &Attempt, parcel: &Parcel, lease: Option<&str>, words: &mut String) -> Said {
    let attempt = attempt.steadfast();
    let (to, options) = (&target(&attempt), &attempt.document.push.options);
    attempt.progress.phase(format!("pushes {} to {}", parcel.tip, attempt.document.branch));
    let change = Move { to, commit: Some(&parcel.tip), lease, options };
    match attempt.remote.push(&attempt.git(), &change) {
        Ok(()) => Said::Yes,
        Err(error) => {
            *words = error.to_string();
            match error {
                RemoteError::Failed(said) if said.contains("rejected]") => Said::No,
                RemoteError::Failed(_) | RemoteError::Git(_) => Said::Nothing,
                _ => Said::No,
            }
        }
    }
}

fn target(attempt: &Attempt) -> String {
    format!("refs/heads/{}", attempt.document.branch)
}

/// Where the branch is now, and the commit that it names if it moved, which is then fetched.
fn look(
    attempt: &Attempt,
    parcel: &Parcel,
    lease: Option<&str>,
    words: &mut String,
) -> Result<(Seen, String), Error> {
    let attempt = attempt.steadfast();
    let (git, target) = (attempt.git(), target(&attempt));
    let unknown = |error: RemoteError, words: &mut String| {
        *words = error.to_string();
        Ok((Seen::Unknown, String::new()))
    };
    let tip = match tip(&attempt, &git, &target) {
        Ok(tip) => tip,
        Err(error) => return unknown(error, words),
    };
    if let Some(seen) = protocol::glance(&parcel.tip, lease, tip.as_deref()) {
        return Ok((seen, String::new()));
    }
    if let Err(error) = attempt.remote.fetch(&git, &[format!("+{target}:{TARGET}")]) {
        return unknown(error, words);
    }
    // What was fetched may be newer than what was listed.
    let Some(tip) = git.resolve(TARGET, "commit")? else {
        return Ok((Seen::Gone, String::new()));
    };
    let has_ours = git.is_ancestor(&parcel.tip, &tip)?;
    let is_marked = !has_ours && git.has_line(&[&tip], &attempt.document.trailer())?;
    Ok((protocol::study(has_ours, is_marked), tip))
}

/// The commit that the branch names, asked a few times.
fn tip(attempt: &Attempt, git: &Git, target: &str) -> Result<Option<String>, RemoteError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt.remote.tip(git, target) {
            Err(_) if tries < TRIES && !attempt.stop.is_terminated() => std::thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

/// Lands the commits that were about to be pushed on the branch's new tip, which `look` fetched.
fn land(attempt: &Attempt, git: &Git, parcel: &mut Parcel, tip: String) -> Result<Step, Error> {
    let branch = &attempt.document.branch;
    attempt.progress.phase(format!("{branch} moved to {tip}: lands the commits there"));
    let change = Change { start: &parcel.onto, tip: &parcel.tip };
    Ok(match land::land(git, change, &tip, Manner::PLAIN, &attempt.stamp())? {
        Landed::Clean(landed) => {
            *parcel = Parcel { tip: landed, onto: tip, races: parcel.races };
            protocol::landed(true, false)
        }
        Landed::Nothing => protocol::landed(false, false),
        Landed::Conflict(_) | Landed::Hopeless { .. } => protocol::landed(true, true),
    })
}

/// What an end means for the task; `words` is what the server said last.
fn conclude(attempt: &Attempt, end: End, races: u32, words: &str) -> Result<Delivered, Error> {
    let document = &attempt.document;
    let branch = &document.branch;
    let nothing = |reason, message| Ok(Delivered::Nothing(Skip { reason, message }));
    let why = match end {
        End::Pushed => return Ok(Delivered::Pushed),
        End::AlreadyPushed => {
            let trailer = format!("{}: {}", names::TRAILER, document.uid);
            let message = format!("Commits with the trailer `{trailer}` are already on {branch}.");
            return nothing(Reason::AlreadyPushed, message);
        }
        End::NothingToPush => {
            let message = format!("All of the change is already on {branch}.");
            return nothing(Reason::NothingToPush, message);
        }
        End::Late => return Err(Error::Late),
        End::Asked => return Err(GitError::Interrupted.into()),
        End::Appeared => return Err(Error::Appeared(branch.clone())),
        End::BranchMoved => return Err(Error::Moved(branch.clone())),
        End::Refused => format!("The git server refused the push: {words}"),
        End::Unmoved => {
            "The git server said that it took the push, but the branch has not moved.".to_owned()
        }
        End::Deleted => format!("The branch {branch} was deleted while the task ran."),
        End::Restless => format!("The branch {branch} moved before the push {races} times."),
        End::Unverified => format!(
            "The branch {branch} moved before the push, and with spec.verify set, what is pushed must be what was verified."
        ),
        End::Conflict => format!(
            "The branch {branch} moved before the push, and the finished commits conflict with what came."
        ),
        End::Unknown => {
            format!("Whether the push arrived is unknown, the git server does not answer: {words}")
        }
    };
    Err(if end.again() { Error::Overtaken(why) } else { Error::Refused(why) })
}
