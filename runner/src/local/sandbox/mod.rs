//! How a container of the Pod is kept apart on a machine without a cluster.
//!
//! [`Container`] says what each of them sees, from the same table as the Pod's; [`plain`],
//! [`bubblewrap`] and [`engine`] make the command line of it, purely; [`probe`] finds out what this
//! machine can do. Not here: starting the command ([`super::process`]).

pub mod bubblewrap;
pub mod engine;
pub mod plain;
pub mod probe;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use crd::names::{self, Mount};
use crd::{Phase, mounts};

use bubblewrap::Bubblewrap;
use engine::Engine;
use plain::Plain;

use crate::dirs::message;

/// What keeps the agent from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Namespaces by bubblewrap: the agent sees its work tree, its home and tools
    Bubblewrap,
    /// A container of the runner's image for each phase, by Podman
    Podman,
    /// A container of the runner's image for each phase, by Docker
    Docker,
    /// Nothing but, when started as root, another user
    None,
}

/// A sandbox with all that it needs to know of this machine.
#[derive(Debug, Clone)]
pub enum Sandbox {
    /// Nothing.
    Plain(Plain),
    /// bubblewrap.
    Bubblewrap(Bubblewrap),
    /// Docker or Podman.
    Engine(Engine),
}

/// What is true of this machine and of whoever started the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// User that the program runs as.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// This program's file.
    pub program: PathBuf,
    /// The Claude Code CLI; the engines have their image's own.
    pub claude: PathBuf,
    /// Directories with further tools, which the agent may read.
    pub tools: Vec<PathBuf>,
    /// Where the programs of these are.
    pub tool_paths: Vec<PathBuf>,
    /// Where the caller finds programs, as in `PATH`.
    pub path: String,
}

impl Host {
    /// True when the program was started by root, and the agent can be another user.
    pub const fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// The user that the agent is to become, when the program may choose one: the Pod's.
    pub fn agent(&self) -> Option<u32> {
        self.is_root().then_some(names::RUN_AS)
    }

    /// Where programs are found: those of the tools first, then `rest`.
    fn path_before(&self, rest: &str) -> String {
        let tools = self.tool_paths.iter().map(|path| path.display().to_string());
        tools.chain([rest.to_owned()]).collect::<Vec<_>>().join(":")
    }
}

/// One container of an attempt.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// Its name, as in the Pod.
    pub name: &'static str,
    /// Task and attempt, for names that others on the machine see.
    pub attempt: &'a str,
    /// The directory with a directory for each volume.
    pub root: &'a Path,
    /// What it is told; names and values.
    pub env: Vec<(String, String)>,
    /// Whether there are git credentials.
    pub has_credentials: bool,
    /// Whether there are certificates to trust.
    pub has_trust: bool,
    /// What it may use, as engines take it: CPUs and bytes of memory.
    pub limits: Limits,
}

/// What a container may use, where the task says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPUs, such as `1.5`.
    pub cpus: Option<String>,
    /// Memory in bytes.
    pub memory: Option<u64>,
}

/// A directory or file of the machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Where it is.
    pub from: PathBuf,
    /// Where the container sees it.
    pub to: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

impl Container<'_> {
    /// True for one that holds the model credential; the others hold the git credential.
    pub fn is_agent(&self) -> bool {
        mounts::is_agent(self.name)
    }

    /// Its name where others see it.
    pub fn public_name(&self) -> String {
        format!("claudetask-{}-{}", self.attempt, self.name)
    }

    /// Everything of the task that it sees.
    pub fn binds(&self) -> Vec<Bind> {
        let bind = |volume: &str, to: &str, read_only| Bind {
            from: self.root.join(volume),
            to: to.to_owned(),
            read_only,
        };
        let mount = |mount: &Mount, read_only| bind(mount.volume, mount.path, read_only);
        let sight = mounts::shared(self.name);
        let mut binds: Vec<_> = sight.writes.iter().map(|one| mount(one, false)).collect();
        binds.extend(sight.reads.iter().map(|one| mount(one, true)));
        if !self.is_agent() && self.has_credentials {
            binds.push(mount(&names::GIT_CREDENTIALS, true));
        }
        if self.has_trust {
            binds.push(mount(&names::TRUST_BUNDLE, true));
        }
        binds.push(mount(&names::STOP, true));
        binds.push(bind(&mounts::home(self.name), names::HOME_PATH, false));
        binds.push(bind(&mounts::tmp(self.name), names::TMP_PATH, false));
        binds.push(bind(&message(self.name), names::TERMINATION_LOG, false));
        binds
    }
}

/// Name of the file with the users that a container knows.
pub const PASSWD: &str = "passwd";

/// A program to start. Secrets are in its environment only, never among its arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are set.
    pub env: Vec<(String, String)>,
    /// Whether the caller's other variables stay: a client of an engine finds its server by them.
    pub inherits: bool,
}

/// Adds words to a command line.
fn add<S: Into<OsString>>(args: &mut Vec<OsString>, words: impl IntoIterator<Item = S>) {
    args.extend(words.into_iter().map(Into::into));
}

impl Sandbox {
    /// The command that runs `container`.
    pub fn start(&self, container: &Container) -> Start {
        match self {
            Self::Plain(plain) => plain.start(container),
            Self::Bubblewrap(bubblewrap) => bubblewrap.start(container),
            Self::Engine(engine) => engine.start(container),
        }
    }

    /// The user that `container`'s own volumes belong to; nothing when it is the caller.
    pub fn owner(&self, container: &str) -> Option<u32> {
        match self {
            Self::Plain(Plain { host }) | Self::Bubblewrap(Bubblewrap { host, .. }) => {
                host.agent().filter(|_| mounts::is_agent(container))
            }
            Self::Engine(engine) => engine.host.agent(),
        }
    }

    /// The command that ends `container` at once, where ending the started program does not.
    pub fn kill(&self, container: &Container) -> Option<Start> {
        match self {
            Self::Plain(_) | Self::Bubblewrap(_) => None,
            Self::Engine(engine) => Some(engine.kill(container)),
        }
    }

    /// Copies into the private directory `work` what the agent's user could not reach.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn lend_programs(&mut self, work: &Path) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.lend_programs(work),
            // These show it in a place of its own, or have their own.
            Self::Bubblewrap(_) | Self::Engine(_) => Ok(()),
        }
    }

    /// Whether SIGTERM is for the children of the started program, which does not hand it on.
    pub const fn shields_signals(&self) -> bool {
        matches!(self, Self::Bubblewrap(_))
    }

    /// What the agent can reach, in a sentence or two.
    pub fn meaning(&self) -> String {
        match self {
            Self::Plain(plain) => plain.meaning(),
            Self::Bubblewrap(bubblewrap) => bubblewrap.meaning(),
            Self::Engine(engine) => engine.meaning(),
        }
    }
}

/// The words with which this program runs one phase by itself.
fn phase_words(name: &str, claude: &Path, path: &str, user: Option<u32>) -> Vec<OsString> {
    let mut args = Vec::new();
    add(&mut args, ["phase", name, "--claude"]);
    add(&mut args, [claude]);
    add(&mut args, ["--path", path]);
    if let Some(user) = user.filter(|_| Phase::of_container(name).is_some_and(Phase::is_agent)) {
        add(&mut args, ["--user".to_owned(), user.to_string()]);
    }
    args
}
