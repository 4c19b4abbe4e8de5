//! What the agent can do to its repository's inside: nothing of it runs, nothing of it hides work.
//!
//! Not here: histories that git knows (`histories`).

use std::fs;
use std::path::Path;

use runner::work::Rest;

use crate::pod::{Pod, git, wrong};

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
        pod.work.save_final(&snapshot, Rest::Left).unwrap().unwrap();
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
    pod.work.shadow.show_as_checked_out(&pod.origin.start).unwrap();
    pod.save().unwrap();
    assert!(!canary.exists());
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

/// Name, script, subject that arrives. Each script leaves `kept` in a.txt; `mine` commits it.
const ROWS: &[(&str, &str, &str)] = &[
    ("core.worktree elsewhere", "mine; git config core.worktree /nowhere", "Mine"),
    ("core.bare", "mine; git config core.bare true", "Mine"),
    ("index.lock", "mine; touch .git/index.lock .git/HEAD.lock", "Mine"),
    ("a replace ref", "mine; git replace HEAD HEAD~1", "Mine"),
    ("a graft", "mine; echo $(git rev-parse HEAD) > .git/info/grafts", "Mine"),
    ("a shallow mark", "mine; git rev-parse HEAD~1 > .git/shallow", "Mine"),
    (
        "a partial clone",
        "mine; git config extensions.partialClone origin; git config remote.origin.promisor true",
        "Mine",
    ),
    ("assume-unchanged", "git update-index --assume-unchanged a.txt; echo kept > a.txt", "Add it"),
    ("skip-worktree", "git update-index --skip-worktree a.txt; echo kept > a.txt", "Add it"),
    ("info/exclude", "echo '*' > .git/info/exclude; echo kept > a.txt", "Add it"),
    (
        "an untracked cache",
        "git update-index --force-untracked-cache; git status >/dev/null; echo kept > a.txt",
        "Add it",
    ),
    (
        "a sparse checkout",
        "git sparse-checkout set --no-cone /a.txt /.gitignore; echo kept > a.txt",
        "Add it",
    ),
    (
        "a sparse index",
        "mkdir d e; echo 1 > d/1; echo 2 > e/2; git add .; git commit -qm Dirs; git sparse-checkout set --cone --sparse-index d; echo kept > a.txt",
        "Add it",
    ),
    ("a split index", "git update-index --split-index; echo kept > a.txt", "Add it"),
    ("no index", "rm .git/index; echo kept > a.txt", "Add it"),
    (
        "a device for a ref",
        "mine; mkdir -p .git/refs/heads/p; ln -s /dev/zero .git/refs/heads/p/z; echo x > .git/refs/heads/broken",
        "Mine",
    ),
    ("a real pipe for a ref", "mine; mkfifo .git/refs/heads/pipe", "Mine"),
    ("a linked .git", "mine; mv .git ../elsewhere; ln -s ../elsewhere .git", "Mine"),
    (
        "an encoding that fails",
        "echo '*.txt working-tree-encoding=UTF-16' > .gitattributes; echo kept > a.txt",
        "Add it",
    ),
    (
        "an encoding that nobody knows",
        "echo '* working-tree-encoding=NOPE' > .gitattributes; echo kept > a.txt",
        "Add it",
    ),
    (
        "a filter that is required",
        "git config filter.f.clean false; git config filter.f.required true; echo '* filter=f' > .gitattributes; echo kept > a.txt",
        "Add it",
    ),
    (
        "no line ends, and an id",
        "echo '* -text ident' > .gitattributes; echo kept > a.txt",
        "Add it",
    ),
    ("everything ignored", "echo '*' > .gitignore; echo kept > a.txt", "Add it"),
    ("a pipe beside it", "mkfifo pipe; echo kept > a.txt", "Add it"),
    ("a name that git refuses", "mkdir -p d/.Git; echo x > d/.Git/x; echo kept > a.txt", "Add it"),
    ("a file that cannot be read", "echo x > secret; chmod 0 secret; echo kept > a.txt", "Add it"),
];

