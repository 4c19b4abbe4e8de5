//! `claudetask phase`: one container of a run, started by the run itself.
//!
//! Not here: what the phase does ([`crate::start`]).

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crd::{Phase, names};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

use crate::place::Place;
use crate::start;

/// Runs one phase, or the saver, of a run that goes on.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Name of the container
    pub name: String,
    /// The directory with its volumes; without it they are where a Pod has them
    #[arg(long)]
    pub root: Option<PathBuf>,
    /// The Claude Code CLI
    #[arg(long)]
    pub claude: PathBuf,
    /// Where Claude and the task's commands find programs
    #[arg(long)]
    pub path: String,
    /// The user to become
    #[arg(long)]
    pub user: Option<u32>,
}

/// Runs it to its end.
pub fn run(options: &Options) -> ExitCode {
    let prepared = prepare(options);
    let place = match prepared {
        Ok(place) => place,
        Err(error) => {
            eprintln!("preparing the phase: {error}");
            return ExitCode::FAILURE;
        }
    };
    // A run that is killed leaves nobody behind: its phases save and end.
    start::end_with_stdin();
    match Phase::of_container(&options.name) {
        Some(phase) => start::phase(phase, &place),
        None if options.name == names::SAVE_CONTAINER => start::save(&place),
        None => {
            eprintln!("there is no container called {}", options.name);
            ExitCode::FAILURE
        }
    }
}

fn prepare(options: &Options) -> io::Result<Place> {
    // First: another user may not ask which file this program is.
    let place = match &options.root {
        Some(root) => Place::below(root, &options.name),
        None => Place::in_pod(),
    }?;
    if let Some(user) = options.user {
        setgroups(&[])?;
        setgid(Gid::from_raw(user))?;
        setuid(Uid::from_raw(user))?;
    }
    Ok(Place { claude: options.claude.clone(), path: options.path.clone(), ..place })
}
