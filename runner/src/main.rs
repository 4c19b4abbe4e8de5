//! The command line: one subcommand per container, and git's credential helper.
//!
//! Not here: what a phase does (the library); this file only starts it and says how it ended.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use crd::Phase;

use runner::place::Place;
use runner::start;

/// The program inside a ClaudeTask's containers.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// End as at SIGTERM when standard input ends
    #[arg(long, global = true, hide = true)]
    tied: bool,
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Fetches the repository and checks what can fail before money is spent
    Clone,
    /// Pushes partial work while Claude runs
    Save,
    /// Lets Claude work on the prompt
    Run,
    /// Lands the change on the onto branch
    Rebase,
    /// Lets Claude resolve what git could not
    Resolve,
    /// Builds the result and pushes it
    Push,
    /// Answers git's question for a username and password
    #[command(hide = true)]
    Credential {
        /// Where the Secret is mounted
        #[arg(long)]
        directory: PathBuf,
        /// git's `get`, `store` or `erase`
        operation: String,
    },
}

fn main() -> ExitCode {
    let Cli { tied, command } = Cli::parse();
    if tied {
        start::end_with_stdin();
    }
    let place = match Place::in_pod() {
        Ok(place) => place,
        Err(error) => {
            eprintln!("finding this program's own file: {error}");
            return ExitCode::FAILURE;
        }
    };
    let phase = match command {
        Commands::Credential { directory, operation } => {
            return start::credential(&directory, &operation);
        }
        Commands::Save => return start::save(&place),
        Commands::Clone => Phase::Clone,
        Commands::Run => Phase::Run,
        Commands::Rebase => Phase::Rebase,
        Commands::Resolve => Phase::ConflictResolution,
        Commands::Push => Phase::Push,
    };
    start::phase(phase, &place)
}
