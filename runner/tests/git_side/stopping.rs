//! A request to stop, and SIGTERM, in every git phase.
//!
//! Not here: Claude's own end (`agent_side`).

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crd::{Outcome, Reason, Report};
use runner::ended::{Ended, INTERRUPTED};
use runner::git::Stop;
use runner::handoff::{self, Extent, Resolution};
use runner::perform;

use crate::scene::{CHECKPOINT, Files, Scene};

const FILES: Files = &[("a", Some("a\n")), ("z", Some("z\n"))];
const BRANCH: &str = "refs/heads/claude/login";

/// A hook that says when the push of a branch has arrived, and takes it only when told to.
const WAIT: &str =
    "grep -q refs/heads/ || exit 0; touch begun; until [ -e go ]; do sleep 0.05; done";
/// Somebody commits to `main` although a push is under way.
const FASTER: &str = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; \
    export GIT_AUTHOR_NAME=P GIT_AUTHOR_EMAIL=p@p GIT_COMMITTER_NAME=P GIT_COMMITTER_EMAIL=p@p; \
    git update-ref refs/heads/main \
    $(git commit-tree -p refs/heads/main -m Faster 'refs/heads/main^{tree}')";

fn cancel(scene: &Scene) {
    scene.attempt.stop.ask(Reason::Cancelled);
}

/// The report of a phase that a request ended.
fn cancelled(ended: Ended) -> Report {
    assert_eq!(ended.exit, 1, "{ended:?}");
    let report = ended.report.unwrap();
    assert_eq!(report.reason, Some(Reason::Cancelled), "{report:?}");
    assert!(report.message.starts_with("The task was cancelled."), "{report:?}");
    report
}

fn is_on_checkpoint(scene: &Scene, report: &Report, state: &str) {
    assert_eq!(report.checkpoint.as_deref(), Some(CHECKPOINT), "{report:?}");
    assert!(report.message.contains(CHECKPOINT), "{report:?}");
    let subject = scene.ask(&["log", "-1", "--format=%s", CHECKPOINT]);
    assert_eq!(subject, format!("Checkpoint of ClaudeTask demo/login: {state} work"));
}

/// Claude's change, handed back as a success.
fn ran() -> Scene {
    let scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.hand_back();
    scene
}

/// A conflict that was resolved and is to be pushed.
fn resolved() -> Scene {
    let scene = ran();
    scene.people_push("Theirs", &[("a", Some("theirs\n"))]);
    scene.rebase();
    scene.resolve(&[("a", Some("both\n"))]);
    scene
}

fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_clone_that_is_cancelled_makes_no_work_tree() {
    let scene = Scene::new(FILES);
    cancel(&scene);
    let report = cancelled(perform::clone(&scene.attempt));
    assert_eq!((report.outcome, report.checkpoint), (Outcome::Failed, None));
    assert!(!scene.agent().exists());
}

