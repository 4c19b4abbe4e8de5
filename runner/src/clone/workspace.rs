//! The agent's working copy: a repository of its own that borrows the trusted one's objects.
//!
//! No remote, no credential, nothing copied. Not here: what the agent does in it.

use crd::spec::Author;

use crate::attempt::Attempt;
use crate::clone::Error;
use crate::clone::branches::short;
use crate::git::Git;
use crate::plan::Start;

/// Makes the working copy at the start commit, or at the end of the earlier work, on a branch called like the one to be pushed. The
/// onto branch is there as `origin/<onto>`, for Claude to look at.
///
/// # Errors
/// [`Error`] of the clone phase.
pub fn make(attempt: &Attempt, start: &Start) -> Result<(), Error> {
    let path = attempt.dirs.worktree();
    let git = Git::worktree(&attempt.dirs, &path, &attempt.stop);
    let branch = &attempt.document.branch;
    git.make_worktree(branch)?;
    git.borrow_from(&attempt.dirs.bare())?;
    configure(&git, &attempt.document.push.author)?;
    let onto = format!("refs/remotes/origin/{}", short(&start.onto_ref));
    for (name, commit) in [
        (onto.as_str(), start.onto_commit.as_str()),
        (&format!("refs/heads/{branch}"), start.first_commit()),
    ] {
        git.command("update-ref").args([name, commit]).run()?;
    }
    git.command("reset").args(["--hard", "--quiet"]).run()?;
    Ok(())
}

/// Lets commits of the agent's own have the configured author, and keeps git from repacking what
/// is borrowed.
fn configure(git: &Git, author: &Author) -> Result<(), Error> {
    for (key, value) in [
        ("user.name", author.name.as_str()),
        ("user.email", author.email.as_str()),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ] {
        git.command("config").args(["--local", key, value]).run()?;
    }
    Ok(())
}