#[test]
fn no_setting_of_the_agents_repository_hides_work() {
    let mine = "mine() { echo kept > a.txt; git commit -qam Mine; }";
    let wrong = wrong(ROWS, |(name, script, subject)| {
        let mut pod = Pod::new();
        pod.shell(&format!("{mine}; {script}"));
        pod.save().unwrap_or_else(|| panic!("{name}"));
        let (log, files) = pod.arrives();
        let there = log.iter().any(|line| line.starts_with(subject))
            && files.contains(&"b.txt".into())
            && pod.shows("a.txt") == "kept";
        (!there).then(|| format!("{name}: {log:?} {files:?} {}", pod.shows("a.txt")))
    });
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_of_all_kinds_arrive() {
    let mut pod = Pod::new();
    let names = [
        "-dash",
        " blank ",
        "tab\there",
        "quote\"d",
        "back\\slash",
        "line\nbreak",
        "ünï",
        "u\u{308}",
        ":(top)x",
        "*",
    ];
    for name in names {
        pod.write(name, name);
    }
    pod.save().unwrap();
    pod.arrives();
    for name in names {
        let shown = git(
            &pod.dirs.bare(),
            &["--literal-pathspecs", "cat-file", "blob", &format!("refs/import:{name}")],
        );
        assert_eq!(shown, name.trim_end(), "{name:?}");
    }
}

#[test]
fn what_git_refuses_is_told() {
    let mut pod = Pod::new();
    pod.shell("mkdir -p d/.Git; echo x > d/.Git/x; echo 1 > 1");
    let remarks = pod.end(Rest::Left).0.remarks(Rest::Left).join(" ");
    assert!(
        remarks.contains("Not everything could be saved") && remarks.contains("d/.Git/x"),
        "{remarks}"
    );
}

#[test]
fn a_repository_that_is_gone_is_made_anew_for_what_follows() {
    for script in
        ["rm -rf .git", "rm -rf .git; echo 'gitdir: /nowhere' > .git", "echo '[core' > .git/config"]
    {
        let pod = Pod::new();
        pod.shell(script);
        pod.work.snapshot().unwrap();
        pod.work.shadow.show_as_checked_out(&pod.origin.onto).unwrap();
        assert_eq!(git(&pod.tree(), &["rev-parse", "HEAD"]), pod.origin.onto, "{script}");
        assert_eq!(git(&pod.tree(), &["status", "--porcelain"]), " D o.txt", "{script}");
    }
}

#[test]
fn a_history_that_the_git_side_refuses_is_replaced_by_its_files() {
    let mut pod = Pod::new();
    // A tree with a mode that fsck refuses, as old tools wrote it.
    pod.shell(
        "echo x > x; git add x; git commit -qm Mine; blob=$(git rev-parse HEAD:x); \
         printf '0100644 x\\0' > ../tree; printf \"$(echo $blob | sed 's/../\\\\x&/g')\" >> ../tree; \
         tree=$(git hash-object -t tree -w --literally --stdin < ../tree); \
         old=$(git commit-tree -p HEAD -m Old $tree); \
         git reset -q --hard $(git commit-tree -p HEAD -p $old -m Merge HEAD^{tree})",
    );
    let (snapshot, _) = pod.end(Rest::Left);
    let (log, files) = pod.arrives();
    assert_eq!(log, ["Add it (Claude)"]);
    assert_eq!(files, [".gitignore", "a.txt", "b.txt", "x"]);
    let remarks = pod.work.remarks(&snapshot, Rest::Left).join(" ");
    assert!(remarks.contains("Not all commits can be handed over"), "{remarks}");
}

#[test]
fn a_branch_that_cannot_be_read_costs_no_commit_of_the_work() {
    let mut pod = Pod::new();
    pod.shell(
        "git checkout -qb o; echo 1 > lost; git add .; git commit -qm Lost; \
         blob=$(git rev-parse HEAD:lost); git checkout -q claude/x; echo 2 > x; git add .; \
         git commit -qm Mine; rm -f .git/objects/${blob:0:2}/${blob:2}",
    );
    pod.end(Rest::Kept);
    assert_eq!(pod.arrives().0, ["Mine (A)"]);
}
