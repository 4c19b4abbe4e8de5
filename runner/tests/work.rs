//! The agent's work as commits and bundles, with real git in a work tree like the Pod's.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agent_git;

use std::fs;
use std::path::{Path, PathBuf};

use crd::spec::Author;
use runner::dirs::Dirs;
use runner::handoff::{BUNDLE_REF, Extent, newest_bundle};
use runner::progress::Progress;
use runner::scrub::Scrub;
use runner::work::Work;

struct Pod {
    _root: tempfile::TempDir,
    dirs: Dirs,
    start: String,
    work: Work,
}

/// Git as the agent uses it.
fn git(dir: &Path, args: &[&str]) -> String {
    let (success, text) = agent_git::run(dir, args);
    assert!(success, "git {args:?}: {text}");
    text
}

impl Pod {
    /// A trusted repository with one commit, and the agent's clone that borrows its objects.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        let seed = root.path().join("seed");
        git(root.path(), &["init", "-q", "-b", "main", "seed"]);
        for (name, text) in [("a.txt", "a\n"), ("b.txt", "b\n"), (".gitignore", "*.log\nbuild/\n")]
        {
            fs::write(seed.join(name), text).unwrap();
        }
        git(&seed, &["add", "-A"]);
        git(&seed, &["commit", "-q", "-m", "Start"]);
        let start = git(&seed, &["rev-parse", "HEAD"]);
        let bare = dirs.bare();
        git(root.path(), &["clone", "-q", "--bare", "seed", bare.to_str().unwrap()]);
        let clone = ["clone", "-q", "--shared", bare.to_str().unwrap(), "workspace/repo"];
        git(root.path(), &clone);
        fs::remove_dir_all(seed).unwrap();
        let progress = Progress::to("run", Scrub::default(), std::io::sink());
        let work = Work::new(&dirs, &start, &Author::default(), "Add it\n".into(), &progress);
        Self { _root: root, dirs, start, work }
    }

    fn tree(&self) -> PathBuf {
        self.dirs.worktree()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.tree().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn save(&mut self) -> Option<String> {
        let snapshot = self.work.snapshot().unwrap();
        self.work.save_final(&snapshot).unwrap()
    }

    /// What arrives in the trusted repository: subjects from the oldest, and the files.
    fn arrives(&self) -> (Vec<String>, Vec<String>) {
        let (number, note) = newest_bundle(&self.dirs.handoff).unwrap();
        let bundle = self.dirs.handoff.join(format!("{number}.bundle"));
        let spec = format!("+{BUNDLE_REF}:refs/import");
        let bare = self.dirs.bare();
        git(&bare, &["bundle", "verify", bundle.to_str().unwrap()]);
        git(&bare, &["fetch", "-q", bundle.to_str().unwrap(), &spec]);
        assert_eq!(git(&bare, &["rev-parse", "refs/import"]), note.commit);
        let range = format!("{}..refs/import", self.start);
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let log = git(&bare, &["log", "--reverse", "--format=%s (%an)", &range]);
        let files = git(&bare, &["ls-tree", "-r", "--name-only", "refs/import"]);
        (lines(log), lines(files))
    }

    fn shows(&self, path: &str) -> String {
        git(&self.dirs.bare(), &["show", &format!("refs/import:{path}")])
    }
}

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
    assert_eq!(git(&pod.tree(), &["rev-parse", "HEAD"]), pod.start, "HEAD is the agent's");
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
fn a_detached_head_and_another_branch_are_work_all_the_same() {
    for args in [&["checkout", "-q", "--detach"][..], &["checkout", "-q", "-b", "other"]] {
        let mut pod = Pod::new();
        git(&pod.tree(), args);
        pod.write("c.txt", "c\n");
        git(&pod.tree(), &["add", "-A"]);
        git(&pod.tree(), &["commit", "-q", "-m", "Elsewhere"]);
        pod.save();
        assert_eq!(pod.arrives().0, ["Elsewhere (A)"]);
    }
}

#[test]
fn a_history_without_the_start_is_handed_over_whole() {
    let mut pod = Pod::new();
    git(&pod.tree(), &["checkout", "-q", "--orphan", "fresh"]);
    git(&pod.tree(), &["commit", "-q", "-m", "Root"]);
    pod.write("c.txt", "c\n");
    pod.save();
    assert_eq!(pod.arrives().0, ["Root (A)", "Add it (Claude)"]);
}

#[test]
fn a_reset_below_the_start_is_one_commit_on_it() {
    let mut pod = Pod::new();
    pod.write("c.txt", "c\n");
    git(&pod.tree(), &["add", "-A"]);
    git(&pod.tree(), &["commit", "-q", "-m", "Second"]);
    let second = git(&pod.tree(), &["rev-parse", "HEAD"]);
    // The task starts from the second commit; the agent goes back to the first.
    let bare = pod.dirs.bare();
    git(&bare, &["fetch", "-q", pod.tree().to_str().unwrap(), "HEAD:refs/heads/main"]);
    let progress = Progress::to("run", Scrub::default(), std::io::sink());
    pod.work = Work::new(&pod.dirs, &second, &Author::default(), "Back\n".into(), &progress);
    pod.start = second;
    git(&pod.tree(), &["reset", "-q", "--hard", "HEAD~1"]);
    pod.save();
    assert_eq!(
        pod.arrives(),
        (vec!["Back (Claude)".into()], vec![".gitignore".into(), "a.txt".into(), "b.txt".into()])
    );
}

