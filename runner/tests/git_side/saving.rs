//! The sidecar that saves partial work.
//!
//! Not here: what Rebase stores.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crd::Outcome;
use jiff::Timestamp;
use runner::checkpoint;
use runner::git::Stop;
use runner::guard::volume;
use runner::handoff::Extent;
use runner::save::{self, Saver};

use crate::scene::{CHECKPOINT, Scene};

struct Sidecar {
    terminate: Stop,
    thread: JoinHandle<()>,
}

impl Sidecar {
    fn start(scene: &Scene) -> Self {
        let (attempt, terminate) = (scene.attempt.clone(), Stop::default());
        let told = terminate.clone();
        Self { terminate, thread: std::thread::spawn(move || save::save(&attempt, &told)) }
    }

    fn terminate(self) -> Duration {
        let since = Instant::now();
        self.terminate.terminate();
        self.thread.join().unwrap();
        since.elapsed()
    }
}

fn cloned() -> Scene {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    scene
}

/// Subject of the agent's commit on the checkpoint.
fn stored(scene: &Scene) -> Option<String> {
    scene.tip(CHECKPOINT)?;
    Some(scene.ask(&["log", "-1", "--format=%s", &format!("{CHECKPOINT}^")]))
}

/// Waits until the checkpoint holds the agent's commit with this subject.
fn wait_for(scene: &Scene, subject: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while stored(scene).as_deref() != Some(subject) {
        assert!(Instant::now() < deadline, "{subject} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the sidecar has looked up the checkpoint.
fn wait_for_start(scene: &Scene) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !scene.attempt.dirs.saver.join("lease").exists() {
        assert!(Instant::now() < deadline, "the sidecar never started");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_new_partial_bundle_is_pushed() {
    let scene = cloned();
    let sidecar = Sidecar::start(&scene);
    for n in 1..=3 {
        let subject = format!("Step {n}");
        scene.agent_commit(&subject, &[("a", Some(&subject))]);
        scene.bundle(n, Extent::Partial);
        wait_for(&scene, &subject);
    }
    let stored = scene.ask(&["log", "-1", "--format=%s", CHECKPOINT]);
    assert_eq!(stored, "Checkpoint of ClaudeTask demo/login: partial work");
    checkpoint::mark_landed(&scene.attempt.dirs).unwrap();
    sidecar.terminate();
}

/// A clock that never shows the same second twice, so that no two commits are the same.
fn ticking() -> Timestamp {
    static SECONDS: AtomicI64 = AtomicI64::new(1_700_000_000);
    Timestamp::from_second(SECONDS.fetch_add(1, Ordering::SeqCst)).unwrap()
}

#[test]
fn a_bundle_is_pushed_once() {
    let mut scene = cloned();
    scene.attempt.clock = ticking;
    scene.hook("post-receive", "echo push >> pushes");
    let mut saver = Saver::open(&scene.attempt).unwrap();
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.bundle(1, Extent::Partial);
    for _ in 0..3 {
        saver.look();
    }
    assert_eq!(std::fs::read_to_string(scene.remote().join("pushes")).unwrap(), "push\n");
}

#[test]
fn many_large_bundles_do_not_fill_the_savers_volume() {
    let mut scene = cloned();
    scene.attempt.document.settings.scratch_size = 2 << 20;
    let mut saver = Saver::open(&scene.attempt).unwrap();
    let noise = (0..70_000_u64).fold(String::new(), |noise, n| {
        noise + &format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    });
    for n in 1..=6 {
        let (subject, text) = (format!("Step {n}"), format!("{n}{noise}"));
        scene.agent_commit(&subject, &[("a", Some(&text))]);
        scene.bundle(n, Extent::Partial);
        saver.look();
        assert_eq!(stored(&scene), Some(subject));
        let held = volume::measure(&scene.attempt.dirs.saver, u64::MAX);
        assert!(held < 2 << 20, "{held} bytes");
    }
}

#[test]
fn the_last_bundle_of_a_run_is_left_to_rebase() {
    let scene = cloned();
    let mut saver = Saver::open(&scene.attempt).unwrap();
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.bundle(1, Extent::Final);
    saver.look();
    assert_eq!(stored(&scene), None);
    saver.finish();
    assert_eq!(stored(&scene).as_deref(), Some("Work"));
}

#[test]
fn at_the_end_it_waits_for_the_last_bundle() {
    let scene = cloned();
    let mut saver = Saver::open(&scene.attempt).unwrap();
    scene.agent_commit("First", &[("a", Some("1"))]);
    scene.bundle(1, Extent::Partial);
    scene.agent_commit("Last", &[("a", Some("2"))]);
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(()).unwrap();
        saver.finish();
    });
    told.recv().unwrap();
    scene.bundle(2, Extent::Final);
    thread.join().unwrap();
    assert_eq!(stored(&scene).as_deref(), Some("Last"));
}

#[test]
fn at_the_end_it_does_not_wait_for_a_run_that_is_over() {
    for work in [false, true] {
        let scene = cloned();
        let sidecar = Sidecar::start(&scene);
        wait_for_start(&scene);
        if work {
            scene.agent_commit("Work", &[("a", Some("1"))]);
            scene.bundle(1, Extent::Final);
        }
        scene.result(Outcome::Succeeded, None);
        assert!(sidecar.terminate() < Duration::from_secs(20));
        assert_eq!(scene.tip(CHECKPOINT).is_some(), work);
    }
}

#[test]
fn at_the_end_of_its_patience_it_pushes_what_there_is() {
    let mut scene = cloned();
    scene.attempt.document.settings.grace_period = 16;
    scene.agent_commit("Half", &[("a", Some("1"))]);
    scene.bundle(1, Extent::Partial);
    scene.hook("pre-receive", "test -e let-through");
    let sidecar = Sidecar::start(&scene);
    wait_for_start(&scene);
    std::fs::write(scene.remote().join("let-through"), "").unwrap();
    sidecar.terminate();
    wait_for(&scene, "Half");
}

#[test]
fn what_rebase_stored_is_not_overwritten() {
    let scene = cloned();
    let sidecar = Sidecar::start(&scene);
    wait_for_start(&scene);
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.hand_back();
    scene.rebase();
    let stored = scene.tip(CHECKPOINT);
    // Even one that has not seen `saved` loses by its lease.
    std::fs::remove_file(scene.attempt.dirs.repo.join("saved")).unwrap();
    scene.agent_commit("Late", &[("a", Some("2"))]);
    scene.bundle(2, Extent::Final);
    sidecar.terminate();
    assert_eq!(scene.tip(CHECKPOINT), stored);
}

#[test]
fn a_sidecar_that_starts_late_does_not_overwrite_what_rebase_stored() {
    let scene = cloned();
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.hand_back();
    scene.rebase();
    let before = scene.tip(CHECKPOINT);
    let mut saver = Saver::open(&scene.attempt).unwrap();
    saver.finish();
    assert_eq!(scene.tip(CHECKPOINT), before);
}

#[test]
fn a_task_that_needs_no_checkpoint_gets_none() {
    let scene = cloned();
    let mut saver = Saver::open(&scene.attempt).unwrap();
    checkpoint::mark_landed(&scene.attempt.dirs).unwrap();
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.bundle(1, Extent::Partial);
    saver.look();
    saver.finish();
    assert_eq!(stored(&scene), None);
}

#[test]
fn once_the_task_has_landed_nothing_is_pushed_and_nobody_waits() {
    let scene = cloned();
    let sidecar = Sidecar::start(&scene);
    wait_for_start(&scene);
    scene.agent_commit("Work", &[("a", Some("1"))]);
    scene.land();
    assert!(sidecar.terminate() < Duration::from_secs(20));
    assert_eq!(scene.tip(CHECKPOINT), None);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let scene = cloned();
    for n in 1..=2 {
        let sidecar = Sidecar::start(&scene);
        wait_for_start(&scene);
        let subject = format!("Step {n}");
        scene.agent_commit(&subject, &[("a", Some(&subject))]);
        scene.bundle(n, Extent::Final);
        sidecar.terminate();
        wait_for(&scene, &subject);
    }
}
