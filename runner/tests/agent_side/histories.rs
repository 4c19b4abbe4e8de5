//! What Run makes of an untidy repository and of earlier work.
//!
//! Not here: every kind of history (the test program `work`).

use crd::{Outcome, Reason};
use runner::checkpoint::{State, Taken};
use runner::handoff::Extent;
use runner::handoff::newest_bundle;

use crate::pod::{Pod, clean, git, quiet, report};

/// Leaves a rebase open that stands at a conflict.
const OPEN: &str = "echo 1 > f; git add f; git commit -qm One; git checkout -q -b o HEAD~1; \
    echo 2 > f; git add f; git commit -qm Two; echo 3 > g; git add g; git commit -qm Three; \
    git rebase -q main >/dev/null 2>&1 || true";
const NAMES: &str = "git config user.name A; git config user.email a@example.com; ";

#[tokio::test(flavor = "multi_thread")]
async fn a_rebase_left_open_goes_back_to_claude() {
    let finish = "echo both > f; git add f; GIT_EDITOR=true git rebase --continue >/dev/null";
    let work = format!("{NAMES} if [ $n = 1 ]; then {OPEN}; else {finish}; fi");
    let pod = Pod::new(&work, serde_json::json!({})).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    assert_eq!(pod.starts(), 2);
    let asked = pod.note("prompt-2");
    assert!(asked.contains("- there is a rebase in progress, with 1 commits"), "{asked}");
    assert_eq!(pod.files(), "a.txt\nf\ng");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebase_that_is_never_finished_fails_the_task_and_loses_no_commit() {
    let work = format!("{NAMES} if [ $n = 1 ]; then {OPEN}; fi");
    let pod = Pod::new(&work, serde_json::json!({})).await;
    let (ended, result) = pod.run().await;
    let report = report(ended);
    assert_eq!(report.reason, Some(Reason::AgentFailed));
    assert!(report.message.contains("There is a rebase in progress"), "{}", report.message);
    assert!(report.message.contains("Kept beside it: the work on o"), "{}", report.message);
    assert_eq!((pod.starts(), result.outcome), (3, Outcome::Failed));
    pod.files();
    let kept = git(&pod.dirs.bare(), &["log", "--format=%s", "refs/w"]);
    assert!(["One", "Two", "Three"].iter().all(|subject| kept.contains(subject)), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_git_directory_is_one_change_with_words() {
    let pod = Pod::new("echo x > x.txt; rm -rf .git", serde_json::json!({})).await;
    let (ended, _) = pod.run().await;
    let report = report(ended);
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert!(report.message.contains(".git directory was damaged or removed"), "{report:?}");
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_git_directory_is_made_anew_for_a_resolution() {
    let verify = serde_json::json!({"verify": ["git diff --quiet && exit 1; grep -q fixed a.txt"]});
    let pod = Pod::new("git log -1 >/dev/null && echo fixed > a.txt", verify).await;
    std::fs::remove_dir_all(pod.dirs.worktree().join(".git")).unwrap();
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded, "{resolution:?}");
    assert_eq!(resolution.files.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_another_branch_is_what_is_checked_and_handed_over() {
    let work = format!(
        "{NAMES} git checkout -q -b other; echo x > x.txt; git add .; git commit -qm X; git checkout -q main"
    );
    let pod = Pod::new(&work, serde_json::json!({"verify": ["test -e x.txt"]})).await;
    let (ended, _) = pod.run().await;
    let report = report(ended);
    assert_eq!((report.outcome, pod.starts()), (Outcome::Succeeded, 1));
    assert!(report.message.contains("the change is what other holds"), "{report:?}");
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

/// A Pod whose work tree begins with a commit of an earlier task.
async fn going_on(uid: &str, state: State, work: &str) -> Pod {
    let mut pod = Pod::new(work, serde_json::json!({})).await;
    let tree = pod.dirs.worktree();
    std::fs::write(tree.join("early"), "1").unwrap();
    git(&tree, &["add", "early"]);
    git(&tree, &["commit", "-q", "-m", "Early"]);
    let earlier = git(&tree, &["rev-parse", "HEAD"]);
    let start = pod.start.start_commit.clone();
    pod.start.taken = Some(Taken { work: earlier, start, state, uid: uid.to_owned() });
    pod.start.write(&pod.dirs).unwrap();
    pod
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_is_told_of_earlier_work_and_its_commits_go_along() {
    for (uid, state, work, files, told) in [
        (
            "u-1",
            State::Partial,
            "echo 2 > late",
            "a.txt\nearly\nlate",
            "an earlier attempt at this task",
        ),
        ("u-2", State::Partial, "true", "a.txt\nearly", "cut off"),
        ("u-2", State::Built, "true", "a.txt\nearly", "never reached the branch"),
    ] {
        let pod = going_on(uid, state, work).await;
        let (ended, _) = pod.run().await;
        assert_eq!(report(ended).outcome, Outcome::Succeeded);
        let asked = pod.note("prompt-1");
        assert!(
            asked.starts_with("This is your task:\n\nAdd a file\n\nYou do not begin"),
            "{asked}"
        );
        assert!(asked.contains(told), "{asked}");
        assert_eq!(pod.files(), files);
        assert_eq!(newest_bundle(&pod.dirs.handoff).unwrap().1.extent, Extent::Final);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_work_of_an_earlier_attempt_is_not_paid_for_again() {
    for state in [State::Complete, State::Built] {
        let pod = going_on("u-1", state, "true").await;
        let ended = runner::run::run(&pod.config, &pod.dirs, &quiet()).await;
        assert_eq!(ended.exit, 0);
        let report = report(ended);
        assert_eq!((report.outcome, report.reason), (Outcome::Skipped, None));
        assert_eq!(pod.starts(), 0);
    }
}
