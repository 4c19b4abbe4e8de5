//! How a change gets onto the onto branch.
//!
//! Not here: the push (`pushing`).

use std::path::PathBuf;

use crd::spec::{Commits, Conflicts};
use crd::{Outcome, Reason};
use runner::perform;

use crate::scene::{CHECKPOINT, Scene, UID, failure, git};

const BASE: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

fn lines(change: &[(usize, &str)]) -> String {
    let mut lines: Vec<&str> = BASE.lines().collect();
    for (n, text) in change {
        lines[n - 1] = text;
    }
    lines.join("\n") + "\n"
}

#[test]
fn a_change_lands_on_an_unmoved_branch_with_its_mark() {
    let scene = Scene::new(&[("a", Some(BASE))]);
    let clone = scene.clone();
    scene.agent_commit("Change a\n\nWhy.", &[("a", Some("new\n")), ("b/c", Some("x\n"))]);
    let report = scene.land();
    assert_eq!((report.outcome, report.reason), (Outcome::Succeeded, Some(Reason::Pushed)));
    assert_eq!(report.branch.as_deref(), Some("claude/login"));
    assert_eq!(report.commit, scene.tip("refs/heads/claude/login"));
    assert_eq!(report.onto_commit, clone.onto_commit);
    let diff = report.diff.unwrap();
    assert_eq!((diff.files, diff.insertions, diff.deletions), (2, 2, 9));
    let show = scene.ask(&["log", "-1", "--format=%an|%ad|%cn|%B", "--date=raw", "claude/login"]);
    assert_eq!(show, format!("Ann|1700000000 +0100|Claude|Change a\n\nWhy.\n\nClaudeTask: {UID}"));
    assert_eq!(scene.tip(CHECKPOINT), None, "the checkpoint is deleted after the push");
}

#[test]
fn three_commits_stay_three_when_the_branch_moved() {
    let scene = Scene::new(&[("a", Some(BASE)), ("z", Some("z\n"))]);
    scene.clone();
    for (n, line) in [(1, 1), (2, 5), (3, 9)] {
        let edits: Vec<(usize, &str)> = [(1, "one"), (5, "five"), (9, "nine")][..n].to_vec();
        scene.agent_commit(&format!("Line {line}"), &[("a", Some(&lines(&edits)))]);
    }
    let moved = scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    let report = scene.land();
    assert_eq!(scene.subjects("main..claude/login"), ["Line 1", "Line 5", "Line 9"]);
    assert_eq!(report.onto_commit, Some(moved));
    assert_eq!(scene.pushed("a"), lines(&[(1, "one"), (5, "five"), (9, "nine")]).trim_end());
    assert_eq!(scene.pushed("z"), "Z");
    let marks =
        scene.ask(&["log", "--format=%(trailers:key=ClaudeTask,valueonly)", "main..claude/login"]);
    assert_eq!(marks.matches(UID).count(), 3);
}

#[test]
fn a_stop_in_the_middle_that_the_net_merge_does_not_have_gives_one_commit() {
    let scene = Scene::new(&[("a", Some(BASE)), ("b", Some("b\n"))]);
    scene.clone();
    scene.agent_commit("Try line 5", &[("a", Some(&lines(&[(5, "mine")])))]);
    scene.agent_commit("Take it back", &[("a", Some(BASE)), ("b", Some("B\n"))]);
    scene.people_push("Line 5", &[("a", Some(&lines(&[(5, "theirs")])))]);
    scene.land();
    let message = scene.ask(&["log", "--format=%B", "main..claude/login"]);
    assert!(
        message.starts_with("Change of ClaudeTask demo/login (2 commits as one)\n\n* "),
        "{message}"
    );
    assert!(message.contains(" Try line 5\n") && message.contains(" Take it back\n"), "{message}");
    assert_eq!(scene.pushed("a"), lines(&[(5, "theirs")]).trim_end());
    assert_eq!(scene.pushed("b"), "B");
}

