//! The real Claude Code CLI against the scripted Messages API.
//!
//! The CLI is `CLAUDE_CODE_BIN`, or the copy in the cache directory of the test cluster. Without
//! one these tests say so and prove nothing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use e2e::cluster::{layout::Layout, version};
use e2e::model_server::{
    Admin, Fault, FaultKind, Script, Settings, Step, ToolCall, Usage, sha256, start,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

const KEY: &str = "model-key-canary";
const SESSION: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";
const LIMIT: Duration = Duration::from_mins(1);

/// The server, a work tree and a home.
struct Desk {
    cli: PathBuf,
    base: String,
    admin: Admin,
    directory: TempDir,
}

impl Desk {
    /// None, and a line that says so, without a CLI.
    async fn open() -> Option<Self> {
        let cli = cli()?;
        let settings =
            Settings { admin_password: "admin".to_owned(), api_key: Some(KEY.to_owned()) };
        let base = format!("http://{}", start(settings).await.unwrap());
        Some(Self { cli, admin: Admin::new(&base, "admin"), base, directory: fresh() })
    }

    fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    fn file(&self, name: &str) -> String {
        self.work().join(name).display().to_string()
    }

    fn command(&self, session: &str) -> Command {
        let here = |name: &str| self.directory.path().join(name);
        let mut command = Command::new(&self.cli);
        command
            .args(["-p", "--output-format", "stream-json", "--verbose", session, SESSION])
            .args(["--model", "claude-sonnet-5-5", "--dangerously-skip-permissions"])
            .args(["--tools", "Bash,Edit,Write,Read,Glob,Grep", "--setting-sources", ""])
            .args(["--strict-mcp-config", "--disable-slash-commands"])
            .current_dir(self.work())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("HOME", here("home"))
            .env("TMPDIR", here("tmp"))
            .env("CLAUDE_CODE_TMPDIR", here("tmp"))
            .env("ANTHROPIC_BASE_URL", &self.base)
            .env("ANTHROPIC_API_KEY", KEY)
            .env("ANTHROPIC_CUSTOM_HEADERS", "x-task: demo/one")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1")
            .env("CLAUDE_CODE_MAX_RETRIES", "3")
            .env("IS_SANDBOX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// The lines of the session's transcript.
    fn transcript(&self) -> Vec<Value> {
        let projects = self.directory.path().join("home/.claude/projects");
        let project = std::fs::read_dir(projects).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(project.join(format!("{SESSION}.jsonl"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn begin(&self, session: &str, prompt: &str) -> Child {
        let mut child = self.command(session).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(prompt.as_bytes()).await.unwrap();
        child
    }

    async fn run(&self, session: &str, prompt: &str) -> (Value, Output) {
        let child = self.begin(session, prompt).await;
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.unwrap().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let result = stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .rfind(|line| line["type"] == "result");
        let result = result.unwrap_or_else(|| panic!("no result line: {output:?}"));
        (result, output)
    }
}

fn cli() -> Option<PathBuf> {
    let set = std::env::var_os("CLAUDE_CODE_BIN").map(PathBuf::from);
    let cached = || Some(Layout::from_env().ok()?.claude(version::claude_code()?));
    let found = set.or_else(cached).filter(|path| path.exists());
    if found.is_none() {
        // Past the capture of a passed test's output, so that it is seen.
        let line = "SKIPPED: no Claude Code CLI; set CLAUDE_CODE_BIN to run this test\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

#[tokio::test]
async fn tools_run_and_their_results_come_back() {
    let Some(desk) = Desk::open().await else { return };
    let usage = Usage { input_tokens: 1000, output_tokens: 50, ..Usage::default() };
    let script = Script::new([
        Step::write(&desk.file("hello.txt"), "hello\n").saying("I write it.").thinking("Easy."),
        Step::tools([ToolCall::bash("cat hello.txt"), ToolCall::read(&desk.file("hello.txt"))]),
        Step::tools([ToolCall::edit(&desk.file("hello.txt"), "hello", "good bye")]),
        Step::text("It is there.").using(usage),
    ]);
    desk.admin.register("tools", &script).await.unwrap();
    let (result, output) = desk.run("--session-id", "Please.\n[scenario: tools]").await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(result["result"], "It is there.");
    assert_eq!(result["usage"]["input_tokens"], 1300);
    assert_eq!(std::fs::read_to_string(desk.file("hello.txt")).unwrap(), "good bye\n");
    let records = desk.admin.requests("tools").await.unwrap();
    assert_eq!(records.iter().map(|record| record.step).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(records[2].results.len(), 2);
    assert!(records[2].results[0].text.contains("hello"), "{:?}", records[2].results);
    assert_eq!(records[0].credentials["x-api-key"], sha256(KEY));
    assert_eq!(records[0].headers["x-task"], "demo/one");
}

#[tokio::test]
async fn a_resumed_session_goes_on_with_the_following_step() {
    let Some(desk) = Desk::open().await else { return };
    let script = Script::new([
        Step::bash("echo one"),
        Step::text("First part."),
        Step::bash("echo two > two.txt"),
        Step::text("Second part."),
    ]);
    desk.admin.register("resume", &script).await.unwrap();
    let (first, _) = desk.run("--session-id", "Begin. [scenario: resume]").await;
    assert_eq!(first["result"], "First part.");
    let (second, _) = desk.run("--resume", "Go on.").await;
    assert_eq!(second["result"], "Second part.");
    assert!(desk.work().join("two.txt").exists());
}

#[tokio::test]
async fn a_session_killed_at_a_gate_is_resumed_at_the_same_step() {
    let Some(desk) = Desk::open().await else { return };
    let script = Script::new([
        Step::bash("echo one"),
        Step::text("Held.").waiting_for("held"),
        Step::text("After."),
    ]);
    desk.admin.register("killed", &script).await.unwrap();
    let mut child = desk.begin("--session-id", "Begin. [scenario: killed]").await;
    desk.admin.wait_until_waiting("held", LIMIT).await.unwrap();
    child.kill().await.unwrap();
    desk.admin.open("held").await.unwrap();
    let (result, _) = desk.run("--resume", "Go on.").await;
    let records = desk.admin.requests("killed").await.unwrap();
    let steps: Vec<_> = records.iter().map(|record| record.step).collect();
    assert_eq!(result["result"], "Held.", "{steps:?}");
}

/// The runner counts on it where an interrupted process prints no result.
#[tokio::test]
async fn a_session_interrupted_at_a_gate_accounts_for_itself_in_its_transcript() {
    let Some(desk) = Desk::open().await else { return };
    let script = Script::new([Step::bash("echo one"), Step::text("Held.").waiting_for("held")]);
    desk.admin.register("interrupted", &script).await.unwrap();
    let mut child = desk.begin("--session-id", "Begin. [scenario: interrupted]").await;
    desk.admin.wait_until_waiting("held", LIMIT).await.unwrap();
    let process = i32::try_from(child.id().unwrap()).unwrap();
    kill(Pid::from_raw(process), Signal::SIGINT).unwrap();
    tokio::time::timeout(LIMIT, child.wait()).await.unwrap().unwrap();
    let account = desk.transcript().into_iter().rfind(|line| line["type"] == "cost-state").unwrap();
    let used = &account["modelUsage"]["claude-sonnet-5-5"];
    assert_eq!((&used["inputTokens"], &used["outputTokens"]), (&100.into(), &20.into()));
    assert!(used["costUSD"].as_f64().unwrap() > 0.0, "{account}");
}

#[tokio::test]
async fn an_overloaded_api_is_retried_and_a_rate_limit_with_a_long_wait_is_not() {
    let Some(desk) = Desk::open().await else { return };
    let busy = Fault::status(529, "overloaded_error", "Overloaded").times(1);
    let script = Script::new([Step::text("Finally.").failing(busy)]);
    desk.admin.register("busy", &script).await.unwrap();
    let (result, _) = desk.run("--session-id", "[scenario: busy] go").await;
    assert_eq!((&result["result"], &result["is_error"]), (&"Finally.".into(), &false.into()));
    let limit = Fault::status(429, "rate_limit_error", "Later").header("retry-after", "3600");
    let script = Script::new([Step::text("never").failing(limit)]);
    desk.admin.register("limited", &script).await.unwrap();
    let desk = Desk { directory: fresh(), ..desk };
    let (result, output) = desk.run("--session-id", "[scenario: limited] go").await;
    assert_eq!(result["api_error_status"], 429, "{result}");
    assert!(!output.status.success());
    assert_eq!(desk.admin.requests("limited").await.unwrap().len(), 1);
    // The failed answer leaves nothing behind that would count as a step.
    desk.admin.register("limited", &Script::new([Step::text("Now.")])).await.unwrap();
    let (result, _) = desk.run("--resume", "Go on.").await;
    assert_eq!(result["result"], "Now.");
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_again() {
    let Some(desk) = Desk::open().await else { return };
    let cut = Fault::from(FaultKind::Cut { after_events: None }).times(1);
    let script = Script::new([Step::text("Whole at last.").failing(cut)]);
    desk.admin.register("cut", &script).await.unwrap();
    let (result, _) = desk.run("--session-id", "[scenario: cut] go").await;
    assert_eq!(result["result"], "Whole at last.");
    assert_eq!(desk.admin.requests("cut").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_refusal_and_an_unknown_scenario_are_errors_at_once() {
    let Some(desk) = Desk::open().await else { return };
    desk.admin.register("refusal", &Script::new([Step::refusal()])).await.unwrap();
    let (result, _) = desk.run("--session-id", "[scenario: refusal] go").await;
    assert_eq!((&result["is_error"], &result["stop_reason"]), (&true.into(), &"refusal".into()));
    let desk = Desk { directory: fresh(), ..desk };
    let (result, _) = desk.run("--session-id", "[scenario: nobody] go").await;
    assert!(result["result"].as_str().unwrap().contains("nobody"), "{result}");
    assert_eq!(desk.admin.requests("nobody").await.unwrap().len(), 1);
}

fn fresh() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["home", "work", "tmp"] {
        std::fs::create_dir(directory.path().join(name)).unwrap();
    }
    directory
}
