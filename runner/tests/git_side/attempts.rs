//! Later attempts: where they begin, and what the one before leaves them.
//!
//! Not here: work of another task (`continuing`), and Pods that wake up too late (`late`).

use std::fs;

use crd::{Reason, Report};
use runner::attempt::Attempt;
use runner::checkpoint::State;
use runner::perform;
use runner::plan::Start;

use crate::scene::{CHECKPOINT, Files, Scene, failure, git};

pub const FILES: Files = &[("a", Some("a\n")), ("z", Some("z\n"))];

/// A new Pod for the next attempt, with what the status knows of the first one.
pub fn next_attempt(scene: &mut Scene) {
    let start = scene.start();
    scene.restart();
    let document = &mut scene.attempt.document;
    document.attempt += 1;
    document.start_commit.get_or_insert(start);
}

fn direct(verify: &[&str]) -> Scene {
    Scene::with(FILES, |task| {
        "main".clone_into(&mut task.branch);
        task.verify = verify.iter().map(|&command| command.to_owned()).collect();
    })
}

/// A Run that changed `a`, landed.
pub fn landed(scene: &Scene) {
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.hand_back();
    scene.rebase();
}

/// The report of a push that failed.
fn refusal(attempt: &Attempt) -> Report {
    let ended = perform::push(attempt);
    assert_eq!(ended.exit, 1, "{ended:?}");
    ended.report.unwrap()
}

#[test]
fn a_later_attempt_without_saved_work_starts_where_the_first_one_did() {
    let mut scene = Scene::new(FILES);
    let first = scene.clone().start_commit;
    next_attempt(&mut scene);
    scene.people_push("Meanwhile", &[("z", Some("Z\n"))]);
    assert_eq!(scene.clone().start_commit, first);
    assert_eq!(Some(git(&scene.agent(), &["rev-parse", "HEAD"])), first);
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.land();
    assert_eq!(scene.pushed("z"), "Z");
}

#[test]
fn a_start_commit_that_is_gone_is_named() {
    let mut scene = Scene::new(FILES);
    let gone = "1".repeat(40);
    scene.attempt.document.attempt = 2;
    scene.attempt.document.start_commit = Some(gone.clone());
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::RefNotFound);
    assert!(message.contains(&gone) && message.contains("first attempt"), "{message}");
}

#[test]
fn a_new_conflict_at_push_is_for_the_next_attempt_which_needs_no_run() {
    let mut scene = direct(&[]);
    landed(&scene);
    scene.people_push("Faster", &[("a", Some("theirs\n"))]);
    let report = refusal(&scene.attempt);
    assert_eq!((report.reason, report.again), (Some(Reason::PushRejected), true));
    assert_eq!(report.checkpoint.as_deref(), Some(CHECKPOINT));
    let first = scene.start();
    next_attempt(&mut scene);
    assert_eq!(scene.clone().start_commit, Some(first), "the task's start stays what it was");
    assert!(Start::read(&scene.attempt.dirs).unwrap().is_finished(&scene.attempt.document));
    scene.rebase();
    scene.resolve(&[("a", Some("both\n"))]);
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    assert_eq!(scene.subjects("main"), ["Start", "Faster", "Mine"]);
    assert_eq!((scene.ask(&["show", "main:a"]).as_str(), scene.tip(CHECKPOINT)), ("both", None));
}

#[test]
fn a_lost_race_of_a_verified_tree_is_for_the_next_attempt() {
    let mut scene = direct(&["true"]);
    landed(&scene);
    scene.people_push("Faster", &[("z", Some("Z\n"))]);
    let report = refusal(&scene.attempt);
    assert!(report.again, "{report:?}");
    next_attempt(&mut scene);
    scene.clone();
    scene.rebase();
    let early = refusal(&scene.attempt);
    assert!(!early.again, "it is not pushed before it is checked: {early:?}");
    scene.resolve(&[]);
    scene.push();
    assert_eq!(scene.subjects("main"), ["Start", "Faster", "Mine"]);
}