#[test]
fn a_conflict_in_two_files_is_planned_and_its_resolution_pushed_as_one_commit() {
    let scene = Scene::new(&[("a", Some("a\n")), ("b", Some("b\n")), ("c", Some("c\n"))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("a1\n")), ("b", Some("b1\n")), ("c", Some("c1\n"))]);
    let onto = scene.people_push("Theirs", &[("a", Some("a2\n")), ("b", Some("b2\n"))]);
    scene.hand_back();
    let report = scene.rebase();
    assert_eq!(report.conflicts, Some(2));
    assert_eq!(report.conflict_files, ["a", "b"]);
    assert_eq!(report.checkpoint.as_deref(), Some(CHECKPOINT));
    let conflict = scene.conflict();
    assert_eq!(conflict.task_paths, ["a", "b", "c"]);
    assert_eq!(conflict.ours, onto);
    let merged = git(&scene.attempt.dirs.bare(), &["show", &format!("{}:a", conflict.tree)]);
    assert!(merged.starts_with("<<<<<<< onto\na2\n||||||| "), "{merged}");
    assert!(merged.ends_with("=======\na1\n>>>>>>> task"), "{merged}");
    scene.resolve(&[("a", Some("a12\n")), ("b", Some("b12\n"))]);
    let report = scene.push();
    assert_eq!(report.reason, Some(Reason::Pushed));
    assert_eq!(scene.subjects("main..claude/login"), ["Mine"]);
    assert_eq!(["a", "b", "c"].map(|path| scene.pushed(path)), ["a12", "b12", "c1"]);
}

#[test]
fn a_rename_against_an_edit_is_merged_by_git() {
    let scene = Scene::new(&[("old", Some(BASE))]);
    scene.clone();
    scene.agent_commit("Rename", &[("old", None), ("new", Some(BASE))]);
    scene.people_push("Edit", &[("old", Some(&lines(&[(3, "three")])))]);
    scene.land();
    assert_eq!(scene.pushed("new"), lines(&[(3, "three")]).trim_end());
    assert_eq!(scene.ask(&["ls-tree", "--name-only", "claude/login"]), "new");
}

#[test]
fn a_rename_with_an_edit_against_an_edit_of_the_same_line_is_for_claude() {
    let scene = Scene::new(&[("old", Some(BASE))]);
    scene.clone();
    scene.agent_commit("Rename", &[("old", None), ("new", Some(&lines(&[(3, "mine")])))]);
    scene.people_push("Edit", &[("old", Some(&lines(&[(3, "theirs")])))]);
    scene.hand_back();
    assert_eq!(scene.rebase().conflict_files, ["new"]);
    scene.resolve(&[("new", Some(&lines(&[(3, "both")])))]);
    scene.push();
    assert_eq!(scene.pushed("new"), lines(&[(3, "both")]).trim_end());
    assert_eq!(scene.ask(&["ls-tree", "--name-only", "claude/login"]), "new");
}

#[test]
fn a_delete_against_an_edit_can_be_resolved_both_ways() {
    for (resolution, kept) in [(Some("edited\n"), true), (None, false)] {
        let scene = Scene::new(&[("a", Some("a\n")), ("b", Some("b\n"))]);
        scene.clone();
        scene.agent_commit("Delete", &[("a", None), ("b", Some("b1\n"))]);
        scene.people_push("Edit", &[("a", Some("edited\n"))]);
        scene.hand_back();
        assert_eq!(scene.rebase().conflict_files, ["a"]);
        assert!(scene.conflict().files[0].notes[0].contains("modify/delete"));
        scene.resolve(&[("a", resolution)]);
        scene.push();
        let names = scene.ask(&["ls-tree", "--name-only", "claude/login"]);
        assert_eq!(names.contains('a'), kept, "{names}");
    }
}

#[test]
fn a_change_that_is_already_upstream_leaves_nothing_to_push() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("new\n"))]);
    scene.people_push("The same", &[("a", Some("new\n"))]);
    scene.hand_back();
    let report = scene.rebase();
    assert_eq!((report.outcome, report.reason), (Outcome::Succeeded, Some(Reason::NothingToPush)));
    let report = scene.push();
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::NothingToPush)));
    assert_eq!((scene.tip("refs/heads/claude/login"), scene.tip(CHECKPOINT)), (None, None));
}

#[test]
fn an_agent_that_did_nothing_leaves_nothing_to_push() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    scene.result(Outcome::Succeeded, None);
    assert_eq!(scene.rebase().reason, Some(Reason::NothingToPush));
    assert_eq!(scene.push().reason, Some(Reason::NothingToPush));
}

#[test]
fn a_commit_that_became_empty_is_dropped() {
    let scene = Scene::new(&[("a", Some("a\n")), ("b", Some("b\n"))]);
    scene.clone();
    scene.agent_commit("Upstream too", &[("a", Some("new\n"))]);
    scene.agent_commit("Empty from the start", &[]);
    scene.agent_commit("Mine", &[("b", Some("new\n"))]);
    scene.people_push("The same", &[("a", Some("new\n"))]);
    scene.land();
    assert_eq!(scene.subjects("main..claude/login"), ["Mine"]);
}

#[test]
fn a_conflict_fails_the_task_that_wants_it_so() {
    let scene = Scene::with(&[("a", Some("a\n"))], |task| task.rebase.conflicts = Conflicts::Fail);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("1\n"))]);
    scene.people_push("Theirs", &[("a", Some("2\n"))]);
    scene.hand_back();
    let ended = perform::rebase(&scene.attempt);
    assert_eq!(ended.report.as_ref().unwrap().conflict_files, ["a"]);
    assert_eq!(failure(ended).0, Reason::ConflictsUnresolved);
}

