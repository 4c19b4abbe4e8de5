//! What `claudetask run` can be told.
//!
//! Not here: settings that the operator has too ([`super::settings`]), and the subcommands
//! ([`super::cli`]).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use crd::ClaudeTask;

use super::record;
use super::sandbox::Mode;
use super::settings::Settings;

/// Runs a ClaudeTask to its verdict.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Files with one ClaudeTask and the Secrets that it names, as for kubectl; `-` is standard
    /// input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What keeps the agent from the rest of this machine [default: the best that works here]
    #[arg(long, value_enum)]
    pub sandbox: Option<Mode>,
    /// Image of the runner, for Docker and Podman
    #[arg(long, default_value = "localhost/claudetask/runner:dev")]
    pub image: String,
    /// Network of the containers, for Docker and Podman [default: the engine's own]
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// A directory with tools that the agent may read in bubblewrap, and whose programs, in `bin`
    /// or in itself, it finds; can be repeated
    #[arg(long, value_name = "DIRECTORY")]
    pub tools: Vec<PathBuf>,
    /// The Claude Code CLI [default: `claude` of the PATH]
    #[arg(long, value_name = "PROGRAM")]
    pub claude: Option<PathBuf>,
    /// Certificates of authorities to trust besides the usual ones, in PEM format
    #[arg(long, value_name = "FILE")]
    pub trust_bundle: Option<PathBuf>,
    /// Where the private directory of the run is made [default: the one for temporary files]
    #[arg(long, value_name = "DIRECTORY")]
    pub work_dir: Option<PathBuf>,
    /// Keep the private directory, credentials included, and say where it is
    #[arg(long)]
    pub keep: bool,
    /// Print the finished object to standard output
    #[arg(short, long, value_enum)]
    pub output: Option<Format>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its text would stand in the help of the command")]
    pub settings: Settings,
}

/// How an object is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

impl Format {
    /// The object in this format.
    ///
    /// # Errors
    /// When it cannot be written so; the words say why.
    pub fn of(self, task: &ClaudeTask) -> Result<String, String> {
        match self {
            Self::Yaml => record::yaml(task),
            Self::Json => serde_json::to_string_pretty(task).map_err(|error| error.to_string()),
        }
    }
}
