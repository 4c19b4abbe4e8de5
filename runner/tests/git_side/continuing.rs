//! Work that begins where an earlier task, or an earlier attempt, left it.
//!
//! Not here: what Claude is told of it.

use std::fs;

use crd::{Outcome, Reason, Report};
use runner::checkpoint::State;
use runner::handoff::Extent;
use runner::perform;
use runner::plan::Start;

use crate::scene::{CHECKPOINT, Files, Scene, failure, git};

const FILES: Files = &[("a", Some("a\n")), ("b", Some("b\n"))];
const OTHER: &str = "9d1e0000-aaaa-4bbb-8ccc-ddddeeeeffff";

/// A task that stopped for this reason after one commit, its work on the checkpoint.
fn stopped(reason: Reason) -> Scene {
    let scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Early", &[("early", Some("1\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Failed, Some(reason));
    assert_eq!(failure(perform::rebase(&scene.attempt)).0, reason);
    scene
}

/// A task whose finished commit the branch did not take.
fn refused() -> Scene {
    let scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Early", &[("early", Some("1\n"))]);
    scene.people_push("Between", &[("between", Some("1\n"))]);
    scene.hand_back();
    scene.rebase();
    scene.hook("pre-receive", "grep -q refs/heads/ && { echo protected >&2; exit 1; }; exit 0");
    assert_eq!(failure(perform::push(&scene.attempt)).0, Reason::PushRejected);
    fs::remove_file(scene.remote().join("hooks/pre-receive")).unwrap();
    scene
}

/// Another task goes on from the checkpoint.
fn another(scene: &mut Scene) {
    scene.restart();
    let task = &mut scene.attempt.document;
    OTHER.clone_into(&mut task.uid);
    task.checkpoint_ref = format!("refs/claudetask/{OTHER}");
    "claude/more".clone_into(&mut task.branch);
    task.repository.reference = Some(CHECKPOINT.to_owned());
    task.rebase.onto = Some("main".to_owned());
}

/// Asserts that these commits, oldest first, are on the branch with the task's own mark alone.
fn expect_pushed(scene: &Scene, report: &Report, subjects: &[&str]) {
    assert_eq!(report.reason, Some(Reason::Pushed), "{report:?}");
    let range = format!("main..{}", scene.attempt.document.branch);
    assert_eq!(scene.subjects(&range), subjects);
    let marks = scene.ask(&["log", "--format=%(trailers:key=ClaudeTask,valueonly)", &range]);
    let marks: Vec<&str> = marks.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(marks, vec![scene.attempt.document.uid.as_str(); subjects.len()]);
}

#[test]
fn another_task_goes_on_from_partial_work_and_lands_both() {
    let mut scene = stopped(Reason::BudgetExceeded);
    let start = scene.start();
    another(&mut scene);
    scene.people_push("Meanwhile", &[("b", Some("theirs\n"))]);
    let report = scene.clone();
    assert_eq!(report.start_commit.as_deref(), Some(start.as_str()));
    assert!(report.message.starts_with("Goes on from the partial work of task "), "{report:?}");
    let agent = scene.agent();
    assert_eq!(git(&agent, &["log", "-1", "--format=%s"]), "Early", "no checkpoint commit");
    assert_eq!(git(&agent, &["status", "--porcelain", "--branch"]), "## claude/more");
    scene.agent_commit("Late", &[("late", Some("2\n"))]);
    let report = scene.land();
    expect_pushed(&scene, &report, &["Early", "Late"]);
    assert_eq!((scene.pushed("early"), scene.pushed("b")), ("1".into(), "theirs".into()));
    assert!(scene.tip(CHECKPOINT).is_some(), "the other task's checkpoint is its own");
    assert_eq!(scene.tip(&scene.attempt.document.checkpoint_ref), None);
}

#[test]
fn earlier_work_lands_even_if_nothing_is_added() {
    let mut scene = stopped(Reason::Timeout);
    another(&mut scene);
    scene.clone();
    let report = scene.land();
    expect_pushed(&scene, &report, &["Early"]);
}

#[test]
fn a_finished_commit_that_the_branch_did_not_take_lands_again() {
    let mut scene = refused();
    another(&mut scene);
    scene.people_push("Meanwhile", &[("b", Some("theirs\n"))]);
    scene.clone();
    assert_eq!(Start::read(&scene.attempt.dirs).unwrap().taken.unwrap().state, State::Built);
    assert!(scene.agent().join("between").exists(), "it lies on a newer onto");
    let report = scene.land();
    expect_pushed(&scene, &report, &["Early"]);
    assert_eq!((scene.pushed("between"), scene.pushed("b")), ("1".into(), "theirs".into()));
}

#[test]
fn a_checkpoint_does_not_say_where_its_work_belongs() {
    for (prefix, reference) in [
        ("refs/claudetask/", CHECKPOINT),
        ("refs/heads/wip/", "refs/heads/wip/7c0de000"),
        ("refs/heads/wip/", "wip/7c0de000"),
    ] {
        let mut scene = Scene::new(FILES);
        another(&mut scene);
        scene.attempt.document.checkpoint_ref = format!("{prefix}{OTHER}");
        scene.attempt.document.repository.reference = Some(reference.to_owned());
        scene.attempt.document.rebase.onto = None;
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::RefNotFound);
        assert!(message.contains(reference) && message.contains("spec.rebase.onto"), "{message}");
        assert!(!scene.attempt.dirs.bare().exists(), "nothing was fetched");
    }
}

