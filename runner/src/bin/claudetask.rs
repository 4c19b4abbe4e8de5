//! `claudetask`: runs a ClaudeTask without a cluster.
//!
//! Not here: what the subcommands do ([`runner::local`]).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runner::local::{phase, run, secrets, show};
use runner::start;

/// Runs a ClaudeTask without a cluster, with the phases that it has in one
#[derive(Parser)]
#[command(name = "claudetask", version, about, max_term_width = 100)]
struct Cli {
    /// Where runs are kept [default: $XDG_STATE_HOME/claudetask, or ~/.local/state/claudetask]
    #[arg(long, global = true, env = "CLAUDETASK_STATE_DIR", value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a ClaudeTask to its verdict
    Run(Box<run::Options>),
    /// Show all runs, the newest first
    List,
    /// Print a run's object with its status
    Status {
        /// The task's name, for its newest run, or a run's name as `list` shows it
        name: String,
        /// How it is printed
        #[arg(short, long, value_enum, default_value = "yaml")]
        output: run::Format,
    },
    /// Print what the phases of a run have logged
    Logs(show::Logs),
    /// One container of a run
    #[command(hide = true)]
    Phase(phase::Options),
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
    let cli = Cli::parse();
    match cli.command {
        Command::Phase(options) => return phase::run(&options),
        Command::Credential { directory, operation } => {
            return start::credential(&directory, &operation);
        }
        _ => {}
    }
    let Some(state) = cli.state_dir.or_else(secrets::state) else {
        return failed("neither HOME nor XDG_STATE_HOME is set: name a directory by --state-dir");
    };
    match cli.command {
        Command::Run(options) => execute(&options, &state),
        Command::List => said(Ok::<_, String>(show::list(&state))),
        Command::Status { name, output } => said(show::status(&state, &name, output)),
        Command::Logs(logs) => said(show::logs(&state, &logs)),
        Command::Phase(_) | Command::Credential { .. } => ExitCode::SUCCESS,
    }
}

fn execute(options: &run::Options, state: &std::path::Path) -> ExitCode {
    // One thread: a phase ends with the thread that started it.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    match runtime.block_on(run::run(options, state)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is_input() => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
        Err(error) => failed(error),
    }
}

fn said(text: Result<String, impl std::fmt::Display>) -> ExitCode {
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(error),
    }
}

fn failed(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
