//! Whatever the agent did with git: one change with nothing lost, and words for what is not in it.
//!
//! Each row is a script that runs in the agent's work tree. Not here: what it can do to the inside
//! of its repository (`tricks`), and histories that end otherwise
//! (`leavings`).

use runner::work::Rest;

use crate::pod::{Pod, wrong};

/// Name, script, subjects that arrive (oldest first), files besides those of the start, remark.
type Row =
    (&'static str, &'static str, &'static [&'static str], &'static [&'static str], &'static str);

/// A shell function that makes a commit of one file.
pub const COMMIT: &str = "c() { echo \"${2:-$1}\" > $1; git add -A; git commit -qm \"Add $1\"; }\n";

/// The branch checked out at first is `claude/x`; `origin/main` has a commit of somebody else.
const ROWS: &[Row] = &[
    ("commits", "c 1; c 2", &["Add 1", "Add 2"], &["1", "2"], ""),
    (
        "amended",
        "c 1; echo x > 2; git add 2; git commit -q --amend -m Both",
        &["Both"],
        &["1", "2"],
        "",
    ),
    ("detached HEAD", "git checkout -q --detach; c 1", &["Add 1"], &["1"], ""),
    ("another branch checked out", "git checkout -qb other; c 1", &["Add 1"], &["1"], ""),
    (
        "a merge of another branch",
        "git checkout -qb o; c 1; git checkout -q claude/x; c 2; git merge -q o",
        &["Add 1", "Add 2", "Merge branch 'o' into claude/x"],
        &["1", "2"],
        "",
    ),
    (
        "an octopus",
        "for b in p q; do git checkout -qb $b claude/x; c $b; done; git checkout -q claude/x; c 1; git merge -q p q",
        &["Add p", "Add q", "Add 1", "Merge branches 'p' and 'q' into claude/x"],
        &["1", "p", "q"],
        "",
    ),
    (
        "a merge of the onto branch",
        "c 1; git merge -q origin/main",
        &["Add 1", "Theirs", "Merge remote-tracking branch 'origin/main' into claude/x"],
        &["1", "o.txt"],
        "",
    ),
    (
        "a merge that is not committed",
        "git checkout -qb o; c 1; git checkout -q claude/x; c 2; git merge -q --no-ff --no-commit o",
        &["Add 2", "Add it"],
        &["1", "2"],
        "Not part of the change: the work on o.",
    ),
    (
        "a cherry-pick",
        "git checkout -qb o; c 1; git checkout -q claude/x; git cherry-pick o >/dev/null; git branch -qD o",
        &["Add 1"],
        &["1"],
        "",
    ),
    ("an orphan", "git checkout -q --orphan fresh; c 1", &["Add 1"], &["1"], ""),
    ("a new repository", "rm -rf .git; git init -q; c 1", &["Add 1"], &["1"], ""),
    ("git init again", "git init -q; c 1", &["Add 1"], &["1"], ""),
    (
        "a work tree added outside",
        "git worktree add -q ../more -b more; cd ../more; c 1",
        &["Add 1"],
        &["1"],
        "HEAD held nothing new: the change is what more holds.",
    ),
    (
        "a work tree added inside",
        "git worktree add -q more -b more; cd more; c 1",
        &["Add 1"],
        &["1"],
        "more is a further work tree",
    ),
    (
        "work on another branch only",
        "git checkout -qb other; c 1; c 2; git checkout -q claude/x",
        &["Add 1", "Add 2"],
        &["1", "2"],
        "HEAD held nothing new: the change is what other holds.",
    ),
    (
        "the onto branch checked out at the end",
        "c 1; git checkout -q origin/main",
        &["Add 1"],
        &["1"],
        "the change is what claude/x holds.",
    ),
    (
        "an own commit looked at",
        "c 1; c 2; git checkout -q HEAD~1",
        &["Add 1", "Add 2"],
        &["1", "2"],
        "claude/x holds",
    ),
    (
        "the newest of two branches",
        "git checkout -qb p; GIT_COMMITTER_DATE='2030-01-01T00:00:00Z' c 1; git checkout -qb q claude/x; c 2; git checkout -q claude/x",
        &["Add 1"],
        &["1"],
        "the change is what p holds. Not part of the change: the work on q.",
    ),
    (
        "several branches",
        "git checkout -qb o; c 1; git checkout -q claude/x; c 2",
        &["Add 2"],
        &["2"],
        "Not part of the change: the work on o.",
    ),
    (
        "a branch that the change contains",
        "git branch backup; c 1; git branch -f backup; c 2",
        &["Add 1", "Add 2"],
        &["1", "2"],
        "",
    ),
    (
        "a stash alone",
        "echo 1 > 1; echo x > a.txt; git stash -qu",
        &["Add it"],
        &["1"],
        "HEAD held nothing new",
    ),
    (
        "a stash of tracked files alone",
        "echo x > a.txt; git stash -q",
        &["Add it"],
        &[],
        "HEAD held nothing new",
    ),
    (
        "a stash beside work",
        "echo x > a.txt; git stash -q; c 1",
        &["Add 1"],
        &["1"],
        "the work on refs/stash.",
    ),
    (
        "a stash that was popped",
        "echo 1 > 1; git stash -qu; git stash pop -q",
        &["Add it"],
        &["1"],
        "",
    ),
    (
        "a bisection left open",
        "c 1; c 2; git bisect start HEAD HEAD~3 >/dev/null",
        &["Add 1", "Add 2"],
        &["1", "2"],
        "claude/x holds",
    ),
    ("a rebase done", "c 1; git rebase -q origin/main", &["Theirs", "Add 1"], &["1", "o.txt"], ""),
    (
        "a reset to the first own commit",
        "c 1; c 2; git reset -q --hard HEAD~1",
        &["Add 1"],
        &["1"],
        "",
    ),
    ("a reset that keeps the files", "c 1; c 2; git reset -q HEAD~2", &["Add it"], &["1", "2"], ""),
    (
        "a nested repository",
        "git init -q app; cd app; c 1; echo 2 > 2; echo n > n.log",
        &["Add it"],
        &["app/1", "app/2"],
        "of app the files were taken, not the history",
    ),
    (
        "a nested repository without a commit",
        "git init -q app; echo 1 > app/1",
        &["Add it"],
        &["app/1"],
        "of app the files",
    ),
    (
        "a repository in a nested one",
        "git init -q app; cd app; c 1; git init -q lib; cd lib; c 2",
        &["Add it"],
        &["app/1", "app/lib/2"],
        "of app/lib the files",
    ),
    ("an empty nested repository", "git init -q app; echo 1 > 1", &["Add it"], &["1"], ""),
    (
        "a nested repository that was committed",
        "git init -q app; (cd app; c 1); git add -A 2>/dev/null; git commit -qm Sub",
        &["Sub", "Add it"],
        &["app/1"],
        "of app the files",
    ),
    (
        "a local submodule",
        "git init -q app; (cd app; c 1); git -c protocol.file.allow=always submodule --quiet add ./app; git commit -qm Sub",
        &["Sub", "Add it"],
        &[".gitmodules", "app/1"],
        "of app the files",
    ),
    (
        "a submodule of an address",
        "git init -q lib; (cd lib; c 1); printf '[submodule \"lib\"]\\npath=lib\\nurl=https://example.com/lib.git\\n' > .gitmodules",
        &["Add it"],
        &[".gitmodules", "lib"],
        "",
    ),
];

