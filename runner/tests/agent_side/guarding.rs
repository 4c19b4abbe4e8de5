//! Volumes that fill up while Claude works. Memory is in `tests/guard.rs`, where it can be faked.

use crd::{Outcome, Reason};
use serde_json::json;

use crate::pod::{Pod, report};

/// Claude at work, and never done.
const WAIT: &str = "trap 'exit 0' INT; while true; do sleep 0.05; done";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_workspace_stops_claude_and_the_work_is_saved_without_what_filled_it() {
    let work = format!("echo x > x.txt; head -c 5M /dev/urandom > big.bin; {WAIT}");
    let pod = Pod::new(&work, json!({"settings": {"workspaceSize": 5 << 20}})).await;
    let (ended, result) = pod.run().await;
    let said = report(ended);
    assert_eq!((said.outcome, said.reason), (Outcome::Failed, Some(Reason::DiskFull)));
    for words in ["Claude Code was stopped: the volume workspace held", "5 MiB", "big.bin (5 MiB)"]
    {
        assert!(said.message.contains(words), "{}", said.message);
    }
    assert_eq!(result.message, said.message);
    assert_eq!(pod.files(), "a.txt\nx.txt");
    let left = std::fs::read_dir(&pod.dirs.workspace).unwrap().count();
    assert_eq!(left, 0, "the kubelet would evict the Pod before the git side has saved the work");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_that_fill_the_workspace_are_saved() {
    let work = format!("for i in $(seq 40); do head -c 128K /dev/zero > f$i; done; {WAIT}");
    let pod = Pod::new(&work, json!({"settings": {"workspaceSize": 5 << 20}})).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!(said.reason, Some(Reason::DiskFull));
    assert!(!said.message.contains("lost"), "{}", said.message);
    assert_eq!(pod.files().lines().count(), 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_volume_that_fills_up_is_named() {
    let work = format!("head -c 5M /dev/urandom > \"$TMPDIR/big\"; {WAIT}");
    let pod = Pod::new(&work, json!({"settings": {"scratchSize": 5 << 20}})).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!(said.reason, Some(Reason::DiskFull));
    assert!(said.message.contains("the volume tmp"), "{}", said.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_handed_over_whole_is_not_landed() {
    let work = "echo x > x.txt; head -c 3M /dev/urandom > big.bin";
    let pod = Pod::new(work, json!({"settings": {"scratchSize": 8 << 20}})).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!(said.reason, Some(Reason::DiskFull), "{}", said.message);
    assert!(said.message.contains("left out: big.bin (3 MiB)"), "{}", said.message);
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_claude_committed_is_not_landed_either() {
    let commit = "git add -A; git -c user.name=A -c user.email=a@b commit -qm";
    let work = format!("echo x > x.txt; {commit} x; head -c 3M /dev/urandom > big.bin; {commit} y");
    let pod = Pod::new(&work, json!({"settings": {"scratchSize": 8 << 20}})).await;
    let (ended, _) = pod.run().await;
    let said = report(ended);
    assert_eq!(said.reason, Some(Reason::DiskFull), "{}", said.message);
    for words in ["left out: big.bin (3 MiB)", "larger than the 2 MiB that can be handed over"] {
        assert!(said.message.contains(words), "{}", said.message);
    }
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_switched_off_stops_nothing() {
    let work = "head -c 5M /dev/urandom > big.bin; sleep 1";
    let settings = json!({"workspaceSize": 5 << 20, "guard": 0});
    let pod = Pod::new(work, json!({"settings": settings})).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
}