#[test]
fn the_work_of_a_cancelled_run_is_saved_first() {
    let scene = Scene::new(FILES);
    scene.clone();
    scene.agent_commit("Half", &[("a", Some("half\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Failed, Some(Reason::Cancelled));
    cancel(&scene);
    let ended = perform::rebase(&scene.attempt);
    let report = ended.report.unwrap();
    assert_eq!((ended.exit, report.outcome), (1, Outcome::Skipped));
    assert_eq!(report.reason, Some(Reason::Cancelled));
    is_on_checkpoint(&scene, &report, "partial");
    assert!(runner::checkpoint::is_safe(&scene.attempt.dirs), "`save` has nothing to do");
}

#[test]
fn a_rebase_that_is_cancelled_saves_the_finished_work_and_lands_nothing() {
    let scene = ran();
    cancel(&scene);
    let report = cancelled(perform::rebase(&scene.attempt));
    assert_eq!(report.outcome, Outcome::Failed);
    is_on_checkpoint(&scene, &report, "complete");
    assert!(!scene.attempt.dirs.plan.join("landing.json").exists());
}

#[test]
fn a_cancelled_resolution_leaves_the_finished_work_on_the_checkpoint() {
    let scene = ran();
    scene.people_push("Theirs", &[("a", Some("theirs\n"))]);
    scene.rebase();
    let resolution = Resolution {
        outcome: Outcome::Failed,
        reason: Some(Reason::Cancelled),
        message: "The task was cancelled. Claude Code was stopped.".to_owned(),
        rounds: 1,
        usage: None,
        files: Vec::new(),
    };
    handoff::publish(&scene.attempt.dirs.handoff, handoff::RESOLUTION, &resolution).unwrap();
    cancel(&scene);
    let report = cancelled(perform::push(&scene.attempt));
    assert_eq!(report.outcome, Outcome::Skipped);
    is_on_checkpoint(&scene, &report, "complete");
    assert_eq!(scene.tip(BRANCH), None);
}

#[test]
fn a_push_that_is_cancelled_in_time_pushes_nothing() {
    let scene = ran();
    scene.rebase();
    cancel(&scene);
    let report = cancelled(perform::push(&scene.attempt));
    is_on_checkpoint(&scene, &report, "complete");
    assert_eq!(scene.tip(BRANCH), None);
}

#[test]
fn a_resolution_that_was_paid_for_outlives_a_cancelled_push() {
    let scene = resolved();
    cancel(&scene);
    let report = cancelled(perform::push(&scene.attempt));
    is_on_checkpoint(&scene, &report, "built");
    assert_eq!(scene.ask(&["show", &format!("{CHECKPOINT}:a")]), "both");
    assert_eq!(scene.tip(BRANCH), None);
}

/// A push during which somebody cancels, or SIGTERM comes: the server takes it in its own time.
fn told_meanwhile(tell: impl Fn(&Stop)) -> (Scene, Ended) {
    let scene = ran();
    scene.rebase();
    let (begun, go) = (scene.remote().join("begun"), scene.remote().join("go"));
    scene.hook("pre-receive", WAIT);
    let attempt = scene.attempt.clone();
    let push = std::thread::spawn(move || perform::push(&attempt));
    wait_for(&begun);
    tell(&scene.attempt.stop);
    fs::write(go, "").unwrap();
    let ended = push.join().unwrap();
    (scene, ended)
}

#[test]
fn a_push_that_has_begun_is_looked_after_and_stays_a_success() {
    for tell in [Stop::terminate as fn(&Stop), |stop| stop.ask(Reason::Cancelled)] {
        let (scene, ended) = told_meanwhile(tell);
        let report = ended.report.unwrap();
        assert_eq!((ended.exit, report.reason), (0, Some(Reason::Pushed)));
        assert_eq!(scene.tip(BRANCH), report.commit);
        assert_eq!(scene.tip(CHECKPOINT), None);
    }
}

#[test]
fn a_lost_race_is_not_run_again_once_somebody_cancels() {
    let scene = Scene::with(FILES, |task| "main".clone_into(&mut task.branch));
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.hand_back();
    scene.rebase();
    let (begun, go) = (scene.remote().join("begun"), scene.remote().join("go"));
    scene.hook("pre-receive", &format!("{WAIT}; {FASTER}"));
    let attempt = scene.attempt.clone();
    let push = std::thread::spawn(move || perform::push(&attempt));
    wait_for(&begun);
    cancel(&scene);
    fs::write(go, "").unwrap();
    let report = cancelled(push.join().unwrap());
    assert_eq!(report.checkpoint.as_deref(), Some(CHECKPOINT));
    assert_eq!(scene.subjects("main"), ["Start", "Faster"]);
}

/// A server that takes connections and never says a word.
fn silent(scene: &mut Scene) -> TcpListener {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    scene.attempt.remote.url = format!("git://{}/shop.git", server.local_addr().unwrap());
    scene.attempt.remote.protocols = "git";
    server
}

fn connection(server: &TcpListener) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(30);
    server.set_nonblocking(true).unwrap();
    loop {
        if let Ok((connection, _)) = server.accept() {
            return connection;
        }
        assert!(Instant::now() < deadline, "nobody came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sigterm_ends_a_phase_that_waits_for_a_silent_server() {
    let mut scene = Scene::new(FILES);
    let server = silent(&mut scene);
    let attempt = scene.attempt.clone();
    let clone = std::thread::spawn(move || perform::clone(&attempt));
    let _connection = connection(&server);
    let since = Instant::now();
    scene.attempt.stop.terminate();
    assert_eq!(clone.join().unwrap(), Ended { report: None, exit: INTERRUPTED });
    assert!(since.elapsed() < Duration::from_secs(20), "it took {:?}", since.elapsed());
}

#[test]
fn sigterm_after_a_cancel_ends_the_saving_too_and_the_cancel_is_the_reason() {
    let mut scene = ran();
    let server = silent(&mut scene);
    cancel(&scene);
    let attempt = scene.attempt.clone();
    let rebase = std::thread::spawn(move || perform::rebase(&attempt));
    let _connection = connection(&server);
    scene.attempt.stop.terminate();
    let report = cancelled(rebase.join().unwrap());
    assert_eq!(report.checkpoint, None);
    assert!(!runner::checkpoint::is_safe(&scene.attempt.dirs), "`save` still has it to push");
}
