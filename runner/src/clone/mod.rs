//! Clone: fetches the repository and fails before a cent is spent.
//!
//! In this order: the address and the Secret; the refs that the task names ([`branches`]); full
//! history of start, onto and an existing target; this task's mark in it; the right to push; the
//! rehearsal of a whole-branch rebase ([`rehearsal`]); the agent's working copy ([`workspace`]).
//! Not here: anything that costs a model request.

pub mod again;
pub mod branches;
pub mod earlier;
pub mod rehearsal;
pub mod workspace;

use crd::{Reason, names};

use crate::address::{self, Transport};
use crate::attempt::Attempt;
use crate::checkpoint::{self, Taken};
use crate::credential;
use crate::git::make::MakeError;
use crate::git::refs::Refs;
use crate::git::remote::Move;
use crate::git::{Git, GitError, RemoteError};
use crate::plan::{self, Skip, Target};
use crate::rebase::saved;
use crate::store::StoreError;

use branches::{Branches, Start, Unfit, short};

/// The start commit in the trusted repository; `save` reads it there.
pub const START: &str = "refs/claudetask/start";
/// The onto branch as last fetched.
pub const ONTO: &str = "refs/claudetask/onto";
/// The target branch as last fetched.
pub const TARGET: &str = "refs/claudetask/target";

/// Why the task ends here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that may be used.
    #[error("{0}")]
    Address(String),
    /// The Secret is not for the repository, or incomplete.
    #[error("{0}; nothing was sent")]
    Secret(#[from] credential::Unusable),
    /// A ref is missing, or the target cannot be made.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// People's commits cannot be rebased.
    #[error("{0}")]
    Unresolved(String),
    /// Listing or fetching failed.
    #[error("the repository cannot be fetched: {0}")]
    Fetch(#[source] RemoteError),
    /// The rehearsal of the push failed.
    #[error("the branch could not be pushed: {0}")]
    Rehearsal(#[source] RemoteError),
    /// Git failed here.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A repository cannot be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The volumes refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Its reason from the list.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Secret(_) => Reason::SecretMismatch,
            Self::Unfit(Unfit::NotFound(_)) => Reason::RefNotFound,
            Self::Unfit(Unfit::Taken(_)) => Reason::BranchExists,
            Self::Unresolved(_) => Reason::ConflictsUnresolved,
            Self::Rehearsal(RemoteError::Forbidden(_)) => Reason::PushForbidden,
            Self::Fetch(error) | Self::Rehearsal(error) => match error.blames_credential() {
                Some(reason) => reason,
                None => Reason::CloneFailed,
            },
            _ => Reason::CloneFailed,
        }
    }

    /// Whether the container was told to stop.
    pub const fn is_interruption(&self) -> bool {
        matches!(
            self,
            Self::Git(GitError::Interrupted)
                | Self::Make(MakeError::Git(GitError::Interrupted))
                | Self::Fetch(RemoteError::Git(GitError::Interrupted))
                | Self::Rehearsal(RemoteError::Git(GitError::Interrupted))
        )
    }
}

/// Fetches and checks; writes `plan/start.json` and the agent's working copy.
///
/// # Errors
/// [`Error`].
pub fn clone(attempt: &Attempt) -> Result<plan::Start, Error> {
    check_address(attempt)?;
    earlier::check(&attempt.document)?;
    let git = attempt.git();
    git.make_bare()?;
    attempt.progress.phase(format!("fetches {}", attempt.remote.url));
    let refs = attempt.remote.refs(&git).map_err(Error::Fetch)?;
    let branches = Branches::find(&attempt.document, &refs)?;
    let tip = fetch(attempt, &git, &branches)?;
    let start = match already_pushed(attempt, &git, &branches)? {
        Some(skip) => {
            // Nothing is left to save: `save` need not wait for work.
            saved::forget(attempt);
            plan::Start { skip: Some(skip), ..plan(&git, &branches, tip, None)? }
        }
        None => begin(attempt, &git, &refs, &branches, tip)?,
    };
    start.write(&attempt.dirs)?;
    Ok(start)
}

/// Takes earlier work, checks that the result can be pushed, and makes the agent's working copy.
fn begin(
    attempt: &Attempt,
    git: &Git,
    refs: &Refs,
    branches: &Branches,
    tip: String,
) -> Result<plan::Start, Error> {
    let taken = earlier::take(attempt, git, refs, branches, &tip)?;
    let (first, taken) = again::start(attempt, git, branches, tip, taken)?;
    let start = plan(git, branches, first, taken)?;
    check_target(attempt, git, branches, &start)?;
    rehearsal::rehearse(attempt, git, &start)?;
    workspace::make(attempt, &start)?;
    if start.is_finished(&attempt.document) {
        // Claude has nothing left to do, so `save` need not wait for work either.
        checkpoint::mark_saved(&attempt.dirs, &start.start_commit)?;
    }
    Ok(start)
}

