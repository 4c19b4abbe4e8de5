//! When the work is handed over, and what is in it.
//!
//! Not here: what the agent can do to git (`histories`, `tricks`).

use std::fs;

use runner::handoff::{Extent, newest_bundle};

use crate::pod::{Pod, git};

#[test]
fn nothing_done_is_no_bundle() {
    let mut pod = Pod::new();
    assert_eq!(pod.save(), None);
    assert!(newest_bundle(&pod.dirs.handoff).is_none());
}

#[test]
fn uncommitted_files_become_one_commit_and_ignored_ones_stay() {
    let mut pod = Pod::new();
    pod.write("new.txt", "new\n");
    pod.write("a.txt", "changed\n");
    pod.write("debug.log", "ignored\n");
    fs::remove_file(pod.tree().join("b.txt")).unwrap();
    assert!(pod.save().is_some());
    let (log, files) = pod.arrives();
    assert_eq!(log, ["Add it (Claude)"]);
    assert_eq!(files, [".gitignore", "a.txt", "new.txt"]);
    assert_eq!(git(&pod.tree(), &["rev-parse", "HEAD"]), pod.origin.start, "HEAD is the agent's");
    assert_eq!(git(&pod.tree(), &["diff", "--cached", "--name-only"]), "", "so is the index");
}

#[test]
fn own_commits_are_kept_and_the_rest_is_added() {
    let mut pod = Pod::new();
    for n in ["1", "2"] {
        pod.write(n, n);
        git(&pod.tree(), &["add", "-A"]);
        git(&pod.tree(), &["commit", "-q", "-m", &format!("Step {n}")]);
    }
    assert!(pod.save().is_some());
    assert_eq!(pod.arrives().0, ["Step 1 (A)", "Step 2 (A)"]);
    pod.write("3", "3");
    pod.save();
    assert_eq!(pod.arrives().0, ["Step 1 (A)", "Step 2 (A)", "Add it (Claude)"]);
}

#[test]
fn what_the_agent_added_or_removed_against_gitignore_counts() {
    let mut pod = Pod::new();
    pod.write("forced.log", "x");
    git(&pod.tree(), &["add", "-f", "forced.log"]);
    git(&pod.tree(), &["rm", "-q", "--cached", "b.txt"]);
    pod.write(".gitignore", "*.log\nbuild/\nb.txt\n");
    pod.save();
    assert_eq!(pod.arrives().1, [".gitignore", "a.txt", "forced.log"]);
}

#[test]
fn partial_saves_come_only_when_something_changed_and_disturb_nothing() {
    let mut pod = Pod::new();
    assert_eq!(pod.work.save_partial().unwrap(), None);
    pod.write("a.txt", "half\n");
    git(&pod.tree(), &["add", "a.txt"]);
    pod.write("c.txt", "c\n");
    let before = fs::read(pod.tree().join(".git/index")).unwrap();
    assert!(pod.work.save_partial().unwrap().is_some());
    assert_eq!(pod.work.save_partial().unwrap(), None, "nothing changed since");
    assert_eq!(fs::read(pod.tree().join(".git/index")).unwrap(), before);
    assert_eq!(newest_bundle(&pod.dirs.handoff).unwrap().1.extent, Extent::Partial);
    assert_eq!(pod.arrives().1, [".gitignore", "a.txt", "b.txt", "c.txt"]);
    assert_eq!(git(&pod.tree(), &["for-each-ref", "refs/claudetask"]), "");
}

#[test]
fn work_that_was_undone_leaves_no_bundle() {
    let mut pod = Pod::new();
    pod.write("a.txt", "half\n");
    pod.work.save_partial().unwrap().unwrap();
    pod.write("a.txt", "a\n");
    assert_eq!(pod.save(), None);
    assert!(newest_bundle(&pod.dirs.handoff).is_none());
}

#[test]
fn only_the_newest_bundles_fill_the_volume() {
    let mut pod = Pod::new();
    for n in 0..6 {
        pod.write("a.txt", &n.to_string());
        pod.work.save_partial().unwrap().unwrap();
    }
    let names = fs::read_dir(&pod.dirs.handoff).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["5.bundle", "5.json", "6.bundle", "6.json"]);
}

#[test]
fn restoring_undoes_what_a_check_did_and_keeps_ignored_files() {
    let mut pod = Pod::new();
    pod.write("a.txt", "by claude\n");
    pod.write("new/n.txt", "by claude\n");
    let snapshot = pod.work.snapshot().unwrap();
    pod.write("a.txt", "by check \n");
    pod.write("b.txt", "by check\n");
    pod.write("report.xml", "by check\n");
    pod.write("junk/j", "by check\n");
    pod.write("build/cache", "ignored\n");
    fs::remove_dir_all(pod.tree().join("new")).unwrap();
    pod.work.shadow.restore(&snapshot.tree).unwrap();
    assert_eq!(pod.work.snapshot().unwrap(), snapshot);
    assert!(pod.tree().join("build/cache").exists());
    assert!(!pod.tree().join("junk").exists());
    assert!(pod.tree().join(".git").is_dir());
    pod.save();
    pod.arrives();
    assert_eq!(pod.shows("a.txt"), "by claude");
}
