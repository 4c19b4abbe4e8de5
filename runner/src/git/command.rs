//! The one place that builds git commands, for both sides.
//!
//! The environment is built from nothing and outranks the repository's own configuration. Output
//! is bytes; what it means is read by pure functions elsewhere. Not here: addresses and
//! credentials ([`crate::git::remote`]).

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::dirs::Dirs;
use crate::git::converse::{Said, Sink, converse};
use crate::git::environment::{ENVIRONMENT, NO_ATTRIBUTES, SETTINGS};
use crate::git::stop::Stop;
use crate::git::watchdog::{Bite, Watchdog};

/// Largest output that is kept, in bytes; more is an error, so that a hostile repository cannot
/// fill the memory.
const OUTPUT_LIMIT: u64 = 256 << 20;

/// A repository and the environment in which git works on it.
#[derive(Debug, Clone)]
pub struct Git {
    place: Place,
    home: PathBuf,
    tmp: PathBuf,
    stop: Stop,
}

#[derive(Debug, Clone)]
enum Place {
    Bare(PathBuf),
    Worktree(PathBuf),
}

/// A command being put together.
#[derive(Debug)]
pub struct GitCommand {
    command: Command,
    name: String,
    settings: Vec<(String, String)>,
    input: Input,
    sink: Sink,
    limit: Option<Duration>,
    stop: Stop,
}

/// What a command reads.
#[derive(Debug)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(File),
}

/// What a command that ran to its end left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Error output, cut at 64 KiB, without bytes that are no UTF-8.
    pub stderr: String,
}

/// A git command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program cannot be started, or a pipe broke.
    #[error("git {0} cannot run: {1}")]
    Start(String, #[source] std::io::Error),
    /// It said no.
    #[error("git {name}: {words}")]
    Failed {
        /// The subcommand.
        name: String,
        /// Its error output, without surrounding blanks.
        words: String,
    },
    /// It took longer than it may.
    #[error("git {0} took longer than {1} s")]
    TimedOut(String, u64),
    /// It printed more than anybody needs.
    #[error("git {0} printed too much")]
    TooMuch(String),
    /// It printed something that this version does not understand.
    #[error("git {0} printed something unknown: {1}")]
    Unknown(String, String),
    /// The container is to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Git {
    /// Git in a bare repository that only this side writes.
    pub fn bare(dirs: &Dirs, path: &Path, stop: &Stop) -> Self {
        Self::at(Place::Bare(path.to_owned()), dirs, stop)
    }

    /// Git in a working copy. Its own `.git/config` counts where [`SETTINGS`] say nothing,
    /// so only for a copy just made, or in an agent container.
    pub fn worktree(dirs: &Dirs, path: &Path, stop: &Stop) -> Self {
        Self::at(Place::Worktree(path.to_owned()), dirs, stop)
    }

    fn at(place: Place, dirs: &Dirs, stop: &Stop) -> Self {
        Self { place, home: dirs.home.clone(), tmp: dirs.tmp.clone(), stop: stop.clone() }
    }

    /// Where the repository, or the working copy, lies.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Bare(path) | Place::Worktree(path) => path,
        }
    }

    /// A command with nothing but its name.
    pub fn command(&self, name: &str) -> GitCommand {
        let mut command = Command::new("git");
        command.env_clear().envs(ENVIRONMENT).arg(name);
        command.env("HOME", &self.home).env("TMPDIR", &self.tmp);
        match &self.place {
            // Named, not searched for: no directory above is ever taken for the repository.
            Place::Bare(path) => command.env("GIT_DIR", path).current_dir(path),
            Place::Worktree(path) => command
                .env("GIT_CEILING_DIRECTORIES", path.parent().unwrap_or(path))
                .current_dir(path),
        };
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut settings: Vec<_> = SETTINGS.map(owned).to_vec();
        if matches!(self.place, Place::Bare(_)) {
            settings.push(owned(NO_ATTRIBUTES));
        }
        let stop = self.stop.clone();
        GitCommand {
            command,
            name: name.to_owned(),
            settings,
            input: Input::Nothing,
            sink: Sink::Memory(OUTPUT_LIMIT),
            limit: None,
            stop,
        }
    }
}

impl GitCommand {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds a setting after the fixed ones.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Gives it something to read; otherwise its standard input is empty.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Gives it a file to read, from where the file stands.
    #[must_use]
    pub fn file(mut self, file: File) -> Self {
        self.input = Input::File(file);
        self
    }

    /// Lets it print into a file, at most `limit` bytes; with more it ends as `TooMuch`.
    #[must_use]
    pub fn into_file(mut self, file: File, limit: u64) -> Self {
        self.sink = Sink::File(file, limit);
        self
    }

    /// Kills it, and the programs that it started, when it takes longer.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it to its end, good or bad.
    ///
    /// # Errors
    /// Every [`GitError`] but `Failed`.
    pub fn output(mut self) -> Result<Output, GitError> {
        if self.stop.is_set() {
            return Err(GitError::Interrupted);
        }
        self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (n, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{n}"), key);
            self.command.env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        let mut bytes = Vec::new();
        self.command.stdin(match std::mem::replace(&mut self.input, Input::Nothing) {
            Input::Nothing => Stdio::null(),
            Input::File(file) => file.into(),
            Input::Bytes(given) => {
                bytes = given;
                Stdio::piped()
            }
        });
        // A group of its own, so that the limit reaches its helpers too.
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let start = |error| GitError::Start(self.name.clone(), error);
        let child = self.command.spawn().map_err(start)?;
        let (began, stop) = (Instant::now(), self.stop);
        let watchdog = Watchdog::watch(child.id(), self.limit, stop.clone());
        let ended = converse(child, bytes, self.sink);
        match watchdog.bitten() {
            Some(Bite::Stop) if stop.is_set() => return Err(GitError::Interrupted),
            Some(_) => return Err(GitError::TimedOut(self.name, began.elapsed().as_secs())),
            None => {}
        }
        let Said { status, stdout, stderr, too_much } = ended.map_err(start)?;
        if too_much {
            return Err(GitError::TooMuch(self.name));
        }
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Ok(Output { code: status.code(), stdout, stderr })
    }

    /// Runs it; its standard output.
    ///
    /// # Errors
    /// [`GitError`], `Failed` with its own words when it exits with anything but 0.
    pub fn run(self) -> Result<Vec<u8>, GitError> {
        let name = self.name.clone();
        let output = self.output()?;
        match output.code {
            Some(0) => Ok(output.stdout),
            _ => Err(GitError::Failed { name, words: output.stderr.trim().to_owned() }),
        }
    }

    /// Runs it; its standard output as one line of text.
    ///
    /// # Errors
    /// [`GitError`], `Unknown` when that is no UTF-8.
    pub fn line(self) -> Result<String, GitError> {
        let name = self.name.clone();
        let text = String::from_utf8(self.run()?)
            .map_err(|error| GitError::Unknown(name, error.to_string()))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}