/// What is wrong with a row.
fn play((_, script, subjects, files, remark): &Row) -> Result<(), String> {
    let mut pod = Pod::new();
    pod.shell(&format!("{COMMIT}{script}"));
    let (snapshot, commit) = pod.end(Rest::Left);
    let remarks = snapshot.remarks(Rest::Left).join(" ");
    if commit.is_none() || !snapshot.unfinished.is_empty() {
        return Err(format!("{commit:?}, unfinished {:?}", snapshot.unfinished));
    }
    let (log, mut found) = pod.arrives();
    let mut log: Vec<&str> = log.iter().map(|line| line.split(" (").next().unwrap()).collect();
    found.retain(|file| ![".gitignore", "a.txt", "b.txt"].contains(&file.as_str()));
    let told = remarks.contains(remark) && remarks.is_empty() == remark.is_empty();
    log.sort_unstable();
    let mut subjects = subjects.to_vec();
    subjects.sort_unstable();
    if log == subjects && found == *files && told {
        Ok(())
    } else {
        Err(format!("{log:?} {found:?} {remarks:?}"))
    }
}

#[test]
fn every_history_is_one_change_with_nothing_lost() {
    let wrong = wrong(ROWS, |row| Some(format!("{}: {}", row.0, play(row).err()?)));
    assert!(wrong.is_empty(), "{wrong}");
}
