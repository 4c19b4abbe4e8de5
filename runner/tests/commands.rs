//! The task's own shell commands, those of setup and those of verify.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use runner::claude::stop::Stop;
use runner::claude::sweep::adopt_orphans;
use runner::claude::verdict::Stopped;
use runner::commands::{Commands, Ending, FailedCommand};
use runner::dirs::Dirs;
use runner::guard::Guard;
use runner::progress::Progress;
use runner::prompt::OUTPUT_LIMIT;
use runner::scrub::Scrub;
use tokio::sync::{Mutex, watch};

/// A sweep ends all children of this process, so these tests run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn check(limit: u32, stopped: Option<Stopped>, commands: &[&str]) -> (Ending, Dirs) {
    let _turn = ONE_AT_A_TIME.lock().await;
    adopt_orphans().unwrap();
    let root = tempfile::tempdir().unwrap();
    let dirs = Dirs::below(root.path()).unwrap();
    std::fs::create_dir_all(dirs.worktree()).unwrap();
    let progress = Progress::to("run", Scrub::default(), std::io::sink());
    let (_tell, state) = watch::channel(stopped);
    let commands: Vec<String> = commands.iter().map(|&command| command.to_owned()).collect();
    let guard = Guard::over(0, None, Vec::new(), &progress);
    let runner = Commands {
        cwd: dirs.worktree(),
        home: dirs.home.join("commands"),
        tmp: dirs.tmp.clone(),
        path: runner::place::PATH.to_owned(),
        limit,
        stop: Stop::of(state),
        guard,
        network: Vec::new(),
        busy: Arc::default(),
        progress: &progress,
    };
    (runner.run("Checks", &commands).await.unwrap(), dirs)
}

fn failed(checked: Ending) -> FailedCommand {
    match checked {
        Ending::Failed(check) => check,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_commands_must_succeed_and_the_first_failure_ends_it() {
    assert_eq!(check(60, None, &[]).await.0, Ending::Passed);
    assert_eq!(check(60, None, &["true", "test -d ."]).await.0, Ending::Passed);
    let (checked, dirs) = check(60, None, &["true", "echo a; echo b >&2; exit 3", "touch x"]).await;
    let check = failed(checked);
    assert_eq!(check.to_string(), "`echo a; echo b >&2; exit 3` exited with code 3");
    assert!(check.output.contains("a\n") && check.output.contains("b\n"));
    assert!(!dirs.worktree().join("x").exists());
}

#[tokio::test]
async fn a_command_sees_neither_credentials_nor_anything_else_of_the_environment() {
    let (checked, _) = check(60, None, &["env; exit 1"]).await;
    let output = failed(checked).output;
    let mut names: Vec<_> =
        output.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "PWD", "TMPDIR"]);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_with_its_children() {
    let (checked, _) = check(1, None, &["echo begun; sleep 1000 & sleep 1000"]).await;
    let check = failed(checked);
    assert_eq!((check.how.as_str(), check.output.as_str()), ("did not end within 1 s", "begun\n"));
}

#[tokio::test]
async fn a_child_left_behind_does_not_hold_up_the_next_command() {
    assert_eq!(check(60, None, &["sleep 1000 & true", "true"]).await.0, Ending::Passed);
}

#[tokio::test]
async fn the_end_of_a_long_output_is_kept() {
    let (checked, _) = check(60, None, &["seq 100000; exit 1"]).await;
    let output = failed(checked).output;
    assert!(output.len() <= OUTPUT_LIMIT && output.ends_with("\n100000\n"));
}

#[tokio::test]
async fn the_runners_own_end_stops_it() {
    let why = Stopped::Interrupted;
    let ended = Ending::Stopped(why, "sleep 1000".into());
    assert_eq!(check(60, Some(why), &["sleep 1000"]).await.0, ended);
}
