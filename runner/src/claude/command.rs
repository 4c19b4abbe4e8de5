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

/// Where programs are looked for, by Claude and by checks.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    /// File with the text that is appended to the system prompt; outside the repository.
    pub system_prompt: &'a Path,
    /// Access to the model.
    pub model_access: &'a ModelAccess,
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
        json!({
            "disableAllHooks": true,
            "attribution": {"commit": "", "pr": ""},
            "env": {"ANTHROPIC_BASE_URL": self.model_access.base_url()},
        })
        .to_string()
    }

    fn env(&self) -> Vec<(String, String)> {
        let (home, tmp) = (self.home.to_string_lossy(), self.tmp.to_string_lossy());
        let retries = self.model_retries.min(15).to_string();
        let Author { name, email } = self.author;
        let mut env: Vec<(&str, &str)> = vec![
            ("HOME", &home),
            ("PATH", PATH),
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
        if self.is_root {
            env.push(("IS_SANDBOX", "1"));
        }
        env.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crd::spec::{Author, Claude};

    use super::{CommandLine, DEFAULT_BASE_URL, ModelAccess, Session, Start};

    fn start(access: &ModelAccess, claude: &Claude, session: &Session) -> CommandLine {
        Start {
            program: Path::new("/usr/local/bin/claude"),
            cwd: Path::new("/workspace/repo"),
            home: Path::new("/home/claude/1"),
            tmp: Path::new("/tmp"),
            system_prompt: Path::new("/home/claude/1.txt"),
            model_access: access,
            claude,
            budget: claude.max_budget_usd,
            author: &Author::default(),
            session,
            model_retries: 99,
            is_root: false,
        }
        .command()
    }

    fn access(pairs: &[(&str, &str)]) -> ModelAccess {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ModelAccess { variables: pairs.collect() }
    }

    fn after<'a>(line: &'a CommandLine, flag: &str) -> Option<&'a str> {
        let at = line.args.iter().position(|arg| arg == flag)?;
        line.args.get(at + 1).map(String::as_str)
    }

    #[test]
    fn nothing_of_a_repository_or_of_home_configures_the_agent() {
        let line = start(&ModelAccess::default(), &Claude::default(), &Session::New("u".into()));
        assert_eq!(after(&line, "--setting-sources"), Some(""));
        for flag in ["--strict-mcp-config", "--disable-slash-commands"] {
            assert!(line.args.iter().any(|arg| arg == flag), "{flag}");
        }
        let settings: serde_json::Value =
            serde_json::from_str(after(&line, "--settings").unwrap()).unwrap();
        assert_eq!(settings["disableAllHooks"], true);
        assert_eq!(settings["attribution"]["commit"], "");
        assert_eq!(settings["env"]["ANTHROPIC_BASE_URL"], DEFAULT_BASE_URL);
    }

    #[test]
    fn the_credential_is_in_the_environment_alone_and_the_base_url_in_both_places() {
        let access = access(&[
            ("ANTHROPIC_AUTH_TOKEN", "canary-token\n"),
            ("ANTHROPIC_API_KEY", ""),
            ("ANTHROPIC_BASE_URL", "http://gateway:8080"),
            ("LD_PRELOAD", "x"),
        ]);
        let line = start(&access, &Claude::default(), &Session::New("u".into()));
        let env = |key: &str| {
            line.env.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        assert_eq!(env("ANTHROPIC_AUTH_TOKEN"), Some("canary-token"));
        assert_eq!((env("ANTHROPIC_API_KEY"), env("LD_PRELOAD")), (None, None));
        assert_eq!(env("ANTHROPIC_BASE_URL"), Some("http://gateway:8080"));
        assert!(after(&line, "--settings").unwrap().contains("http://gateway:8080"));
        assert!(!line.args.iter().any(|arg| arg.contains("canary")));
        assert_eq!(env("CLAUDE_CODE_MAX_RETRIES"), Some("15"), "larger values are clamped anyway");
        assert!(!format!("{access:?}").contains("canary"));
        assert_eq!(env("IS_SANDBOX"), None);
    }

    #[test]
    fn limits_and_models_are_passed_only_when_the_task_names_them() {
        let plain = start(&ModelAccess::default(), &Claude::default(), &Session::New("u".into()));
        for flag in ["--model", "--fallback-model", "--max-turns", "--max-budget-usd", "--resume"] {
            assert_eq!(after(&plain, flag), None, "{flag}");
        }
        let claude = Claude {
            model: Some("claude-sonnet-5-5".into()),
            fallback_model: Some("claude-haiku-5-5".into()),
            max_turns: Some(7),
            max_budget_usd: Some("2.5".parse().unwrap()),
            ..Claude::default()
        };
        let line = start(&ModelAccess::default(), &claude, &Session::Resume("u".into()));
        assert_eq!(after(&line, "--model"), Some("claude-sonnet-5-5"));
        assert_eq!(after(&line, "--fallback-model"), Some("claude-haiku-5-5"));
        assert_eq!(after(&line, "--max-turns"), Some("7"));
        assert_eq!(after(&line, "--max-budget-usd"), Some("2.50"));
        assert_eq!((after(&line, "--resume"), after(&line, "--session-id")), (Some("u"), None));
    }

    #[test]
    fn a_flag_that_takes_several_words_is_followed_by_another_flag() {
        let line = start(&ModelAccess::default(), &Claude::default(), &Session::New("u".into()));
        let at = line.args.iter().position(|arg| arg == "--tools").unwrap();
        assert!(line.args[at + 2].starts_with("--"));
    }
}