fn check_address(attempt: &Attempt) -> Result<(), Error> {
    let url = &attempt.document.repository.url;
    let Some(transport) = address::transport(url) else {
        let why = "is no https address of a repository, nor one for ssh such as git@HOST:PATH";
        return Err(Error::Address(format!("{url} {why}")));
    };
    if transport == Transport::Http && !attempt.document.settings.allow_http {
        let why = "plain http would show the credential and the code to everybody on the way; use https, or let the operator allow http";
        return Err(Error::Address(format!("{url}: {why}")));
    }
    if attempt.remote.helper.is_some() {
        credential::check(&attempt.dirs.credentials, url)?;
    }
    Ok(())
}

/// Fetches the branches; the commit that the start leads to.
fn fetch(attempt: &Attempt, git: &Git, branches: &Branches) -> Result<String, Error> {
    let mut refspecs = vec![format!("+{}:{ONTO}", branches.onto)];
    if branches.target_exists {
        refspecs.push(format!("+{}:{TARGET}", branches.target));
    }
    if let Start::Ref(name) = &branches.start {
        refspecs.push(format!("+{name}:{START}"));
    }
    attempt.remote.fetch(git, &refspecs).map_err(Error::Fetch)?;
    let (revision, named) = match &branches.start {
        Start::Ref(name) => (START.to_owned(), short(name)),
        Start::Commit(id) => (fetch_commit(attempt, git, id)?, id.as_str()),
    };
    let missing = || {
        Unfit::NotFound(format!(
            "spec.repository.ref: {named} leads to no commit of the repository."
        ))
    };
    Ok(git.resolve(&revision, "commit")?.ok_or_else(missing)?)
}

/// What the later phases start from.
fn plan(
    git: &Git,
    branches: &Branches,
    start_commit: String,
    taken: Option<Taken>,
) -> Result<plan::Start, Error> {
    // A tag is replaced by its commit, a checkpoint by the start of its work.
    git.command("update-ref").args([START, &start_commit]).run()?;
    let gone =
        || Unfit::NotFound(format!("spec.rebase.onto: {} leads to no commit.", branches.onto));
    let onto_commit = git.resolve(ONTO, "commit")?.ok_or_else(gone)?;
    let base_ref = match &branches.start {
        Start::Ref(name) => Some(name.clone()),
        Start::Commit(_) => None,
    };
    let (onto_ref, target) = (branches.onto.clone(), branches.kind());
    Ok(plan::Start { start_commit, onto_commit, onto_ref, base_ref, target, taken, skip: None })
}

/// Fetches a commit by its id, or, from a server that gives none by id, all branches and tags.
fn fetch_commit(attempt: &Attempt, git: &Git, id: &str) -> Result<String, Error> {
    match attempt.remote.fetch(git, &[format!("+{id}:{START}")]) {
        Err(RemoteError::Failed(_)) => {
            let all =
                ["heads", "tags"].map(|kind| format!("+refs/{kind}/*:refs/claudetask/{kind}/*"));
            attempt.remote.fetch(git, &all).map_err(Error::Fetch)?;
        }
        other => other.map_err(Error::Fetch)?,
    }
    Ok(id.to_owned())
}

/// This task's mark anywhere in the history that is reachable from onto or the target.
fn already_pushed(
    attempt: &Attempt,
    git: &Git,
    branches: &Branches,
) -> Result<Option<Skip>, Error> {
    let mut tips = vec![ONTO];
    if branches.target_exists {
        tips.push(TARGET);
    }
    if !git.has_line(&tips, &attempt.document.trailer())? {
        return Ok(None);
    }
    let message = format!(
        "Commits with the trailer `{}: {}` are already on {} or {}; nothing was run.",
        names::TRAILER,
        attempt.document.uid,
        attempt.document.branch,
        short(&branches.onto)
    );
    Ok(Some(Skip { reason: Reason::AlreadyPushed, message }))
}

fn check_target(
    attempt: &Attempt,
    git: &Git,
    branches: &Branches,
    start: &plan::Start,
) -> Result<(), Error> {
    let branch = &attempt.document.branch;
    if branches.target_exists && start.target == Target::New {
        let why = "exists, and is neither the branch started from nor the onto branch.";
        return Err(Unfit::Taken(format!("The branch {branch} {why}")).into());
    }
    let (commit, lease) = match start.target {
        Target::New => (&start.start_commit, None),
        Target::Onto => (&start.onto_commit, Some(start.onto_commit.as_str())),
        Target::Whole => (&start.start_commit, Some(start.start_commit.as_str())),
    };
    let options = &attempt.document.push.options;
    let rehearsal = Move { to: &branches.target, commit: Some(commit), lease, options };
    match attempt.remote.rehearse(git, &rehearsal) {
        // The branch moved since it was fetched; the push will see to that.
        Err(RemoteError::Failed(words)) if words.contains("[rejected]") => Ok(()),
        other => other.map_err(Error::Rehearsal),
    }
}
