//! A Pod that wakes up when its successor is at work, or done, destroys nothing and pushes nothing.
//!
//! Not here: what the successor takes over (`attempts`).

use std::fs;

use crd::{Outcome, Reason};
use runner::attempt::Attempt;
use runner::handoff::Extent;
use runner::perform;
use runner::save::Saver;

use crate::attempts::{FILES, landed, next_attempt};
use crate::scene::{CHECKPOINT, Scene, failure, write_bundle};

/// What the checkpoint says of itself, and the subject of its work.
fn stored(scene: &Scene) -> (String, String) {
    let value = |key: &str| {
        let format = format!("--format=%(trailers:key=ClaudeTask-{key},valueonly)");
        scene.ask(&["log", "-1", &format, CHECKPOINT]).trim().to_owned()
    };
    let standing = format!("{} of {}", value("State"), value("Attempt"));
    (standing, scene.ask(&["log", "-1", "--format=%s", &format!("{CHECKPOINT}^")]))
}

fn holds(standing: &str, subject: &str) -> (String, String) {
    (standing.to_owned(), subject.to_owned())
}

/// The first attempt's Pod sleeps after Run; the second attempt has saved partial work of its own.
fn overtaken() -> (Attempt, Scene) {
    let mut scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Slow", &[("a", Some("slow\n"))]);
    scene.hand_back();
    let slow = scene.attempt.clone();
    next_attempt(&mut scene);
    scene.clone();
    scene.agent_commit("Newer", &[("a", Some("newer\n"))]);
    scene.bundle(1, Extent::Partial);
    Saver::open(&scene.attempt).unwrap().look();
    assert_eq!(stored(&scene), holds("partial of 2", "Newer"));
    (slow, scene)
}

#[test]
fn a_pod_that_wakes_up_late_does_not_replace_the_work_of_its_successor() {
    let (slow, scene) = overtaken();
    let ended = perform::rebase(&slow);
    let report = ended.report.unwrap();
    assert!(report.message.contains("newer work"), "{report:?}");
    assert_eq!(stored(&scene), holds("partial of 2", "Newer"));
}

#[test]
fn a_pod_that_wakes_up_late_with_nothing_to_push_leaves_the_work_of_its_successor() {
    let (slow, scene) = overtaken();
    fs::remove_file(slow.dirs.handoff.join("1.bundle")).unwrap();
    let result = r#"{"outcome":"Succeeded"}"#;
    fs::write(slow.dirs.handoff.join("result.json"), result).unwrap();
    let report = perform::rebase(&slow).report.unwrap();
    assert_eq!(report.reason, Some(Reason::NothingToPush));
    assert_eq!(stored(&scene), holds("partial of 2", "Newer"));
}

#[test]
fn a_pod_that_wakes_up_after_its_successor_finished_pushes_nothing() {
    for branch in ["main", "claude/login"] {
        let mut scene = Scene::with(FILES, |task| branch.clone_into(&mut task.branch));
        landed(&scene);
        let slow = scene.attempt.clone();
        next_attempt(&mut scene);
        scene.ask(&["update-ref", "-d", CHECKPOINT]);
        scene.clone();
        scene.agent_commit("Newer", &[("a", Some("newer\n"))]);
        scene.land();
        let before = scene.ask(&["for-each-ref"]);
        let ended = perform::push(&slow);
        let report = ended.report.unwrap();
        assert_eq!((ended.exit, report.reason), (0, Some(Reason::AlreadyPushed)));
        assert_eq!(scene.ask(&["for-each-ref"]), before);
    }
}

#[test]
fn a_late_save_of_the_attempt_before_neither_harms_nor_hinders() {
    let mut scene = Scene::new(FILES);
    scene.clone();
    let mut old = Saver::open(&scene.attempt).unwrap();
    scene.agent_commit("Slow", &[("a", Some("slow\n"))]);
    scene.bundle(1, Extent::Partial);
    let slow = scene.agent();
    let handoff = scene.attempt.dirs.handoff.clone();
    next_attempt(&mut scene);
    scene.clone();
    let mut new = Saver::open(&scene.attempt).unwrap();
    old.look();
    assert_eq!(stored(&scene), holds("partial of 1", "Slow"));
    scene.agent_commit("Newer", &[("a", Some("newer\n"))]);
    scene.bundle(1, Extent::Partial);
    new.look();
    assert_eq!(stored(&scene), holds("partial of 2", "Newer"));
    // The old one has more, and lets it be.
    Scene::commit(&slow, "Slower", &[("a", Some("slower\n"))]);
    write_bundle(&slow, &handoff, &scene.start(), 2, Extent::Partial);
    old.look();
    assert_eq!(stored(&scene), holds("partial of 2", "Newer"));
}

#[test]
fn finished_work_is_not_replaced_by_partial_work_of_the_same_attempt() {
    let mut scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Half", &[("a", Some("half\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Failed, Some(Reason::Timeout));
    let other = scene.attempt.clone();
    scene.restart();
    landed(&scene);
    assert_eq!(stored(&scene), holds("complete of 1", "Mine"));
    let (reason, message) = failure(perform::rebase(&other));
    assert_eq!(reason, Reason::Timeout);
    assert!(message.contains("newer work"), "{message}");
    assert_eq!(stored(&scene), holds("complete of 1", "Mine"));
}
