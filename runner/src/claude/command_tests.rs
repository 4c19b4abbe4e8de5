//! The start command and its environment.

use std::path::Path;

use crd::spec::{Author, Claude};

use super::{CommandLine, DEFAULT_BASE_URL, ModelAccess, Session, Start};

fn start(access: &ModelAccess, claude: &Claude, session: &Session) -> CommandLine {
    Start {
        program: Path::new("/usr/local/bin/claude"),
        cwd: Path::new("/workspace/repo"),
        home: Path::new("/home/claude/1"),
        tmp: Path::new("/tmp"),
        path: crate::place::PATH,
        system_prompt: Path::new("/home/claude/1.txt"),
        model_access: access,
        network: &[("HTTPS_PROXY".to_owned(), "http://proxy:3128".to_owned())],
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
    assert_eq!(settings["env"]["HTTPS_PROXY"], "http://proxy:3128");
    assert!(line.env.contains(&("HTTPS_PROXY".to_owned(), "http://proxy:3128".to_owned())));
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
    let env =
        |key: &str| line.env.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
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
