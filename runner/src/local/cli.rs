//! The command line of `claudetask`.
//!
//! Not here: what the subcommands do.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::{check, options, phase, run, secrets, show};
use crate::start;

/// Exit code when what was given is wrong.
const WRONG: u8 = 2;

/// Runs a ClaudeTask without a cluster, with the phases that it has in one
#[derive(Parser)]
#[command(name = "claudetask", version, about, max_term_width = 100, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// Where runs are kept [default: `claudetask` in `$XDG_STATE_HOME` or in `~/.local/state`]
    #[arg(long, global = true, env = "CLAUDETASK_STATE_DIR", value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes of `claudetask run`:
    0  pushed, or nothing had to be
    1  the run itself failed
    2  what was given is wrong: command line, file, credential
    3  refused before Claude was started: repository, branch, login, setup
    4  Claude failed, or verify did
    5  a limit was reached: money, turns, time
    6  the model API: rate, overload, credentials
    7  conflicts, or the push was rejected
    8  the machine: memory, disk, a lost process
  130  cancelled";

#[derive(Subcommand)]
enum Command {
    /// Run a ClaudeTask to its verdict
    Run(Box<options::Options>),
    /// Check files as `kubectl create --validate=strict` would, without a cluster
    ///
    /// Prints a line for each good ClaudeTask to standard output and one for each fault to standard
    /// error; ends with 0 when there is no fault, else with 2. Secrets in the files are skipped.
    Validate {
        /// YAML files with ClaudeTasks; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show all runs, the newest first
    List,
    /// Print a run's object with its status
    Status {
        /// The task's name, for its newest run, or a run's name as `list` shows it
        name: String,
        /// How it is printed
        #[arg(short, long, value_enum, default_value = "yaml")]
        output: options::Format,
    },
    /// Print what the phases of a run have logged
    Logs(show::Logs),
    /// Print a script that completes this command line in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
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

/// Does what the command line says.
pub fn main() -> ExitCode {
    let Cli { state_dir, command } = Cli::parse();
    let state = state_dir.or_else(secrets::state);
    let state = state.ok_or("neither HOME nor XDG_STATE_HOME is set: use --state-dir");
    match command {
        Command::Phase(options) => phase::run(&options),
        Command::Credential { directory, operation } => start::credential(&directory, &operation),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "claudetask", &mut script);
            print(&script)
        }
        Command::Man => match man() {
            Ok(pages) => print(&pages),
            Err(error) => failed(error),
        },
        Command::Run(options) => match state {
            Ok(state) => execute(&options, &state),
            Err(error) => failed(error),
        },
        Command::Validate { files } => check::validate(&files),
        Command::List => said(state.map(|state| show::list(&state))),
        Command::Status { name, output } => match state {
            Ok(state) => said(show::status(&state, &name, output)),
            Err(error) => failed(error),
        },
        Command::Logs(logs) => match state {
            Ok(state) => said(show::logs(&state, &logs)),
            Err(error) => failed(error),
        },
    }
}

fn execute(options: &options::Options, state: &Path) -> ExitCode {
    // One thread: a phase ends with the thread that started it.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    match runtime.block_on(run::run(options, state)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is_input() => {
            eprintln!("error: {error}");
            ExitCode::from(WRONG)
        }
        Err(error) => failed(error),
    }
}

/// The manual: the page of the program, then one for each subcommand.
fn man() -> std::io::Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut pages)?;
    for subcommand in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        clap_mangen::Man::new(subcommand.clone()).render(&mut pages)?;
    }
    Ok(pages)
}

fn said(text: Result<String, impl Display>) -> ExitCode {
    match text {
        Ok(text) => print(text.as_bytes()),
        Err(error) => failed(error),
    }
}

/// A reader that went away has seen what it wanted.
fn print(bytes: &[u8]) -> ExitCode {
    let _ = std::io::stdout().write_all(bytes);
    ExitCode::SUCCESS
}

fn failed(error: impl Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, EXIT_CODES, man};
    use crate::local::verdict::exit_code;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_manual_has_every_subcommand_but_the_hidden_ones() {
        let pages = String::from_utf8(man().unwrap()).unwrap();
        for name in ["claudetask\\-run", "claudetask\\-logs", "claudetask\\-completions"] {
            assert!(pages.contains(name), "{name}");
        }
        assert!(!pages.contains("claudetask\\-phase"));
    }

    #[test]
    fn every_exit_code_is_explained() {
        for reason in crd::Reason::ALL {
            let code = format!("\n{:>5}  ", exit_code(*reason));
            assert!(EXIT_CODES.contains(&code), "{reason}: {code}");
        }
    }
}
