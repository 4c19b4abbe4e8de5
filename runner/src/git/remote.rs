//! The task's repository on its server: list, fetch, push.
//!
//! Every command that talks to a server is put together here; it alone gets a transport and the
//! credential helper. Not here: what a refusal means for the task.

use std::path::PathBuf;
use std::time::Duration;

use crate::git::command::{Git, GitCommand, GitError};
use crate::git::refs::Refs;

/// The task's repository.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its address.
    pub url: String,
    /// Transports that git may use for it, as in `GIT_ALLOW_PROTOCOL`.
    pub protocols: &'static str,
    /// How git gets the login; nothing when the task names no Secret.
    pub helper: Option<Helper>,
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

/// Why a server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It does not accept the login, or wants one.
    #[error("{0}")]
    Unauthorized(String),
    /// It accepts the login, not the request.
    #[error("{0}")]
    Forbidden(String),
    /// It says that the repository is elsewhere; that is not followed.
    #[error(
        "the server redirects to another address, which is never followed with a credential: name the final address ({0})"
    )]
    Redirected(String),
    /// Anything else, in git's own words and the server's.
    #[error("{0}")]
    Failed(String),
    /// Git could not ask.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Remote {
    /// Lists its refs.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn refs(&self, git: &Git) -> Result<Refs, RemoteError> {
        let list = git.command("ls-remote").args(["--symref", "--quiet", "--", &self.url]);
        Ok(Refs::parse(&self.ask(list)?))
    }

    /// The commit of one full ref, or nothing.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn tip(&self, git: &Git, name: &str) -> Result<Option<String>, RemoteError> {
        let list = git.command("ls-remote").args(["--quiet", "--", &self.url, name]);
        // The pattern also matches longer names that end like this one.
        Ok(Refs::parse(&self.ask(list)?).get(name).map(str::to_owned))
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
        self.ask(fetch.args(refspecs)).map(drop)
    }

    /// Tries a push without doing it: shows whether the login may push.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn rehearse(&self, git: &Git, change: &Move<'_>) -> Result<(), RemoteError> {
        self.ask(push_command(git, change).arg("--dry-run").args(self.refspec(change))).map(drop)
    }

    /// Pushes. Whether the ref moved is for [`Remote::tip`] to say, whatever this returns: servers
    /// have reported failure after the move.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn push(&self, git: &Git, change: &Move<'_>) -> Result<(), RemoteError> {
        self.ask(push_command(git, change).args(self.refspec(change))).map(drop)
    }

    fn refspec(&self, change: &Move<'_>) -> [String; 3] {
        let from = change.commit.unwrap_or_default();
        ["--".to_owned(), self.url.clone(), format!("{from}:{}", change.to)]
    }

    fn ask(&self, command: GitCommand) -> Result<Vec<u8>, RemoteError> {
        let mut command = command.env("GIT_ALLOW_PROTOCOL", self.protocols);
        if let Some(Helper { program, directory }) = &self.helper {
            let quote = |path: &std::path::Path| {
                format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
            };
            let helper = format!("!{} credential --directory {}", quote(program), quote(directory));
            command = command.setting("credential.helper", helper);
        }
        if let Some(limit) = self.limit {
            command = command.limit(limit);
        }
        let output = command.output()?;
        if output.code == Some(0) {
            return Ok(output.stdout);
        }
        // A refusal of single refs stands on standard output (`--porcelain`).
        let said = String::from_utf8_lossy(&output.stdout);
        Err(refusal(&said, &output.stderr))
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

/// What git's words about a failed request mean (git 2.39 to 2.47, `LC_ALL=C`).
fn refusal(stdout: &str, stderr: &str) -> RemoteError {
    let words = words(stdout, stderr);
    let has = |part: &str| stderr.contains(part);
    if has("Authentication failed")
        || has("could not read Username")
        || has("could not read Password")
        || has("returned error: 401")
    {
        RemoteError::Unauthorized(words)
    } else if has("returned error: 403") {
        RemoteError::Forbidden(words)
    } else if has("returned error: 30") || has("unable to update url base from redirection") {
        RemoteError::Redirected(words)
    } else {
        RemoteError::Failed(words)
    }
}

/// What git and the server said, without the lines that say nothing.
fn words(stdout: &str, stderr: &str) -> String {
    let refused = stdout.lines().filter_map(|line| line.strip_prefix("!\t"));
    let said = stderr.lines().filter(|line| !line.starts_with("hint:")).map(str::trim_end);
    let blank = |line: &&str| !matches!(line.trim(), "" | "remote:");
    said.chain(refused).filter(blank).collect::<Vec<_>>().join("; ").replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::{RemoteError, refusal};

    #[test]
    fn a_refusal_is_recognised_by_gits_words() {
        let kind = |stderr: &str| match refusal("", stderr) {
            RemoteError::Unauthorized(_) => "unauthorized",
            RemoteError::Forbidden(_) => "forbidden",
            RemoteError::Redirected(_) => "redirected",
            RemoteError::Failed(_) => "failed",
            RemoteError::Git(_) => "git",
        };
        for (stderr, expected) in [
            ("fatal: Authentication failed for 'http://h/a.git/'\n", "unauthorized"),
            (
                "fatal: could not read Username for 'http://h': terminal prompts disabled\n",
                "unauthorized",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 403\n",
                "forbidden",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 301\n",
                "redirected",
            ),
            (
                "fatal: unable to access 'http://h/a.git/': The requested URL returned error: 500\n",
                "failed",
            ),
            ("fatal: repository 'http://h/a.git/' not found\n", "failed"),
        ] {
            assert_eq!(kind(stderr), expected, "{stderr}");
        }
    }

    #[test]
    fn the_servers_words_are_kept_on_one_line() {
        let stdout = "To http://h/a.git\n!\tabc:refs/heads/x\t[remote rejected] (pre-receive hook declined)\nDone\n";
        let stderr = "remote: \nremote: branch is protected        \nerror: failed to push some refs to 'http://h/a.git'\nhint: x\n";
        assert_eq!(
            refusal(stdout, stderr).to_string(),
            "remote: branch is protected; error: failed to push some refs to 'http://h/a.git'; \
             abc:refs/heads/x [remote rejected] (pre-receive hook declined)"
        );
    }
}
