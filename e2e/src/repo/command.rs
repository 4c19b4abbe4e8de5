//! The one place where the tests build git commands.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// How a git command ended, for tests in which it may fail.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error output.
    pub stderr: String,
}

/// A git command with an environment built from nothing.
pub struct Git(Command);

impl Git {
    /// A command in `directory`.
    pub fn at(directory: &Path) -> Self {
        let mut command = Command::new("git");
        command.current_dir(directory).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        for (name, value) in ENVIRONMENT {
            command.env(name, value);
        }
        Self(command)
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.0.args(args);
        self
    }

    /// Lets git log in with an account, at `origin` (scheme, host and port) only.
    #[must_use]
    pub fn account(mut self, origin: &str, user: &str, password: &str) -> Self {
        let helper = "!f() { echo \"username=$TEST_USER\"; echo \"password=$TEST_PASSWORD\"; }; f";
        self.0.env("GIT_CONFIG_COUNT", "1");
        self.0.env("GIT_CONFIG_KEY_0", format!("credential.{origin}.helper"));
        self.0.env("GIT_CONFIG_VALUE_0", helper);
        self.0.env("TEST_USER", user).env("TEST_PASSWORD", password);
        self
    }

    /// Runs it to its end, whatever that is.
    pub async fn outcome(mut self) -> anyhow::Result<Outcome> {
        let output = self.0.output().await.context("starting git")?;
        Ok(Outcome {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it; its standard output, or its own words as the error.
    pub async fn run(self) -> anyhow::Result<String> {
        let what = format!("{:?}", self.0.as_std().get_args().collect::<Vec<_>>());
        let outcome = self.outcome().await?;
        ensure!(outcome.success, "git {what}: {}", outcome.stderr);
        Ok(outcome.stdout)
    }
}

const ENVIRONMENT: [(&str, &str); 11] = [
    ("LC_ALL", "C"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // A proxy set for the machine must not see requests to a test's own server.
    ("NO_PROXY", "*"),
    ("GIT_AUTHOR_NAME", "Sample Author"),
    ("GIT_AUTHOR_EMAIL", "author@example.com"),
    ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "Sample Author"),
    ("GIT_COMMITTER_EMAIL", "author@example.com"),
    ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
];
