//! What Push takes from ConflictResolution, and what it rejects.
//!
//! Not here: how the contents came about.

use std::fs;
use std::os::unix::fs::symlink;

use crd::spec::Scope;
use crd::{Outcome, Reason};
use runner::handoff::{self, Resolution};
use runner::perform;

use crate::scene::{CHECKPOINT, Scene, failure, git};

/// A task with a conflict in `a`; `c` is changed by the task alone, `x` by nobody.
fn conflicting(scope: Scope) -> Scene {
    let files = [("a", Some("a\n")), ("c", Some("c\n")), ("x", Some("x\n"))];
    let scene = Scene::with(&files, |task| task.rebase.scope = scope);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("a1\n")), ("c", Some("c1\n"))]);
    scene.people_push("Theirs", &[("a", Some("a2\n"))]);
    scene.hand_back();
    scene.rebase();
    scene
}

/// A task with `verify` whose change in `a` landed cleanly on a branch that moved in `z`.
fn to_verify() -> Scene {
    let with = |task: &mut crd::TaskDocument| task.verify = vec!["true".to_owned()];
    let scene = Scene::with(&[("a", Some("a\n")), ("z", Some("z\n"))], with);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.hand_back();
    scene.rebase();
    scene
}

/// `resolve` ends without contents.
fn ends(scene: &Scene, outcome: Outcome, reason: Option<Reason>, message: &str) {
    let message = message.to_owned();
    let resolution =
        Resolution { outcome, reason, message, rounds: 3, usage: None, files: Vec::new() };
    handoff::publish(&scene.attempt.dirs.handoff, handoff::RESOLUTION, &resolution).unwrap();
}

fn rejected(scene: &Scene) -> String {
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::ResolutionRejected, "{message}");
    assert_eq!(scene.tip("refs/heads/claude/login"), None);
    message
}

#[test]
fn markers_that_were_left_are_rejected() {
    for files in [
        vec![("a", Some("<<<<<<< onto\na2\n=======\na1\n>>>>>>> task\n"))],
        vec![("a", Some("a12\n")), ("c", Some("||||||| 1234567\n"))],
        vec![],
    ] {
        let scene = conflicting(Scope::TaskFiles);
        scene.resolve(&files);
        let message = rejected(&scene);
        assert!(message.contains("conflict marker"), "{message}");
    }
}

#[test]
fn a_marker_line_that_a_side_had_may_stay() {
    let doc = |text: &str| format!("<<<<<<< HEAD\nis how a conflict begins\n{text}\n");
    let scene = Scene::new(&[("doc", Some(&doc("a")))]);
    scene.clone();
    scene.agent_commit("Mine", &[("doc", Some(&doc("a1")))]);
    scene.people_push("Theirs", &[("doc", Some(&doc("a2")))]);
    scene.hand_back();
    scene.rebase();
    scene.resolve(&[("doc", Some(&doc("a12")))]);
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
}

#[test]
fn a_file_out_of_scope_is_rejected_unless_anywhere_is_allowed() {
    let files = [("a", Some("a12\n")), ("x", Some("x1\n")), ("new", Some("n\n"))];
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&files);
    let message = rejected(&scene);
    assert!(message.contains("changes x"), "{message}");
    let scene = conflicting(Scope::Anywhere);
    scene.resolve(&files);
    scene.push();
    assert_eq!(["a", "c", "x", "new"].map(|path| scene.pushed(path)), ["a12", "c1", "x1", "n"]);
}

#[test]
fn a_path_that_git_refuses_is_rejected() {
    for path in ["../x", ".git/config", "/etc/passwd", "a/../../x", ".GIT/config"] {
        let scene = conflicting(Scope::Anywhere);
        scene.resolve(&[("a", Some("a12\n")), (path, Some("x\n"))]);
        rejected(&scene);
    }
}

#[test]
fn a_conflict_under_an_odd_name_is_resolved_under_it() {
    let names = [
        "-dash",
        "e\u{301}",
        "tab\t",
        "line\nbreak",
        "\"quote\"",
        "back\\",
        "end\r",
        " blank ",
        ":x",
        "*",
    ];
    let with = |text| names.map(|name| (name, Some(text)));
    let scene = Scene::new(&with("one\r\n"));
    scene.clone();
    scene.agent_commit("Mine", &with("mine\r\n"));
    scene.people_push("Theirs", &with("theirs\r\n"));
    scene.hand_back();
    assert_eq!(scene.rebase().conflicts, Some(10));
    scene.resolve(&with("both\r\n"));
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    for name in names {
        assert_eq!(scene.pushed(name), "both\r", "{name:?}");
    }
    let count = scene.ask(&["ls-tree", "-z", "--name-only", "claude/login"]).matches('\0').count();
    assert_eq!(count, names.len());
}

