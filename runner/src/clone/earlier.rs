//! Earlier work that a task begins with: that of its own checkpoint, or of the checkpoint of
//! another task that `spec.repository.ref` names.
//!
//! Not here: how a checkpoint is read ([`crate::checkpoint::taken`]).

use crd::TaskDocument;

use crate::attempt::Attempt;
use crate::checkpoint::{self, NoCheckpoint, Taken};
use crate::clone::Error;
use crate::clone::branches::{Branches, Start, Unfit};
use crate::git::Git;
use crate::git::refs::Refs;

/// The earlier work in the trusted repository.
pub const EARLIER: &str = "refs/claudetask/earlier";

/// Refuses a task that starts from a checkpoint and does not say where its work belongs.
///
/// # Errors
/// [`Unfit`], with a sentence for the task's author.
pub fn check(document: &TaskDocument) -> Result<(), Unfit> {
    let Some(name) = document.repository.reference.as_deref() else { return Ok(()) };
    let branch = format!("refs/heads/{name}");
    let full = if name.starts_with("refs/") { name } else { &branch };
    if !checkpoint::is_name_of_one(document, full) {
        return Ok(());
    }
    if document.rebase.onto.is_none() {
        return Err(Unfit::NotFound(format!(
            "spec.repository.ref is a checkpoint ({name}), so spec.rebase.onto must name the branch that its work is for."
        )));
    }
    if full == format!("refs/heads/{}", document.branch) {
        return Err(Unfit::Taken(format!(
            "spec.push.branch is the checkpoint {name} that the work is taken from; name another branch."
        )));
    }
    Ok(())
}

/// The work to begin with, if there is any; it is then [`EARLIER`] in the repository. `tip` is the
/// commit that `spec.repository.ref` leads to.
///
/// # Errors
/// [`Error`], also when the named checkpoint is none.
pub fn take(
    attempt: &Attempt,
    git: &Git,
    refs: &Refs,
    branches: &Branches,
    tip: &str,
) -> Result<Option<Taken>, Error> {
    let taken = match own(attempt, git, refs)? {
        None => named(attempt, git, branches, tip)?,
        own => own,
    };
    if let Some(taken) = &taken {
        git.command("update-ref").args([EARLIER, &taken.work]).run()?;
    }
    Ok(taken)
}

/// What an earlier attempt of this task left.
fn own(attempt: &Attempt, git: &Git, refs: &Refs) -> Result<Option<Taken>, Error> {
    let name = &attempt.document.checkpoint_ref;
    if refs.get(name).is_none() {
        return Ok(None);
    }
    attempt.remote.fetch(git, &[format!("+{name}:{EARLIER}")]).map_err(Error::Fetch)?;
    let Some(id) = git.resolve(EARLIER, "commit")? else { return Ok(None) };
    match Taken::read(git, &id) {
        Ok(taken) if taken.is_own(&attempt.document) => Ok(Some(taken)),
        Err(NoCheckpoint::Git(error)) => Err(error.into()),
        other => {
            let why = other.err().map_or("it is another task's".to_owned(), |no| no.to_string());
            attempt.progress.warning(format!("{name} is passed over: {why}"));
            Ok(None)
        }
    }
}

/// What the checkpoint holds that the task starts from.
fn named(
    attempt: &Attempt,
    git: &Git,
    branches: &Branches,
    tip: &str,
) -> Result<Option<Taken>, Error> {
    let Start::Ref(name) = &branches.start else { return Ok(None) };
    if !checkpoint::is_name_of_one(&attempt.document, name) {
        return Ok(None);
    }
    match Taken::read(git, tip) {
        Ok(taken) => Ok(Some(taken)),
        Err(NoCheckpoint::Git(error)) => Err(error.into()),
        Err(NoCheckpoint::Malformed(why)) => {
            let message = format!("spec.repository.ref: {name} is no checkpoint of a task: {why}.");
            Err(Unfit::NotFound(message).into())
        }
    }
}