#[test]
fn checkpoints_that_are_branches_are_taken_by_their_short_names() {
    let mut scene =
        Scene::with(FILES, |task| task.checkpoint_ref = format!("refs/heads/wip/{}", task.uid));
    scene.clone();
    scene.agent_commit("Early", &[("early", Some("1\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Failed, Some(Reason::Timeout));
    failure(perform::rebase(&scene.attempt));
    let name = scene.attempt.document.checkpoint_ref.clone();
    another(&mut scene);
    scene.attempt.document.checkpoint_ref = format!("refs/heads/wip/{OTHER}");
    scene.attempt.document.repository.reference = Some(name.replace("refs/heads/", ""));
    scene.clone();
    let report = scene.land();
    expect_pushed(&scene, &report, &["Early"]);
    scene.restart();
    scene.attempt.document.branch = name.replace("refs/heads/", "");
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::BranchExists);
    assert!(message.contains("the checkpoint"), "{message}");
}

#[test]
fn what_is_no_checkpoint_is_refused_with_the_reason_why() {
    let absent = "1".repeat(40);
    let trailers = |start: &str| {
        format!("C\n\nClaudeTask-State: partial\nClaudeTask-Start: {start}\nClaudeTask-UID: u\n")
    };
    for (message, parent, part) in [
        ("Fix the form\n".to_owned(), "HEAD", "does not say how far"),
        (trailers(&absent), "HEAD", "is not in the repository"),
        (trailers("HEAD"), "HEAD", "which commit"),
        (trailers("START"), "HEAD~1", "its files are not those"),
    ] {
        let mut scene = Scene::new(FILES);
        scene.people_push("More", &[("a", Some("more\n"))]);
        let people = scene.people();
        let message = message.replace("START", &git(&people, &["rev-parse", "HEAD~1"]));
        let forged = git(&people, &["commit-tree", "-p", parent, "-m", &message, "HEAD^{tree}"]);
        git(&people, &["push", "-q", "origin", &format!("{forged}:{CHECKPOINT}")]);
        another(&mut scene);
        let (reason, said) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::RefNotFound, "{said}");
        assert!(said.contains(CHECKPOINT) && said.contains(part), "{said}");
        // A task's own checkpoint is passed over: it is written anew.
        scene.restart();
        let task = &mut scene.attempt.document;
        (task.checkpoint_ref, task.repository.reference) = (CHECKPOINT.to_owned(), None);
        scene.clone();
        assert_eq!(Start::read(&scene.attempt.dirs).unwrap().taken, None);
        scene.agent_commit("Mine", &[("mine", Some("1\n"))]);
        scene.land();
        assert_eq!(scene.tip(CHECKPOINT), None);
    }
}

#[test]
fn a_checkpoint_that_is_gone_is_named() {
    let mut scene = Scene::new(FILES);
    another(&mut scene);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::RefNotFound);
    assert!(message.contains(CHECKPOINT), "{message}");
}

#[test]
fn work_that_leads_nowhere_near_its_start_brings_it_along() {
    let mut scene = Scene::new(FILES);
    scene.clone();
    let agent = scene.agent();
    git(&agent, &["checkout", "-q", "--orphan", "fresh"]);
    scene.agent_commit("Early", &[("early", Some("1\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Failed, Some(Reason::Timeout));
    failure(perform::rebase(&scene.attempt));
    let start = scene.start();
    // Nobody else leads to the start commit any more.
    git(&scene.people(), &["commit", "-q", "--amend", "-m", "Start anew"]);
    git(&scene.people(), &["push", "-q", "-f", "origin", "main"]);
    another(&mut scene);
    assert_eq!(scene.clone().start_commit, Some(start));
    let report = scene.land();
    assert_eq!(report.reason, Some(Reason::Pushed));
    assert_eq!((scene.pushed("early"), scene.pushed("a")), ("1".into(), "a".into()));
}

#[test]
fn a_second_attempt_goes_on_from_its_own_partial_work() {
    let mut scene = stopped(Reason::RateLimited);
    let start = scene.start();
    scene.restart();
    scene.people_push("Meanwhile", &[("b", Some("theirs\n"))]);
    let report = scene.clone();
    assert_eq!(report.start_commit, Some(start), "not the newest state of the branch");
    assert_eq!(report.message, "Goes on from the partial work of an earlier attempt.");
    assert!(!Start::read(&scene.attempt.dirs).unwrap().is_finished(&scene.attempt.document));
    scene.agent_commit("Late", &[("late", Some("2\n"))]);
    let report = scene.land();
    expect_pushed(&scene, &report, &["Early", "Late"]);
    assert_eq!(scene.tip(CHECKPOINT), None);
}

#[test]
fn a_second_attempt_lands_finished_work_without_a_run() {
    let complete = Scene::new(FILES);
    complete.clone();
    complete.agent_commit("Early", &[("early", Some("1\n"))]);
    complete.hand_back();
    complete.rebase();
    for mut scene in [complete, refused()] {
        scene.restart();
        scene.people_push("Meanwhile", &[("b", Some("theirs\n"))]);
        scene.clone();
        let start = Start::read(&scene.attempt.dirs).unwrap();
        assert!(start.is_finished(&scene.attempt.document));
        assert!(runner::checkpoint::is_safe(&scene.attempt.dirs), "`save` waits for nothing");
        // Run hands nothing back: it was skipped.
        let report = scene.rebase();
        assert_eq!(report.checkpoint.as_deref(), Some(CHECKPOINT));
        let report = scene.push();
        expect_pushed(&scene, &report, &["Early"]);
        assert_eq!(scene.tip(CHECKPOINT), None);
    }
}