#[test]
fn a_content_that_is_no_plain_file_is_rejected() {
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&[("a", Some("a12\n"))]);
    let content = scene.attempt.dirs.handoff.join("f0");
    fs::remove_file(&content).unwrap();
    symlink("/etc/hostname", &content).unwrap();
    assert!(rejected(&scene).contains("no regular file"));
    for name in ["../repo/r.git/config", ".hidden", "sub/f0", ""] {
        let scene = conflicting(Scope::TaskFiles);
        scene.resolve(&[("a", Some("a12\n"))]);
        let path = scene.attempt.dirs.handoff.join(handoff::RESOLUTION);
        let text = fs::read_to_string(&path).unwrap().replace("\"f0\"", &format!("{name:?}"));
        fs::write(path, text).unwrap();
        assert!(rejected(&scene).contains("no name"), "{name}");
    }
}

#[test]
fn modes_are_kept() {
    let scene = Scene::new(&[("run.sh", Some("a\n"))]);
    git(&scene.people(), &["update-index", "--chmod=+x", "run.sh"]);
    git(&scene.people(), &["checkout", "-q", "--", "."]);
    git(&scene.people(), &["commit", "-q", "-m", "Executable"]);
    git(&scene.people(), &["checkout", "-q", "--", "."]);
    git(&scene.people(), &["push", "-q", "origin", "main"]);
    git(&scene.people(), &["reset", "-q", "--hard"]);
    scene.clone();
    scene.agent_commit("Mine", &[("run.sh", Some("1\n"))]);
    scene.people_push("Theirs", &[("run.sh", Some("2\n"))]);
    scene.hand_back();
    scene.rebase();
    scene.resolve(&[("run.sh", Some("12\n"))]);
    scene.push();
    assert!(scene.ask(&["ls-tree", "claude/login"]).starts_with("100755 "));
}

#[test]
fn a_resolution_that_gives_up_the_change_leaves_nothing_to_push() {
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&[("a", Some("a2\n")), ("c", Some("c\n"))]);
    let report = scene.push();
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::NothingToPush)));
    assert!(scene.tip(CHECKPOINT).is_some(), "the work is not on a branch, so it stays here");
}

#[test]
fn a_resolution_that_failed_keeps_its_reason() {
    for (reason, expected) in [
        (Some(Reason::BudgetExceeded), Reason::BudgetExceeded),
        (Some(Reason::Pushed), Reason::ConflictsUnresolved),
        (None, Reason::ConflictsUnresolved),
    ] {
        let scene = conflicting(Scope::TaskFiles);
        ends(&scene, Outcome::Failed, reason, "No.");
        let ended = perform::push(&scene.attempt);
        assert_eq!(ended.report.as_ref().unwrap().outcome, Outcome::Skipped);
        assert_eq!(ended.report.as_ref().unwrap().checkpoint.as_deref(), Some(CHECKPOINT));
        assert_eq!(failure(ended), (expected, format!("No. The work is on {CHECKPOINT}.")));
    }
}

#[test]
fn a_resolution_that_is_missing_is_none() {
    let scene = conflicting(Scope::TaskFiles);
    assert!(rejected(&scene).contains("left no resolution.json"));
}

#[test]
fn a_repair_after_a_clean_landing_is_one_more_commit() {
    for (file, accepted) in [("a", true), ("z", false)] {
        let scene = to_verify();
        scene.resolve(&[(file, Some("repaired\n"))]);
        if accepted {
            scene.push();
            let subjects = scene.subjects("main..claude/login");
            assert_eq!(subjects, ["Mine", "Repair the change after the rebase"]);
            assert_eq!(scene.pushed("a"), "repaired");
        } else {
            rejected(&scene);
        }
    }
}

#[test]
fn a_moved_branch_is_not_pushed_unverified() {
    let scene = to_verify();
    rejected(&scene);
    ends(&scene, Outcome::Skipped, None, "Nothing to do.");
    let words = format!("Nothing to do. The work is on {CHECKPOINT}.");
    let expected = (Reason::ConflictsUnresolved, words);
    assert_eq!(failure(perform::push(&scene.attempt)), expected);
    assert_eq!(scene.tip("refs/heads/claude/login"), None);
}
