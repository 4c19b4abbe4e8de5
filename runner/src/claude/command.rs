//! The start command of Claude Code, checked with version 2.1.330: pure.
//!
//! The environment is built from nothing, so that neither the container's nor a planted one
//! counts. The model credential and its base URL enter here and nowhere else: a gateway outside
//! the Pod will be a change of this file. Not here: starting it ([`super::supervise`]).

use std::path::{Path, PathBuf};

use crd::Usd;
use crd::spec::Author;
use serde_json::json;

/// The base URL when none is configured. It is always named: a base URL in `--settings` wins over
/// one that was planted in `.claude.json`.
pub const DEFAULT_BASE_URL: &str = "https://api.anthropic.com";

/// The tools that Claude may use: those of an editor at work, none that waits, schedules or asks.
const TOOLS: &str = "Bash,Edit,Write,Read,Glob,Grep";

/// Longest time of one Bash call. Together with the two limits below it keeps every legitimate
/// silence under the default idle limit of 900 s.
const BASH_MAX_MS: &str = "600000";
/// Time of a Bash call that names none.
const BASH_DEFAULT_MS: &str = "300000";
/// Longest wait for the first byte of an answer.
const API_TIMEOUT_MS: &str = "300000";
/// Longest silence within an answer; pings do not count as a sign of life for it.
const STREAM_IDLE_MS: &str = "120000";

/// Access to the model API.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ModelAccess {
    /// Pairs of a variable out of [`crd::names::MODEL_KEYS`] and its value.
    pub variables: Vec<(String, String)>,
}

impl ModelAccess {
    /// The base URL.
    pub fn base_url(&self) -> &str {
        self.get("ANTHROPIC_BASE_URL").unwrap_or(DEFAULT_BASE_URL)
    }

    /// The values that must never be shown: everything but the base URL.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        let secret = |(key, _): &&(String, String)| key != "ANTHROPIC_BASE_URL";
        self.variables.iter().filter(secret).map(|(_, value)| value.clone())
    }

    fn get(&self, key: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for ModelAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.variables.iter().map(|(key, _)| key)).finish()
    }
}

/// Which conversation a process continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// None; the new one gets this UUID.
    New(String),
    /// The one with this UUID; its transcript is in HOME.
    Resume(String),
}

impl Session {
    /// None yet, with a random UUID.
    pub fn fresh() -> Self {
        Self::New(uuid::Uuid::new_v4().to_string())
    }

    /// The session's UUID.
    pub fn id(&self) -> &str {
        match self {
            Self::New(id) | Self::Resume(id) => id,
        }
    }
}

/// Everything that a start depends on.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// The CLI.
    pub program: &'a Path,
    /// The work tree.
    pub cwd: &'a Path,
    /// A fresh directory that nothing of an earlier start is in, but its transcript.
    pub home: &'a Path,
    /// For temporary files.
    pub tmp: &'a Path,
    /// Where it and its tools find programs, as in `PATH`.
    pub path: &'a str,
    /// File with the text that is appended to the system prompt; outside the repository.
    pub system_prompt: &'a Path,
    /// Access to the model.
    pub model_access: &'a ModelAccess,
    /// Variables for proxies and certificates.
    pub network: &'a [(String, String)],
    /// Model, limits.
    pub claude: &'a crd::spec::Claude,
    /// What is left of the money, when it is limited.
    pub budget: Option<Usd>,
    /// Author of commits that Claude makes.
    pub author: &'a Author,
    /// Conversation.
    pub session: &'a Session,
    /// Retries of one request.
    pub model_retries: u32,
    /// True when the process has UID 0, which needs an explicit permission (tests; never a Pod).
    pub is_root: bool,
}

/// A program with its arguments, its whole environment and its directory.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment; nothing else is inherited.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub cwd: PathBuf,
}

impl Start<'_> {
    /// The command line. The prompt is not in it: it goes to standard input, where it can neither
    /// be read as a flag nor be swallowed by one that takes several words.
    pub fn command(&self) -> CommandLine {
        CommandLine {
            program: self.program.to_owned(),
            args: self.args(),
            env: self.env(),
            cwd: self.cwd.to_owned(),
        }
    }

    fn args(&self) -> Vec<String> {
        let mut args: Vec<String> =
            ["-p", "--output-format", "stream-json", "--verbose"].map(str::to_owned).into();
        let mut add = |flag: &str, value: &str| args.extend([flag.to_owned(), value.to_owned()]);
        if let Some(model) = &self.claude.model {
            add("--model", model);
        }
        if let Some(model) = &self.claude.fallback_model {
            add("--fallback-model", model);
        }
        match self.session {
            Session::New(id) => add("--session-id", id),
            Session::Resume(id) => add("--resume", id),
        }
        if let Some(turns) = self.claude.max_turns {
            add("--max-turns", &turns.to_string());
        }
        if let Some(budget) = self.budget {
            add("--max-budget-usd", &budget.to_string());
        }
        add("--append-system-prompt-file", &self.system_prompt.to_string_lossy());
        // Without it a resumed session would replay the text of its first start.
        add("--system-prompt-snapshot", "off");
        add("--settings", &self.settings());
        // No settings file of the repository or of HOME counts: hooks, environment, helpers.
        add("--setting-sources", "");
        add("--tools", TOOLS);
        // No server of the repository's .mcp.json, no command of it run for a prompt with a slash.
        args.extend(
            ["--strict-mcp-config", "--disable-slash-commands", "--dangerously-skip-permissions"]
                .map(str::to_owned),
        );
        args
    }

    fn settings(&self) -> String {
        // What decides where the model credential goes stands here too: this wins over a planted
        // `.claude.json`.
        let mut env = serde_json::Map::new();
        env.insert("ANTHROPIC_BASE_URL".to_owned(), self.model_access.base_url().into());
        let network = self.network.iter().map(|(key, value)| (key.clone(), value.clone().into()));
        env.extend(network);
        json!({
            "disableAllHooks": true,
            "attribution": {"commit": "", "pr": ""},
            "env": env,
        })
        .to_string()
    }

    fn env(&self) -> Vec<(String, String)> {
        let (home, tmp) = (self.home.to_string_lossy(), self.tmp.to_string_lossy());
        let retries = self.model_retries.min(15).to_string();
        let Author { name, email } = self.author;
        let mut env: Vec<(&str, &str)> = vec![
            ("HOME", &home),
            ("PATH", self.path),
            ("LANG", "C.UTF-8"),
            ("TMPDIR", &tmp),
            ("CLAUDE_CODE_TMPDIR", &tmp),
            ("ANTHROPIC_BASE_URL", self.model_access.base_url()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
            ("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1"),
            ("CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", &retries),
            ("API_TIMEOUT_MS", API_TIMEOUT_MS),
            ("CLAUDE_ENABLE_BYTE_WATCHDOG", "1"),
            ("CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS", STREAM_IDLE_MS),
            ("BASH_DEFAULT_TIMEOUT_MS", BASH_DEFAULT_MS),
            ("BASH_MAX_TIMEOUT_MS", BASH_MAX_MS),
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
            // Nobody sits beside it: neither an editor nor a question for a password may wait.
            ("GIT_EDITOR", "true"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ];
        for key in crd::names::MODEL_KEYS {
            if let Some(value) = self.model_access.get(key).filter(|_| key != "ANTHROPIC_BASE_URL")
            {
                env.push((key, value));
            }
        }
        env.extend(self.network.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        if self.is_root {
            env.push(("IS_SANDBOX", "1"));
        }
        env.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
