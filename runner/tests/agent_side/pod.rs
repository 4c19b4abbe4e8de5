//! What an agent container finds: a repository, a plan, and Claude Code as a shell that replays a
//! recorded stream and does the work that the test gives it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crd::{Report, TaskDocument};
use runner::config::Config;
use runner::dirs::Dirs;
use runner::ended::Ended;
use runner::handoff::{RESOLUTION, RESULT, Resolution, RunResult, newest_bundle, take_json};
use runner::plan::{Landed, Landing, Start, Target};
use runner::progress::Progress;
use runner::scrub::Scrub;
use tokio::sync::{Mutex, MutexGuard};

use crate::agent_git;

/// A sweep ends all children of this process, so these tests run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

pub const KEY: &str = "model-key-canary";

/// Replays `$RECORDING`, keeps a transcript as the CLI does, and notes how it was started. SIGINT is
/// as the CLI has it even where the tests inherited that it is ignored: in the background of a shell
/// without job control.
const CLAUDE: &str = r#"#!/usr/bin/env -S --default-signal=INT bash
HERE=$(dirname "$0"); prompt=$(cat); n=$(($(cat "$HERE/starts" 2>/dev/null || echo 0) + 1))
echo $n > "$HERE/starts"; echo "$prompt" > "$HERE/prompt-$n"; printf '%s\n' "$@" > "$HERE/args-$n"
ls -A "$HOME" > "$HERE/home-$n"
while [ $# -gt 0 ]; do case $1 in --session-id|--resume) id=$2; mode=$1;; esac; shift; done
if [ $mode = --resume ] && ! ls "$HOME"/.claude/projects/*/"$id.jsonl" >/dev/null; then exit 1; fi
project=$(ls -d "$HOME"/.claude/projects/* 2>/dev/null || echo "$HOME/.claude/projects/p")
mkdir -p "$project"; transcript=$project/$id.jsonl; echo turn >> "$transcript"
echo '{"env":{"ANTHROPIC_BASE_URL":"http://planted"}}' > "$HOME/.claude.json"
RECORDING=success
. "$HERE/work"
cat "STREAMS/$RECORDING.jsonl"
exit $(cut -d' ' -f2 "STREAMS/$RECORDING.exit")
"#;

pub struct Pod {
    pub root: tempfile::TempDir,
    pub dirs: Dirs,
    pub config: Config,
    pub start: Start,
    _turn: MutexGuard<'static, ()>,
}

pub fn git(dir: &Path, args: &[&str]) -> String {
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
    pub async fn new(work: &str, change: serde_json::Value) -> Self {
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
            target: Target::New,
            skip: None,
            taken: None,
        };
        start.write(&dirs).unwrap();
        let config = Config {
            document: document(change),
            prompt: Some("Add a file".into()),
            model: [("ANTHROPIC_API_KEY".to_owned(), KEY.to_owned())].into(),
            program: "runner".into(),
            claude,
            path: runner::place::PATH.to_owned(),
        };
        Self { root, dirs, config, start, _turn: turn }
    }

    pub async fn run(&self) -> (Ended, RunResult) {
        let ended = runner::run::run(&self.config, &self.dirs, &quiet()).await;
        (ended, take_json(&self.dirs.handoff, RESULT).unwrap())
    }

    pub async fn resolve(&self, landed: Landed) -> (Ended, Resolution) {
        let onto_commit = self.start.onto_commit.clone();
        let landing = Landing { onto_commit, checkpoint: None, skip: None, landed: Some(landed) };
        landing.write(&self.dirs).unwrap();
        let ended = runner::resolve::resolve(&self.config, &self.dirs, &quiet()).await;
        (ended, take_json(&self.dirs.handoff, RESOLUTION).unwrap())
    }

    pub fn note(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join(name)).unwrap_or_default()
    }

    pub fn starts(&self) -> u32 {
        self.note("starts").trim().parse().unwrap_or(0)
    }

    /// Files of the last bundle.
    pub fn files(&self) -> String {
        let (number, _) = newest_bundle(&self.dirs.handoff).unwrap();
        let bundle = self.dirs.handoff.join(format!("{number}.bundle"));
        let bare = self.dirs.bare();
        git(&bare, &["fetch", "-q", bundle.to_str().unwrap(), "+refs/claudetask/work:refs/w"]);
        git(&bare, &["ls-tree", "--name-only", "refs/w"])
    }
}

pub fn quiet() -> Progress {
    Progress::to("test", Scrub::default(), std::io::sink())
}

pub fn report(ended: Ended) -> Report {
    assert_eq!(ended.exit, 0, "agent containers exit with 0 whatever the outcome");
    let report = ended.report.unwrap();
    assert!(report.phase.is_agent());
    report
}

pub fn flag(args: &str, name: &str) -> Option<String> {
    args.lines().skip_while(|line| *line != name).nth(1).map(str::to_owned)
}

/// The start commit, as if the change had landed there.
pub fn clean(pod: &Pod) -> Landed {
    let tip = pod.start.start_commit.clone();
    Landed::Clean { tip, moved: true, task_paths: vec!["a.txt".into()] }
}
