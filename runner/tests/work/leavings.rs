//! What the agent leaves besides one tidy change: nothing, something unfinished, work elsewhere.
//!
//! Not here: histories that are one change in the end (`histories`).

use runner::work::Rest;

use crate::histories::COMMIT;
use crate::pod::{Pod, git};

#[test]
fn a_history_in_which_nothing_was_done_is_no_change() {
    for script in [
        "true",
        "git checkout -q origin/main",
        "git checkout -q HEAD~1",
        "git bisect start HEAD HEAD~1 >/dev/null",
        "git branch more; git checkout -q --detach",
        "c 1; git reset -q --hard HEAD~1",
        "git commit -q --allow-empty -m Nothing; git reset -q --hard HEAD~1",
        "git init -q app",
    ] {
        let mut pod = Pod::new();
        pod.shell(&format!("{COMMIT}{script}"));
        assert_eq!(pod.end(Rest::Kept).1, None, "{script}");
    }
}

#[test]
fn a_reset_below_the_start_is_one_commit_on_it() {
    let mut pod = Pod::new();
    pod.shell("git reset -q --hard HEAD~1");
    pod.save().unwrap();
    assert_eq!(
        pod.arrives(),
        (vec!["Add it (Claude)".into()], vec![".gitignore".into(), "a.txt".into()])
    );
    assert_eq!(pod.shows("a.txt"), "old");
}

#[test]
fn new_work_on_top_of_a_reset_below_the_start_keeps_its_commits() {
    let mut pod = Pod::new();
    pod.shell(&format!("{COMMIT}git reset -q --hard HEAD~1; c 1"));
    pod.save().unwrap();
    assert_eq!(
        pod.arrives(),
        (vec!["Add 1 (A)".into()], vec![".gitignore".into(), "1".into(), "a.txt".into()])
    );
}

#[test]
fn what_is_left_in_the_middle_is_named() {
    let two = "c f one; git checkout -qb o claude/x~1; c f two; c g; ";
    for (script, part) in [
        (format!("{two} git rebase claude/x >/dev/null 2>&1 || true"), "a rebase in progress, with 1 commits"),
        (format!("{two} git rebase --apply claude/x >/dev/null 2>&1 || true"), "a rebase in progress"),
        (format!("{two} git rebase claude/x >/dev/null 2>&1 || echo both > f"), "a rebase in progress"),
        (format!("{two} git checkout -q claude/x; git cherry-pick o~1 o >/dev/null 2>&1 || true"), "a cherry-pick or revert in progress"),
        (format!("{two} git checkout -q claude/x; git merge o >/dev/null 2>&1 || true"), "conflict markers left in f"),
        (format!("{two} git checkout -q claude/x; git cherry-pick o~1 >/dev/null 2>&1 || true"), "conflict markers left in f"),
        ("echo x > u; git stash -qu; echo y > u; git add u; git commit -qm u; git stash pop -q 2>/dev/null || true; c 1; c 2; \
          git bisect start HEAD HEAD~3 >/dev/null; echo z > z".to_owned(), "a bisection in progress"),
    ] {
        let pod = Pod::new();
        pod.shell(&format!("{COMMIT}{script}"));
        let unfinished = pod.work.snapshot().unwrap().unfinished.join("; ");
        assert!(unfinished.contains(part), "{script}: {unfinished:?}");
    }
}

#[test]
fn what_only_looks_unfinished_is_not_asked_about() {
    let two = "c f one; git checkout -qb o claude/x~1; c f two; ";
    for script in [
        format!("{two} git checkout -q claude/x; git merge o >/dev/null 2>&1 || echo both > f"),
        format!("{two} git rebase claude/x >/dev/null 2>&1 || echo both > f"),
        format!("{two} git rebase claude/x >/dev/null 2>&1 || git rebase --abort"),
        "printf '<<<<<<< a\\n>>>>>>> b\\n' > example; git add example".to_owned(),
    ] {
        let mut pod = Pod::new();
        pod.shell(&format!("{COMMIT}{script}"));
        assert!(pod.end(Rest::Left).0.unfinished.is_empty(), "{script}");
        pod.arrives();
    }
}

#[test]
fn what_a_failed_run_left_on_other_branches_is_kept_with_it() {
    let mut pod = Pod::new();
    let script = "git checkout -qb o; c 1; git checkout -q claude/x; c 2; echo x > a.txt; git stash -q; \
        echo 3 > 3; git checkout -qb p claude/x~1 2>/dev/null; c 4; git checkout -q claude/x; echo 5 > 5";
    pod.shell(&format!("{COMMIT}{script}"));
    let (snapshot, _) = pod.end(Rest::Kept);
    let (log, files) = pod.arrives();
    for subject in ["Add 1 (A)", "Add 2 (A)", "Add it (Claude)", "Add 4 (A)"] {
        assert!(log.contains(&subject.to_owned()), "{log:?}");
    }
    assert!(log.last().unwrap().starts_with("Keep what else there is, on "), "{log:?}");
    assert_eq!(files, [".gitignore", "2", "5", "a.txt", "b.txt"]);
    let remarks = snapshot.remarks(Rest::Kept).join(" ");
    assert!(remarks.contains("Kept beside it: the work on"), "{remarks}");
    assert!(["o", "p", "refs/stash"].iter().all(|name| remarks.contains(name)), "{remarks}");
}

#[test]
fn work_that_lies_elsewhere_is_laid_out_for_the_checks() {
    let pod = Pod::new();
    pod.shell(&format!(
        "{COMMIT}git checkout -qb other; c 1; git checkout -q claude/x; touch .git/index.lock"
    ));
    let mut snapshot = pod.work.snapshot().unwrap();
    pod.work.lay_out(&mut snapshot).unwrap();
    assert!(pod.tree().join("1").exists());
    std::fs::remove_file(pod.tree().join(".git/index.lock")).unwrap_or_default();
    assert_eq!(git(&pod.tree(), &["status", "--porcelain"]), "");
    assert_eq!(git(&pod.tree(), &["rev-parse", "HEAD"]), git(&pod.tree(), &["rev-parse", "other"]));
    let again = pod.work.snapshot().unwrap();
    assert_eq!((again.head, again.tree), (snapshot.head, snapshot.tree));
}

#[test]
fn earlier_work_counts_and_a_branch_beside_it_is_found() {
    for (script, subjects) in [
        ("true", &["Add early"][..]),
        ("c 1", &["Add early", "Add 1"]),
        ("git checkout -qb other; c 1; git checkout -q claude/x", &["Add early", "Add 1"]),
        ("git reset -q --hard HEAD~1; c 1", &["Add 1"]),
    ] {
        let mut pod = Pod::new();
        pod.shell(&format!("{COMMIT}c early"));
        let first = git(&pod.tree(), &["rev-parse", "HEAD"]);
        pod.go_on_from(&first);
        pod.shell(&format!("{COMMIT}{script}"));
        pod.save().unwrap();
        let log = pod.arrives().0;
        let log: Vec<&str> = log.iter().map(|line| line.split(" (").next().unwrap()).collect();
        assert_eq!(log, subjects, "{script}");
    }
}
