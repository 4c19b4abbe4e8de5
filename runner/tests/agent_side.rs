//! Run and ConflictResolution from plan to hand-over. Claude Code is a shell that replays a
//! recorded stream and does the work that the test gives it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agent_git;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crd::{Outcome, Phase, Reason, Report, TaskDocument, Usd};
use runner::config::Config;
use runner::dirs::Dirs;
use runner::ended::Ended;
use runner::handoff::{RESOLUTION, RESULT, Resolution, RunResult, newest_bundle, take_json};
use runner::plan::{Landed, Landing, Skip, Start};
use runner::progress::Progress;
use runner::scrub::Scrub;
use tokio::sync::{Mutex, MutexGuard};

/// A sweep ends all children of this process, so these tests run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const KEY: &str = "model-key-canary";

/// Replays `$RECORDING`, keeps a transcript as the CLI does, and notes how it was started.
const CLAUDE: &str = r#"#!/bin/bash
HERE=$(dirname "$0"); prompt=$(cat); n=$(($(cat "$HERE/starts" 2>/dev/null || echo 0) + 1))
echo $n > "$HERE/starts"; echo "$prompt" > "$HERE/prompt-$n"; printf '%s\n' "$@" > "$HERE/args-$n"
ls -A "$HOME" > "$HERE/home-$n"
while [ $# -gt 0 ]; do case $1 in --session-id|--resume) id=$2; mode=$1;; esac; shift; done
if [ $mode = --resume ] && ! ls "$HOME"/.claude/projects/*/"$id.jsonl" >/dev/null; then exit 1; fi
mkdir -p "$HOME/.claude/projects/p"; echo turn >> "$HOME/.claude/projects/p/$id.jsonl"
echo '{"env":{"ANTHROPIC_BASE_URL":"http://planted"}}' > "$HOME/.claude.json"
RECORDING=success
. "$HERE/work"
cat "STREAMS/$RECORDING.jsonl"
exit $(cut -d' ' -f2 "STREAMS/$RECORDING.exit")
"#;

struct Pod {
    root: tempfile::TempDir,
    dirs: Dirs,
    config: Config,
    start: Start,
    _turn: MutexGuard<'static, ()>,
}

fn git(dir: &Path, args: &[&str]) -> String {
    let (success, text) = agent_git::run(dir, args);
    assert!(success, "git {args:?}: {text}");
    text
}

fn document(change: serde_json::Value) -> TaskDocument {
    let mut document = serde_json::json!({
        "namespace": "demo", "name": "add-file", "uid": "u-1", "attempt": 1,
        "repository": {"url": "https://git.example.com/a/b.git"}, "rebase": {}, "push": {},
        "branch": "claude/add-file", "claude": {}, "checkpointRef": "refs/claudetask/u-1",
        "notAfter": jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1),
        "settings": {},
    });
    let serde_json::Value::Object(change) = change else { unreachable!() };
    for (key, value) in change {
        document[key] = value;
    }
    serde_json::from_value(document).unwrap()
}

impl Pod {
    /// `work` is what the shell does at each start; `$n` counts them, `$prompt` is what it is told.
    async fn new(work: &str, change: serde_json::Value) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(&root.path().join("pod")).unwrap();
        let streams = format!("{}/tests/claude-streams", env!("CARGO_MANIFEST_DIR"));
        let claude = root.path().join("claude");
        fs::write(&claude, CLAUDE.replace("STREAMS", &streams)).unwrap();
        fs::set_permissions(&claude, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.path().join("work"), work).unwrap();
        git(root.path(), &["init", "-q", "-b", "main", "seed"]);
        fs::write(root.path().join("seed/a.txt"), "a\n").unwrap();
        git(&root.path().join("seed"), &["add", "-A"]);
        git(&root.path().join("seed"), &["commit", "-q", "-m", "Start"]);
        let bare = dirs.bare();
        git(root.path(), &["clone", "-q", "--bare", "seed", bare.to_str().unwrap()]);
        git(
            root.path(),
            &["clone", "-q", "-s", bare.to_str().unwrap(), dirs.worktree().to_str().unwrap()],
        );
        let first = git(&bare, &["rev-parse", "main"]);
        let start = Start {
            start_commit: first.clone(),
            onto_commit: first,
            onto_ref: "refs/heads/main".into(),
            base_ref: None,
            direct: false,
            skip: None,
        };
        start.write(&dirs).unwrap();
        let config = Config {
            document: document(change),
            prompt: Some("Add a file".into()),
            model: [("ANTHROPIC_API_KEY".to_owned(), KEY.to_owned())].into(),
            program: "runner".into(),
            claude,
        };
        Self { root, dirs, config, start, _turn: turn }
    }

    async fn run(&self) -> (Ended, RunResult) {
        let ended = runner::run::run(&self.config, &self.dirs, &quiet()).await;
        (ended, take_json(&self.dirs.handoff, RESULT).unwrap())
    }

    async fn resolve(&self, landed: Landed) -> (Ended, Resolution) {
        let onto_commit = self.start.onto_commit.clone();
        let landing = Landing { onto_commit, checkpoint: None, skip: None, landed: Some(landed) };
        landing.write(&self.dirs).unwrap();
        let ended = runner::resolve::resolve(&self.config, &self.dirs, &quiet()).await;
        (ended, take_json(&self.dirs.handoff, RESOLUTION).unwrap())
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join(name)).unwrap_or_default()
    }

    fn starts(&self) -> u32 {
        self.note("starts").trim().parse().unwrap_or(0)
    }

    /// Files of the last bundle.
    fn files(&self) -> String {
        let (number, _) = newest_bundle(&self.dirs.handoff).unwrap();
        let bundle = self.dirs.handoff.join(format!("{number}.bundle"));
        let bare = self.dirs.bare();
        git(&bare, &["fetch", "-q", bundle.to_str().unwrap(), "+refs/claudetask/work:refs/w"]);
        git(&bare, &["ls-tree", "--name-only", "refs/w"])
    }
}

fn quiet() -> Progress {
    Progress::to("test", Scrub::default(), std::io::sink())
}

fn report(ended: Ended) -> Report {
    assert_eq!(ended.exit, 0, "agent containers exit with 0 whatever the outcome");
    let report = ended.report.unwrap();
    assert!(report.phase.is_agent());
    report
}

fn flag(args: &str, name: &str) -> Option<String> {
    args.lines().skip_while(|line| *line != name).nth(1).map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_hands_over_work_session_usage_and_summary() {
    let pod = Pod::new("echo x > x.txt", serde_json::json!({})).await;
    let (ended, result) = pod.run().await;
    let report = report(ended);
    assert_eq!((report.outcome, report.reason), (Outcome::Succeeded, None));
    assert_eq!(report.summary.as_deref(), Some("Created greeting.txt and NOTES.md."));
    assert_eq!(report.usage.unwrap().cost_usd, Usd::from_micros(2490));
    assert_eq!(report.session_id, result.session_id);
    assert_eq!(pod.files(), "a.txt\nx.txt");
    assert_eq!(result.commit.unwrap(), newest_bundle(&pod.dirs.handoff).unwrap().1.commit);
    assert!(pod.note("prompt-1").starts_with("This is your task:\n\nAdd a file"));
    let transcript = format!("{}.jsonl", report.session_id.unwrap());
    assert!(pod.dirs.session.join(transcript).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_is_repaired_in_the_same_session_and_a_fresh_home() {
    let verify = serde_json::json!({"verify": ["cat x.txt; touch left; grep -q yes x.txt"]});
    let work = "if [ $n = 1 ]; then echo no > x.txt; else ls > seen; echo yes > x.txt; fi";
    let pod = Pod::new(work, verify).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    let id = flag(&pod.note("args-1"), "--session-id");
    assert_eq!(flag(&pod.note("args-2"), "--resume"), id);
    assert_eq!(pod.note("home-2"), ".claude\n", "nothing but the transcript");
    assert!(pod.note("prompt-2").contains("```\nno\n```"), "{}", pod.note("prompt-2"));
    assert_eq!(pod.files(), "a.txt\nseen\nx.txt", "what the check left is not the change");
    assert!(!fs::read_to_string(pod.dirs.worktree().join("seen")).unwrap().contains("left"));
    assert_eq!(result.usage.unwrap().cost_usd, Usd::from_micros(2 * 2490));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_passes_ends_after_two_repairs_with_the_work_handed_over() {
    let pod = Pod::new("echo $n > x.txt", serde_json::json!({"verify": ["false"]})).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::VerificationFailed));
    assert_eq!(pod.starts(), 3);
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_gets_what_is_left_of_the_money_and_none_without() {
    let change = serde_json::json!({"verify": ["false"], "claude": {"maxBudgetUSD": "0.004"}});
    let pod = Pod::new("echo $n > x.txt", change).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::BudgetExceeded));
    assert_eq!(pod.starts(), 2);
    assert_eq!(flag(&pod.note("args-1"), "--max-budget-usd").unwrap(), "0.004");
    assert_eq!(flag(&pod.note("args-2"), "--max-budget-usd").unwrap(), "0.00151");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_hands_over_what_there_is() {
    let work = "echo x > x.txt; RECORDING=api-429-long-retry-after";
    let pod = Pod::new(work, serde_json::json!({})).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::RateLimited));
    assert_eq!((result.outcome, result.reason), (Outcome::Failed, Some(Reason::RateLimited)));
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_claudes_words_reaches_no_report() {
    let work = format!(
        "sed 's/Created greeting.txt/{KEY}/' \"{}/tests/claude-streams/success.jsonl\"; exit 0",
        env!("CARGO_MANIFEST_DIR")
    );
    let pod = Pod::new(&work, serde_json::json!({})).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).summary.as_deref(), Some("[redacted] and NOTES.md."));
    let result = fs::read_to_string(pod.dirs.handoff.join(RESULT)).unwrap();
    assert!(!result.contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_done_already_starts_nothing() {
    let mut pod = Pod::new("", serde_json::json!({})).await;
    let skip = Skip { reason: Reason::AlreadyPushed, message: "It is there.".into() };
    pod.start.skip = Some(skip);
    pod.start.write(&pod.dirs).unwrap();
    let ended = runner::run::run(&pod.config, &pod.dirs, &quiet()).await;
    let report = report(ended);
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::AlreadyPushed)));
    assert_eq!(pod.starts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_that_is_near_starts_nothing() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
    let pod = Pod::new("", serde_json::json!({"notAfter": soon})).await;
    let (ended, _) = pod.run().await;
    assert_eq!((report(ended).reason, pod.starts()), (Some(Reason::Timeout), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_landing_without_checks_is_nothing_to_resolve() {
    let pod = Pod::new("", serde_json::json!({})).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    let report = report(ended);
    assert_eq!((report.phase, report.outcome), (Phase::ConflictResolution, Outcome::Skipped));
    assert_eq!((resolution.outcome, pod.starts()), (Outcome::Skipped, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_after_a_rebase_pays_for_a_turn_only_when_it_fails() {
    let verify = serde_json::json!({"verify": ["grep -q fixed a.txt"]});
    let pod = Pod::new("echo fixed > a.txt", verify).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!((report(ended).outcome, pod.starts()), (Outcome::Succeeded, 1));
    let [file] = &resolution.files[..] else { panic!("{resolution:?}") };
    let content = fs::read(pod.dirs.handoff.join(file.content.as_ref().unwrap())).unwrap();
    assert_eq!((file.path.as_str(), &content[..]), ("a.txt", &b"fixed\n"[..]));
    // Without a session of Run the task itself has to be told.
    assert!(pod.note("prompt-1").contains("```\nAdd a file\n```"));

    let pod = {
        drop(pod);
        Pod::new("", serde_json::json!({"verify": ["true"]})).await
    };
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!((report(ended).outcome, pod.starts()), (Outcome::Succeeded, 0));
    assert!(resolution.files.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_continued_is_replaced_by_one_that_is_told_the_task() {
    let verify = serde_json::json!({"verify": ["grep -q fixed a.txt"]});
    let pod = Pod::new("[ $n = 1 ] && echo fixed > a.txt", verify).await;
    let (ended, run) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    for transcript in fs::read_dir(&pod.dirs.session).unwrap() {
        fs::remove_file(transcript.unwrap().path()).unwrap();
    }
    fs::write(pod.root.path().join("work"), "echo fixed > a.txt").unwrap();
    let (ended, _) = pod.resolve(clean(&pod)).await;
    let said = report(ended);
    assert_eq!(said.outcome, Outcome::Succeeded, "{}", said.message);
    assert_ne!(flag(&pod.note("args-2"), "--session-id"), run.session_id);
    assert!(pod.note("prompt-2").contains("```\nAdd a file\n```"));
}

/// The start commit, as if the change had landed there.
fn clean(pod: &Pod) -> Landed {
    let tip = pod.start.start_commit.clone();
    Landed::Clean { tip, moved: true, task_paths: vec!["a.txt".into()] }
}