#[test]
fn a_removed_or_damaged_git_directory_loses_no_file() {
    let remove = |git_dir: &Path| fs::remove_dir_all(git_dir).unwrap();
    let no_objects = |git_dir: &Path| fs::remove_dir_all(git_dir.join("objects")).unwrap();
    let bad_config = |git_dir: &Path| fs::write(git_dir.join("config"), "[core\n").unwrap();
    let a_file = |git_dir: &Path| {
        fs::remove_dir_all(git_dir).unwrap();
        fs::write(git_dir, "gitdir: /nowhere\n").unwrap();
    };
    for damage in [&remove as &dyn Fn(&Path), &no_objects, &bad_config, &a_file] {
        let mut pod = Pod::new();
        pod.write("c.txt", "c\n");
        // Older than the index, or git would read it again anyway.
        let old = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        let file = fs::File::options().write(true).open(pod.tree().join("c.txt")).unwrap();
        file.set_modified(old).unwrap();
        git(&pod.tree(), &["add", "-A"]);
        git(&pod.tree(), &["commit", "-q", "-m", "Mine"]);
        pod.write("d.txt", "d\n");
        damage(&pod.tree().join(".git"));
        let snapshot = pod.work.snapshot().unwrap();
        assert_eq!(snapshot.head, None);
        pod.work.save_final(&snapshot).unwrap().unwrap();
        let (log, files) = pod.arrives();
        assert_eq!(log, ["Add it (Claude)"]);
        assert_eq!(files, [".gitignore", "a.txt", "b.txt", "c.txt", "d.txt"]);
    }
}

#[test]
fn configuration_hooks_and_filters_of_the_agent_do_not_run() {
    let mut pod = Pod::new();
    let canary = pod.dirs.tmp.join("ran");
    let command = format!("touch {}", canary.display());
    for (key, value) in [
        ("core.fsmonitor", command.as_str()),
        ("filter.x.clean", command.as_str()),
        ("filter.x.smudge", command.as_str()),
        ("core.hooksPath", "hooks"),
        ("core.pager", command.as_str()),
    ] {
        git(&pod.tree(), &["config", key, value]);
    }
    pod.write(".gitattributes", "* filter=x\n");
    for hook in ["post-index-change", "reference-transaction", "pre-commit", "post-checkout"] {
        pod.write(&format!("hooks/{hook}"), &format!("#!/bin/sh\n{command}\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(pod.tree().join("hooks").join(hook), mode).unwrap();
    }
    let snapshot = pod.work.snapshot().unwrap();
    pod.work.shadow.restore(&snapshot.tree).unwrap();
    pod.work.shadow.show_as_checked_out(&pod.start).unwrap();
    pod.save().unwrap();
    assert!(!canary.exists());
}

#[test]
fn a_repository_inside_the_repository_is_left_out() {
    let mut pod = Pod::new();
    pod.write("inner/x", "x");
    git(&pod.tree().join("inner"), &["init", "-q"]);
    git(&pod.tree().join("inner"), &["add", "-A"]);
    git(&pod.tree().join("inner"), &["commit", "-q", "-m", "Inner"]);
    git(&pod.tree(), &["init", "-q", "empty"]);
    pod.write("c.txt", "c");
    pod.save();
    assert_eq!(pod.arrives().1, [".gitignore", "a.txt", "b.txt", "c.txt"]);
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

#[test]
fn an_object_missing_in_the_middle_of_the_history_costs_the_commits_and_no_file() {
    let mut pod = Pod::new();
    for text in ["lost\n", "kept\n"] {
        pod.write("c.txt", text);
        git(&pod.tree(), &["add", "-A"]);
        git(&pod.tree(), &["commit", "-q", "-m", "Mine"]);
    }
    let lost = git(&pod.tree(), &["rev-parse", "HEAD~1:c.txt"]);
    let (folder, name) = lost.split_at(2);
    fs::remove_file(pod.tree().join(".git/objects").join(folder).join(name)).unwrap();
    pod.save().unwrap();
    assert_eq!(pod.arrives().0, ["Add it (Claude)"]);
    assert_eq!(pod.shows("c.txt"), "kept");
}

#[test]
fn line_ends_follow_the_repositorys_attributes() {
    let mut pod = Pod::new();
    pod.write(".gitattributes", "*.txt text\n");
    pod.write("dos.txt", "one\r\ntwo\r\n");
    pod.write("dos.bin", "one\r\ntwo\n");
    pod.save().unwrap();
    pod.arrives();
    assert_eq!(
        (pod.shows("dos.txt"), pod.shows("dos.bin")),
        ("one\ntwo".into(), "one\r\ntwo".into())
    );
}
