//! The work tree of a resolution, with real git: what lies on it, what is wrong with it, and what
//! is handed back.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agent_git;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crd::spec::{Author, Scope};
use runner::dirs::Dirs;
use runner::plan::{Conflict, ConflictFile, Landed};
use runner::progress::Progress;
use runner::resolve::desk::Desk;
use runner::scrub::Scrub;
use runner::work::Shadow;

fn must(dir: &Path, args: &[&str]) -> String {
    let (good, out) = agent_git::run(dir, args);
    assert!(good, "git {args:?}");
    out
}

/// A merge that conflicts, made in the repository `seed`: its commits and its tree.
struct Merge {
    first: String,
    theirs: String,
    ours: String,
    tree: String,
}

impl Merge {
    fn with_conflict(root: &Path) -> Self {
        must(root, &["init", "-q", "-b", "main", "seed"]);
        let seed = root.join("seed");
        let commit = |files: &[(&str, &str)]| {
            for (name, text) in files {
                fs::write(seed.join(name), text).unwrap();
            }
            must(&seed, &["add", "-A"]);
            must(&seed, &["commit", "-q", "-m", "x"]);
            must(&seed, &["rev-parse", "HEAD"])
        };
        let first = commit(&[
            ("a.txt", "1\n2\n3\n"),
            ("t.txt", "t\n"),
            ("o.txt", "o\n"),
            ("merging.md", "how to\n<<<<<<< HEAD\nmerge\n"),
            (".gitignore", "cache/\n"),
        ]);
        let theirs = commit(&[("a.txt", "1\ntask\n3\n"), ("t.txt", "task\n")]);
        must(&seed, &["checkout", "-q", "-B", "onto", &first]);
        let ours = commit(&[("a.txt", "1\nonto\n3\n"), ("o.txt", "onto\n")]);
        let merge_tree = ["-c", "merge.conflictStyle=diff3", "merge-tree", "--write-tree"];
        let (clean, out) =
            agent_git::run(&seed, &[&merge_tree[..], &[ours.as_str(), theirs.as_str()]].concat());
        assert!(!clean, "it must conflict");
        let tree = out.lines().next().unwrap().to_owned();
        // A commit keeps the tree alive on its way into the trusted repository.
        let kept = must(&seed, &["commit-tree", &tree, "-p", &theirs, "-m", "x"]);
        must(&seed, &["branch", "kept", &kept]);
        must(&seed, &["branch", "work", &theirs]);
        Self { first, theirs, ours, tree }
    }
}

/// `a.txt` conflicts in its middle line; the task also changed `t.txt`, the others `o.txt`.
struct Case {
    _root: tempfile::TempDir,
    dirs: Dirs,
    landed: Landed,
    scope: Scope,
}

impl Case {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        let bare = dirs.bare();
        let Merge { first, theirs, ours, tree } = Merge::with_conflict(root.path());
        must(root.path(), &["clone", "-q", "--bare", "seed", bare.to_str().unwrap()]);
        let clone = ["clone", "-q", "-s", "-b", "work", bare.to_str().unwrap(), "workspace/repo"];
        must(root.path(), &clone);
        let file = ConflictFile {
            path: "a.txt".into(),
            base: None,
            ours: None,
            theirs: None,
            notes: Vec::new(),
        };
        let landed = Landed::Conflicts(Conflict {
            tree,
            ours,
            theirs,
            base: first,
            files: vec![file],
            task_paths: vec!["a.txt".into(), "t.txt".into()],
            message: String::new(),
            author: None,
        });
        Self { _root: root, dirs, landed, scope: Scope::TaskFiles }
    }

    fn desk(&self) -> Desk<'_> {
        let progress = Progress::to("resolve", Scrub::default(), std::io::sink());
        let shadow = Shadow::new(&self.dirs, &Author::default(), &progress);
        let (landed, scope) = (&self.landed, self.scope);
        Desk { shadow, landed, scope, handoff: &self.dirs.handoff }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dirs.worktree().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }
}

