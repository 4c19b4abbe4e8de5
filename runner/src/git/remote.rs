//! The task's repository on its server: list, fetch, push.
//!
//! Every command that talks to a server is put together here; it alone gets a transport and the
//! means to log in. Not here: those means ([`crate::git::transport`]), what a refusal says
//! ([`crate::git::refusal`]) and what it means for the task.

use std::path::PathBuf;
use std::time::Duration;

use crate::git::command::{Git, GitCommand};
use crate::git::refs::Refs;
use crate::git::refusal::{Asked, RemoteError, refusal};
use crate::git::transport::equip;
use crate::network::Network;

/// The task's repository.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its address.
    pub url: String,
    /// Transports that git may use for it, as in `GIT_ALLOW_PROTOCOL`.
    pub protocols: &'static str,
    /// How git gets the login; nothing when the task names no Secret.
    pub helper: Option<Helper>,
    /// How this installation reaches the network.
    pub network: Network,
    /// Longest time for one command.
    pub limit: Option<Duration>,
}

/// This program as git's credential helper.
#[derive(Debug, Clone)]
pub struct Helper {
    /// The program's file.
    pub program: PathBuf,
    /// Where the Secret is mounted.
    pub directory: PathBuf,
}

/// One ref to be moved on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move<'a> {
    /// Full ref.
    pub to: &'a str,
    /// Commit that it shall name; nothing deletes it.
    pub commit: Option<&'a str>,
    /// Commit that it must name before; nothing when it must not exist.
    pub lease: Option<&'a str>,
    /// Options for the server.
    pub options: &'a [String],
}

impl Remote {
    /// Lists its refs.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn refs(&self, git: &Git) -> Result<Refs, RemoteError> {
        let list = git.command("ls-remote").args(["--symref", "--quiet", "--", &self.url]);
        Ok(Refs::parse(&self.ask(list, Asked::ToRead)?))
    }

    /// The commit of one full ref, or nothing.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn tip(&self, git: &Git, name: &str) -> Result<Option<String>, RemoteError> {
        let list = git.command("ls-remote").args(["--quiet", "--", &self.url, name]);
        // The pattern also matches longer names that end like this one.
        Ok(Refs::parse(&self.ask(list, Asked::ToRead)?).get(name).map(str::to_owned))
    }

    /// Fetches refspecs with full history into the repository.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn fetch(&self, git: &Git, refspecs: &[String]) -> Result<(), RemoteError> {
        let fetch = git.command("fetch").args([
            "--quiet",
            // Tags would come along uninvited and could take the name of a branch.
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-gc",
            "--no-recurse-submodules",
            "--",
            &self.url,
        ]);
        self.ask(fetch.args(refspecs), Asked::ToRead).map(drop)
    }

    /// Tries a push without doing it: shows whether the login may push.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn rehearse(&self, git: &Git, change: &Move<'_>) -> Result<(), RemoteError> {
        let push = push_command(git, change).arg("--dry-run");
        self.ask(push.args(self.refspec(change)), Asked::ToWrite).map(drop)
    }

    /// Pushes. Whether the ref moved is for [`Remote::tip`] to say, whatever this returns: servers
    /// have reported failure after the move.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn push(&self, git: &Git, change: &Move<'_>) -> Result<(), RemoteError> {
        let push = push_command(git, change);
        self.ask(push.args(self.refspec(change)), Asked::ToWrite).map(drop)
    }

    fn refspec(&self, change: &Move<'_>) -> [String; 3] {
        let from = change.commit.unwrap_or_default();
        ["--".to_owned(), self.url.clone(), format!("{from}:{}", change.to)]
    }

    fn ask(&self, command: GitCommand, asked: Asked) -> Result<Vec<u8>, RemoteError> {
        let command = command.env("GIT_ALLOW_PROTOCOL", self.protocols);
        // What is lent must stay until the command has ended.
        let (mut command, _lent) = equip(command, &self.url, &self.network, self.helper.as_ref())?;
        if let Some(limit) = self.limit {
            command = command.limit(limit);
        }
        let output = command.output()?;
        if output.code == Some(0) {
            return Ok(output.stdout);
        }
        // A refusal of single refs stands on standard output (`--porcelain`).
        let said = String::from_utf8_lossy(&output.stdout);
        Err(refusal(&said, &output.stderr, asked))
    }
}

/// A push without its refspec.
fn push_command(git: &Git, change: &Move<'_>) -> GitCommand {
    let lease = change.lease.unwrap_or_default();
    let options = change.options.iter().map(|option| format!("--push-option={option}"));
    git.command("push")
        .args(["--quiet", "--porcelain", "--no-verify", "--no-follow-tags"])
        .arg("--recurse-submodules=no")
        // Never a bare force: a colleague's commit on the branch would be lost.
        .arg(format!("--force-with-lease={}:{lease}", change.to))
        .args(options)
}