/// Claude has `l` on the task's branch, and `r` on the branch `side`, which is checked out.
fn two_lines(scene: &Scene) -> PathBuf {
    let agent = scene.agent();
    scene.agent_commit("Left", &[("l", Some("l\n"))]);
    git(&agent, &["checkout", "-q", "-b", "side", &scene.start()]);
    scene.agent_commit("Right", &[("r", Some("r\n"))]);
    agent
}

#[test]
fn a_range_with_a_merge_is_one_change() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    let agent = two_lines(&scene);
    git(&agent, &["checkout", "-q", "claude/login"]);
    git(&agent, &["merge", "-q", "--no-commit", "side"]);
    // What only the merge commit has would be lost by a plain rebase.
    scene.agent_commit("Merge side", &[("m", Some("m\n"))]);
    scene.people_push("Elsewhere", &[("z", Some("z\n"))]);
    scene.land();
    assert_eq!(scene.subjects("main..claude/login").len(), 1);
    assert_eq!(["l", "m", "r", "z"].map(|path| scene.pushed(path)), ["l", "m", "r", "z"]);
}

#[test]
fn a_merge_whose_change_is_upstream_leaves_nothing_to_push() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    let agent = two_lines(&scene);
    git(&agent, &["merge", "-q", "--no-edit", "claude/login"]);
    scene.people_push("The same", &[("l", Some("l\n")), ("r", Some("r\n"))]);
    scene.hand_back();
    assert_eq!(scene.rebase().reason, Some(Reason::NothingToPush));
}

#[test]
fn a_reset_below_the_start_is_one_change() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.people_push("To be taken back", &[("b", Some("b\n"))]);
    scene.clone();
    git(&scene.agent(), &["reset", "-q", "--hard", "HEAD~1"]);
    scene.agent_commit("Another way", &[("c", Some("c\n"))]);
    scene.people_push("Elsewhere", &[("z", Some("z\n"))]);
    scene.land();
    assert_eq!(scene.subjects("main..claude/login").len(), 1);
    assert_eq!(scene.ask(&["ls-tree", "--name-only", "claude/login"]), "a\nc\nz");
}

#[test]
fn a_squash_is_one_commit_that_lists_the_originals() {
    let scene = Scene::with(&[("a", Some(BASE))], |task| task.rebase.commits = Commits::Squash);
    scene.clone();
    scene.agent_commit("One", &[("a", Some(&lines(&[(1, "one")])))]);
    scene.agent_commit("Two", &[("b", Some("b\n"))]);
    scene.land();
    let message = scene.ask(&["log", "--format=%an: %B", "main..claude/login"]);
    assert!(
        message.starts_with("Claude: Change of ClaudeTask demo/login (2 commits as one)\n\n* ")
    );
    assert!(message.contains(" One\n* ") && message.contains(" Two\n\nClaudeTask: "), "{message}");
    assert_eq!(scene.pushed("b"), "b");
}

#[test]
fn an_onto_branch_that_was_deleted_is_named_and_the_work_kept() {
    let scene = Scene::with(&[("a", Some("a\n"))], |task| {
        task.rebase.onto = Some("release".to_owned());
    });
    git(&scene.people(), &["push", "-q", "origin", "HEAD:refs/heads/release"]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.hand_back();
    scene.ask(&["update-ref", "-d", "refs/heads/release"]);
    let (reason, message) = failure(perform::rebase(&scene.attempt));
    assert_eq!(reason, Reason::RefNotFound);
    assert!(message.contains("release") && message.contains(CHECKPOINT), "{message}");
    assert!(scene.tip(CHECKPOINT).is_some());
}

#[test]
fn marks_that_the_agent_faked_are_taken_out() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    scene.agent_commit("Fake\n\nClaudeTask: another\nclaudetask: x", &[("a", Some("b\n"))]);
    scene.land();
    let message = scene.ask(&["log", "-1", "--format=%B", "claude/login"]);
    assert_eq!(message.trim_end(), format!("Fake\n\nClaudeTask: {UID}"));
}

#[test]
fn attributes_of_the_repository_choose_no_merge_driver() {
    let attributes = "a merge=union\n*.bin -merge\n";
    let scene = Scene::new(&[("a", Some("a\n")), (".gitattributes", Some(attributes))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("1\n"))]);
    scene.people_push("Theirs", &[("a", Some("2\n"))]);
    scene.hand_back();
    assert_eq!(scene.rebase().conflict_files, ["a"]);
}