fn complaints(desk: &Desk<'_>) -> Vec<String> {
    desk.complaints(&desk.tree().unwrap()).unwrap()
}

#[test]
fn the_merge_with_its_markers_lies_there_and_nothing_of_before() {
    let case = Case::new();
    case.write("t.txt", "left by a check\n");
    case.write("junk.txt", "left by a check\n");
    case.write("cache/c", "ignored\n");
    let desk = case.desk();
    desk.lay_out().unwrap();
    let text = fs::read_to_string(case.path("a.txt")).unwrap();
    assert!(text.contains("<<<<<<<") && text.contains("|||||||"), "{text}");
    assert_eq!(fs::read_to_string(case.path("t.txt")).unwrap(), "task\n");
    assert_eq!(fs::read_to_string(case.path("o.txt")).unwrap(), "onto\n");
    assert!(!case.path("junk.txt").exists());
    assert!(case.path("cache/c").exists());
    let tree = case.dirs.worktree();
    assert_eq!(must(&tree, &["status", "--short"]), " M a.txt\n M t.txt");
    assert_eq!(must(&tree, &["log", "-1", "--format=%H"]), ours(&case));
}

fn ours(case: &Case) -> String {
    match &case.landed {
        Landed::Conflicts(conflict) => conflict.ours.clone(),
        Landed::Clean { .. } => unreachable!(),
    }
}

#[test]
fn left_markers_and_files_out_of_scope_are_complained_about() {
    let mut case = Case::new();
    let desk = case.desk();
    desk.lay_out().unwrap();
    let left = complaints(&desk);
    assert_eq!(left.len(), 1);
    assert!(left[0].contains("a conflict marker in a.txt: `<<<<<<<"), "{left:?}");
    case.write("a.txt", "1\nboth\n3\n");
    case.write("t.txt", "also in scope\n");
    assert!(complaints(&desk).is_empty());
    case.write("o.txt", "not mine\n");
    case.write("new.txt", "not mine\n");
    let outside = complaints(&desk);
    assert!(outside[0].contains("changes new.txt") && outside[1].contains("changes o.txt"));
    drop(desk);
    case.scope = Scope::Anywhere;
    assert!(complaints(&case.desk()).is_empty());
}

#[test]
fn a_marker_that_a_side_had_already_is_text() {
    let mut case = Case::new();
    case.scope = Scope::Anywhere;
    let desk = case.desk();
    desk.lay_out().unwrap();
    case.write("a.txt", "1\nboth\n3\n");
    case.write("merging.md", "how to\n<<<<<<< HEAD\nmerge well\n");
    assert!(complaints(&desk).is_empty());
}

#[test]
fn a_link_is_no_resolution() {
    let case = Case::new();
    let desk = case.desk();
    desk.lay_out().unwrap();
    fs::remove_file(case.path("a.txt")).unwrap();
    symlink("/etc/passwd", case.path("a.txt")).unwrap();
    let complaints = complaints(&desk);
    assert!(complaints[0].contains("a.txt something else than a regular file"), "{complaints:?}");
}

#[test]
fn contents_are_handed_back_byte_for_byte_whatever_the_agent_committed() {
    let case = Case::new();
    let desk = case.desk();
    desk.lay_out().unwrap();
    let tree = case.dirs.worktree();
    fs::write(case.path("a.txt"), b"1\r\n\xff\n").unwrap();
    fs::set_permissions(case.path("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(case.path("t.txt")).unwrap();
    must(&tree, &["add", "-A"]);
    must(&tree, &["commit", "-q", "-m", "A commit that nobody asked for"]);
    let files = desk.hand_back(&desk.tree().unwrap()).unwrap();
    let got: Vec<_> =
        files.iter().map(|f| (f.path.as_str(), f.content.is_some(), f.executable)).collect();
    assert_eq!(got, [("a.txt", true, true), ("t.txt", false, false)]);
    let content = fs::read(case.dirs.handoff.join(files[0].content.as_ref().unwrap())).unwrap();
    assert_eq!(content, b"1\r\n\xff\n");
}
