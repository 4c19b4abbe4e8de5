//! `environment.setup`: before Claude and before the checks, and never part of the change.

use crd::{Outcome, Reason};
use runner::handoff::newest_bundle;
use runner::plan::{Conflict, ConflictFile, Landed};
use serde_json::json;

use crate::pod::{Pod, clean, git, report};

fn with(setup: &[&str], verify: &[&str]) -> serde_json::Value {
    json!({"setup": setup, "verify": verify})
}

/// Dependencies that nobody ignores, a changed file of the repository, one that is made from it.
const INSTALL: &str = "mkdir -p deps/x && echo dep > deps/x/lib && echo locked >> a.txt && \
    echo made > made.txt && echo 'a b' > 'o d?d'";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_setup_leaves_is_there_for_claude_and_the_checks_and_no_part_of_the_change() {
    let work = "cat deps/x/lib a.txt made.txt > seen; git status --short > \"$HERE/status\"";
    let pod = Pod::new(work, with(&[INSTALL], &["test -f deps/x/lib && test -f made.txt"])).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    assert_eq!(pod.files(), "a.txt\nseen");
    assert_eq!(git(&pod.dirs.bare(), &["show", "refs/w:seen"]), "dep\na\nlocked\nmade");
    assert_eq!(git(&pod.dirs.bare(), &["show", "refs/w:a.txt"]), "a");
    let status = pod.note("status");
    assert!(!status.contains("deps") && !status.contains("made"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_claude_changes_of_it_is_part_of_the_change() {
    let work = "echo more >> made.txt; echo mine >> a.txt; echo new > deps/y; git add -A; \
        git -c user.name=a -c user.email=a@b commit -qm 'My own'; rm deps/x/lib";
    let pod = Pod::new(work, with(&[INSTALL], &[])).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    assert_eq!(pod.files(), "a.txt\ndeps\nmade.txt");
    let bare = pod.dirs.bare();
    assert_eq!(git(&bare, &["ls-tree", "-r", "--name-only", "refs/w"]), "a.txt\ndeps/y\nmade.txt");
    assert_eq!(git(&bare, &["show", "refs/w:made.txt"]), "made\nmore");
    assert_eq!(git(&bare, &["show", "refs/w:a.txt"]), "a\nlocked\nmine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_takes_nothing_of_the_setup_away() {
    let verify = "test -f deps/x/lib && rm -r deps && grep -q yes x.txt";
    let work = "if [ $n = 1 ]; then echo no > x.txt; else echo yes > x.txt; fi";
    let pod = Pod::new(work, with(&[INSTALL], &[verify])).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!((said.outcome, pod.starts()), (Outcome::Succeeded, 2), "{}", said.message);
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_that_only_uses_the_setup_changes_nothing() {
    let pod = Pod::new("true", with(&[INSTALL], &[])).await;
    let (ended, result) = pod.run().await;
    assert_eq!((report(ended).outcome, result.commit), (Outcome::Succeeded, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_fails_starts_nothing_and_saves_nothing() {
    let pod = Pod::new("", with(&[INSTALL, "echo no such package; exit 3", "touch no"], &[])).await;
    let (ended, result) = pod.run().await;
    let said = report(ended);
    assert_eq!((said.reason, pod.starts()), (Some(Reason::SetupFailed), 0));
    assert!(said.message.contains("exited with code 3"), "{}", said.message);
    assert!(said.message.ends_with("no such package"), "{}", said.message);
    assert_eq!((result.reason, result.commit), (Some(Reason::SetupFailed), None));
    assert!(newest_bundle(&pod.dirs.handoff).is_none());
    assert!(!pod.dirs.worktree().join("no").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_that_comes_during_the_setup_is_a_timeout() {
    let mut pod = Pod::new("", json!({"setup": ["sleep 1000"]})).await;
    // 91 s from now, of which 90 s are for saving.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(91);
    pod.config.document.not_after = soon;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!((said.reason, pod.starts()), (Some(Reason::Timeout), 0));
    assert!(said.message.contains("`sleep 1000` was still running"), "{}", said.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_fills_the_workspace_says_so() {
    let fill = "head -c 4M /dev/urandom > big; sleep 1000";
    let sizes = json!({"workspaceSize": 4 << 20});
    let pod = Pod::new("", json!({"setup": [fill], "settings": sizes})).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!((said.reason, pod.starts()), (Some(Reason::DiskFull), 0), "{}", said.message);
    assert!(said.message.contains("the volume workspace"), "{}", said.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_runs_again_before_the_checks_of_a_landed_change() {
    let setup = ["echo once >> $HOME/count; mkdir -p deps; cp $HOME/count deps/"];
    let pod = Pod::new("", with(&setup, &["test \"$(cat deps/count)\" = once"])).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    let said = report(ended);
    assert_eq!((said.outcome, pod.starts()), (Outcome::Succeeded, 0), "{}", said.message);
    assert!(resolution.files.is_empty(), "{:?}", resolution.files);

    let pod = {
        drop(pod);
        Pod::new("", with(&["exit 1"], &["true"])).await
    };
    let (ended, _) = pod.resolve(clean(&pod)).await;
    assert_eq!(report(ended).reason, Some(Reason::SetupFailed));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_to_resolve_or_check_there_is_nothing_to_set_up() {
    let pod = Pod::new("", with(&["exit 1"], &[])).await;
    let (ended, _) = pod.resolve(clean(&pod)).await;
    assert_eq!(report(ended).outcome, Outcome::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflict_markers_that_break_the_setup_are_resolved_first() {
    let setup = ["! grep -q '<<<' a.txt && mkdir -p deps && touch deps/ready"];
    let pod = Pod::new("echo both > a.txt", with(&setup, &["test -f deps/ready"])).await;
    let landed = conflict(&pod);
    let (ended, resolution) = pod.resolve(landed).await;
    let said = report(ended);
    assert_eq!((said.outcome, pod.starts()), (Outcome::Succeeded, 1), "{}", said.message);
    let paths: Vec<_> = resolution.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.txt"]);
}

/// A merged tree in which `a.txt` has markers.
fn conflict(pod: &Pod) -> Landed {
    let seed = pod.root.path().join("seed");
    let first = pod.start.start_commit.clone();
    let text = "<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs\n";
    std::fs::write(seed.join("a.txt"), text).unwrap();
    git(&seed, &["commit", "-q", "-a", "-m", "Merged"]);
    let tree = git(&seed, &["rev-parse", "HEAD^{tree}"]);
    git(&seed, &["push", "-q", pod.dirs.bare().to_str().unwrap(), "HEAD:refs/heads/merged"]);
    let file =
        ConflictFile { path: "a.txt".into(), base: None, ours: None, theirs: None, notes: vec![] };
    Landed::Conflicts(Conflict {
        tree,
        ours: first.clone(),
        theirs: first.clone(),
        base: first,
        files: vec![file],
        task_paths: vec!["a.txt".into()],
        message: String::new(),
        author: None,
    })
}