#[test]
fn what_a_new_attempt_would_meet_again_is_final() {
    let scene = Scene::new(FILES);
    landed(&scene);
    git(&scene.people(), &["push", "-q", "origin", "main:claude/login"]);
    let report = refusal(&scene.attempt);
    assert_eq!((report.reason, report.again), (Some(Reason::BranchExists), false));
    let scene = direct(&[]);
    landed(&scene);
    scene.hook("pre-receive", "grep -q refs/heads/ && exit 1; exit 0");
    let report = refusal(&scene.attempt);
    assert_eq!((report.reason, report.again), (Some(Reason::PushRejected), false));
}

#[test]
fn without_saved_work_there_is_no_new_attempt_that_pays_for_it_again() {
    let scene = direct(&[]);
    scene.hook("pre-receive", "grep -q refs/claudetask/ && exit 1; exit 0");
    landed(&scene);
    scene.people_push("Faster", &[("a", Some("theirs\n"))]);
    let report = refusal(&scene.attempt);
    assert_eq!((report.checkpoint.as_deref(), report.again), (None, false));
}

#[test]
fn an_answer_that_never_came_is_asked_for_by_the_next_attempt() {
    let mut scene = direct(&[]);
    landed(&scene);
    // The server takes the push and is gone.
    let away = format!("{}.away", scene.remote().display());
    scene.hook("post-receive", &format!("mv '{}' '{away}'", scene.remote().display()));
    let report = refusal(&scene.attempt);
    assert!(report.message.contains("Whether the push arrived is unknown"), "{report:?}");
    assert!(report.again && report.checkpoint.is_some(), "{report:?}");
    fs::rename(away, scene.remote()).unwrap();
    fs::remove_file(scene.remote().join("hooks/post-receive")).unwrap();
    next_attempt(&mut scene);
    assert_eq!(scene.clone().reason, Some(Reason::AlreadyPushed));
    assert_eq!(scene.tip(CHECKPOINT), None, "nothing is left over");
}

/// `feature` has a commit of its own and is rebased as a whole; it moved before the push.
fn whole_branch(theirs: Files) -> Scene {
    let mut scene = Scene::with(FILES, |task| {
        task.repository.reference = Some("feature".to_owned());
        task.rebase.onto = Some("main".to_owned());
        "feature".clone_into(&mut task.branch);
    });
    on_feature(&scene, "First", &[("f", Some("f\n"))]);
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    landed(&scene);
    on_feature(&scene, "Second", theirs);
    let report = refusal(&scene.attempt);
    assert_eq!((report.reason, report.again), (Some(Reason::PushRejected), true), "{report:?}");
    next_attempt(&mut scene);
    scene
}

fn on_feature(scene: &Scene, message: &str, files: Files) {
    let people = scene.people();
    let start = scene.tip("refs/heads/feature").unwrap_or_else(|| "main".to_owned());
    git(&people, &["checkout", "-q", "-B", "feature", &start]);
    Scene::commit(&people, message, files);
    git(&people, &["push", "-q", "origin", "feature"]);
    git(&people, &["checkout", "-q", "main"]);
}

#[test]
fn the_next_attempt_rebases_a_branch_that_moved_from_its_new_tip() {
    let mut scene = whole_branch(&[("f", Some("f2\n"))]);
    scene.clone();
    scene.rebase();
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    let subjects = ["Start", "Elsewhere", "First", "Second", "Mine"];
    assert_eq!(scene.subjects("feature"), subjects);
    assert_eq!((scene.pushed("a"), scene.pushed("f")), ("mine".into(), "f2".into()));
    scene.restart();
    scene.attempt.document.attempt = 3;
    assert_eq!(scene.clone().reason, Some(Reason::AlreadyPushed));
}

#[test]
fn commits_on_a_moved_branch_that_conflict_with_the_saved_work_are_told_before_a_turn_is_paid() {
    let scene = whole_branch(&[("a", Some("theirs\n"))]);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::ConflictsUnresolved);
    assert!(message.contains("feature") && message.contains(CHECKPOINT), "{message}");
}

#[test]
fn a_finished_commit_is_told_from_the_work_below_it() {
    let mut scene = direct(&[]);
    landed(&scene);
    scene.people_push("Faster", &[("a", Some("theirs\n"))]);
    refusal(&scene.attempt);
    next_attempt(&mut scene);
    scene.clone();
    let taken = Start::read(&scene.attempt.dirs).unwrap().taken.unwrap();
    assert_eq!(taken.state, State::Built);
}
