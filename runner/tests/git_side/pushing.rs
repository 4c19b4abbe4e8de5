//! How a finished commit gets onto its branch, whatever the server and other people do.
//!
//! Not here: what is in the commit.

use std::time::Duration;

use crd::{Outcome, Reason};
use jiff::Timestamp;
use runner::perform;

use crate::scene::{CHECKPOINT, Scene, UID, failure, git};

const BRANCH: &str = "refs/heads/claude/login";

/// Lets a hook change the repository although a push is under way.
const FREE: &str = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; \
    export GIT_AUTHOR_NAME=P GIT_AUTHOR_EMAIL=p@p GIT_COMMITTER_NAME=P GIT_COMMITTER_EMAIL=p@p; ";

/// Landed and ready to be pushed.
fn landed(direct: bool, verify: bool) -> Scene {
    let scene = Scene::with(&[("a", Some("a\n")), ("z", Some("z\n"))], |task| {
        if direct {
            task.branch.replace_range(.., "main");
        }
        if verify {
            task.verify = vec!["true".to_owned()];
        }
    });
    scene.clone();
    scene.agent_commit("One", &[("a", Some("b\n"))]);
    scene.agent_commit("Two", &[("b", Some("b\n"))]);
    scene.hand_back();
    scene.rebase();
    scene
}

fn stored(scene: &Scene) -> (String, String) {
    let subject = scene.ask(&["log", "-1", "--format=%s", CHECKPOINT]);
    (subject, scene.ask(&["log", "-1", "--format=%B", &format!("{CHECKPOINT}^")]))
}

#[test]
fn a_direct_landing_is_a_fast_forward() {
    let scene = landed(true, false);
    let report = scene.push();
    assert_eq!((report.branch.as_deref(), report.races), (Some("main"), Some(0)));
    assert_eq!(scene.subjects("main"), ["Start", "One", "Two"]);
    assert_eq!(scene.tip(CHECKPOINT), None);
}

#[test]
fn a_lost_push_race_rebases_again() {
    let scene = landed(true, false);
    let moved = scene.people_push("Faster", &[("z", Some("Z\n"))]);
    let report = scene.push();
    assert_eq!((report.races, report.onto_commit), (Some(1), Some(moved)));
    assert_eq!(scene.subjects("main"), ["Start", "Faster", "One", "Two"]);
    assert_eq!(report.diff.unwrap().files, 2);
}

#[test]
fn a_resolution_survives_a_lost_race() {
    let scene = Scene::with(&[("a", Some("a\n"))], |task| task.branch = "main".to_owned());
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("1\n"))]);
    scene.people_push("Theirs", &[("a", Some("2\n"))]);
    scene.hand_back();
    scene.rebase();
    scene.resolve(&[("a", Some("12\n"))]);
    scene.people_push("Faster", &[("z", Some("Z\n"))]);
    assert_eq!(scene.push().races, Some(1));
    assert_eq!(scene.subjects("main"), ["Start", "Theirs", "Faster", "Mine"]);
    assert_eq!(scene.ask(&["show", "main:a"]), "12");
}

#[test]
fn a_branch_that_never_rests_is_given_up_after_five_races() {
    let scene = landed(true, false);
    let moves = "c=$(git commit-tree -p refs/heads/main -m Faster 'refs/heads/main^{tree}') && git update-ref refs/heads/main $c";
    scene.hook("pre-receive", &format!("grep -q refs/heads/main || exit 0; {FREE}{moves}"));
    let ended = perform::push(&scene.attempt);
    assert_eq!(ended.report.as_ref().unwrap().checkpoint.as_deref(), Some(CHECKPOINT));
    let (reason, message) = failure(ended);
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("6 times") && message.contains(CHECKPOINT), "{message}");
    assert_eq!(
        scene.subjects("main"),
        ["Start", "Faster", "Faster", "Faster", "Faster", "Faster", "Faster"]
    );
    assert_eq!(stored(&scene).0, "Checkpoint of ClaudeTask demo/login: built work");
}

#[test]
fn a_branch_that_rests_after_five_races_is_landed_on() {
    let scene = landed(true, false);
    let moves = "c=$(git commit-tree -p refs/heads/main -m Faster 'refs/heads/main^{tree}') && git update-ref refs/heads/main $c";
    let five = "[ \"$(git rev-list --count refs/heads/main)\" -gt 5 ] && exit 0";
    scene.hook("pre-receive", &format!("grep -q refs/heads/main || exit 0; {five}; {FREE}{moves}"));
    assert_eq!(scene.push().races, Some(5));
    assert_eq!(scene.subjects("main").len(), 1 + 5 + 2);
}

#[test]
fn a_branch_that_was_moved_back_is_landed_on_where_it_is() {
    let scene = Scene::with(&[("a", Some("a\n"))], |task| task.branch = "main".to_owned());
    let before = scene.tip("refs/heads/main").unwrap();
    scene.people_push("To be taken back", &[("wrong", Some("wrong\n"))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.hand_back();
    scene.rebase();
    scene.ask(&["update-ref", "refs/heads/main", &before]);
    assert_eq!(scene.push().races, Some(1));
    assert_eq!(scene.subjects("main"), ["Start", "Mine"]);
    assert_eq!(scene.ask(&["ls-tree", "--name-only", "main"]), "a");
}

#[test]
fn a_verified_tree_is_not_rebased_unverified() {
    let scene = landed(true, true);
    let moved = scene.people_push("Faster", &[("z", Some("Z\n"))]);
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("spec.verify"), "{message}");
    assert_eq!(scene.tip("refs/heads/main"), Some(moved));
}

#[test]
fn a_new_conflict_ends_the_attempt_and_keeps_the_commit() {
    let scene = landed(true, false);
    let moved = scene.people_push("Faster", &[("a", Some("other\n"))]);
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("conflict with what came"), "{message}");
    assert_eq!(scene.tip("refs/heads/main"), Some(moved));
    assert!(stored(&scene).1.starts_with("Two"));
}

#[test]
fn a_race_in_which_everything_came_already_leaves_nothing() {
    let scene = landed(true, false);
    scene.people_push("The same", &[("a", Some("b\n")), ("b", Some("b\n"))]);
    let report = scene.push();
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::NothingToPush)));
}

#[test]
fn a_branch_that_appeared_is_somebody_elses() {
    let scene = landed(false, false);
    git(&scene.people(), &["push", "-q", "origin", &format!("HEAD:{BRANCH}")]);
    let theirs = scene.tip(BRANCH);
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::BranchExists, "{message}");
    assert_eq!(scene.tip(BRANCH), theirs);
    assert!(stored(&scene).1.contains(UID));
}

#[test]
fn a_branch_that_was_deleted_is_not_made_again() {
    let scene = landed(true, false);
    scene.ask(&["update-ref", "-d", "refs/heads/main"]);
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("deleted"), "{message}");
    assert_eq!(scene.tip("refs/heads/main"), None);
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let scene = landed(false, false);
    scene.hook(
        "pre-receive",
        "grep -q refs/heads && { echo no >> asked; echo sign your commits >&2; exit 1; }; exit 0",
    );
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("sign your commits"), "{message}");
    assert!(message.contains(&format!("The finished commit is on {CHECKPOINT}")), "{message}");
    assert_eq!(scene.tip(BRANCH), None);
    assert!(scene.tip(CHECKPOINT).is_some());
    let asked = std::fs::read_to_string(scene.remote().join("asked")).unwrap();
    assert_eq!(asked, "no\n", "a refusal is not asked for again");
}

#[test]
fn a_server_that_says_failure_after_the_move_is_not_believed() {
    for direct in [false, true] {
        let scene = landed(direct, false);
        // Ends the server's program after the ref moved and before it says so.
        scene.hook(
            "reference-transaction",
            "[ \"$1\" = committed ] && grep -q refs/heads && kill -9 $PPID; exit 0",
        );
        let report = scene.push();
        assert_eq!((report.outcome, report.reason), (Outcome::Succeeded, Some(Reason::Pushed)));
        assert_eq!(report.races, Some(0));
    }
}

#[test]
fn a_server_that_says_success_without_a_move_is_not_believed() {
    let scene = landed(true, false);
    let undo = "while read old new name; do [ $name = refs/heads/main ] && git update-ref $name $old; done; exit 0";
    scene.hook("post-receive", undo);
    let before = scene.tip("refs/heads/main");
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("has not moved"), "{message}");
    assert_eq!(scene.tip("refs/heads/main"), before);
}

#[test]
fn somebody_who_builds_on_the_push_at_once_does_not_turn_it_into_a_race() {
    let scene = landed(true, false);
    let moves = "c=$(git commit-tree -p refs/heads/main -m On-top 'refs/heads/main^{tree}') && git update-ref refs/heads/main $c";
    scene.hook("post-receive", &format!("grep -q refs/heads/main || exit 0; {FREE}{moves}"));
    let report = scene.push();
    assert_eq!((report.reason, report.races), (Some(Reason::Pushed), Some(0)));
    assert_eq!(scene.subjects("main"), ["Start", "One", "Two", "On-top"]);
}

#[test]
fn a_second_pod_of_the_same_task_pushes_nothing() {
    for direct in [false, true] {
        let mut scene = landed(direct, false);
        let first = scene.attempt.clone();
        // Otherwise the second would deliver the first one's work, and at the same second even the
        // same commit.
        scene.ask(&["update-ref", "-d", CHECKPOINT]);
        scene.restart();
        // Else it would land the same work.
        scene.ask(&["update-ref", "-d", CHECKPOINT]);
        scene.clone();
        scene.agent_commit("Another way", &[("a", Some("c\n"))]);
        scene.land();
        let before = scene.ask(&["for-each-ref"]);
        let ended = perform::push(&first);
        let report = ended.report.unwrap();
        assert_eq!((ended.exit, report.outcome), (0, Outcome::Skipped));
        assert_eq!(report.reason, Some(Reason::AlreadyPushed));
        assert_eq!(scene.ask(&["for-each-ref"]), before);
    }
}

#[test]
fn a_second_pod_does_not_land_on_top_of_the_first_ones_push() {
    let mut scene = Scene::with(&[("a", Some("a\n"))], |task| task.branch = "main".to_owned());
    let run = |scene: &Scene, content| {
        scene.clone();
        scene.agent_commit("Mine", &[("a", Some(content))]);
        scene.hand_back();
    };
    run(&scene, "slow\n");
    let slow = scene.attempt.clone();
    scene.restart();
    run(&scene, "fast\n");
    scene.rebase();
    scene.push();
    scene.attempt = slow;
    assert_eq!(scene.rebase().reason, Some(Reason::AlreadyPushed));
    assert_eq!(scene.push().reason, Some(Reason::AlreadyPushed));
    assert_eq!(scene.subjects("main"), ["Start", "Mine"]);
    assert_eq!(scene.tip(CHECKPOINT), None);
}

#[test]
fn no_push_begins_in_the_last_thirty_seconds() {
    for (left, pushed) in [(29, false), (60, true)] {
        let mut scene = landed(false, false);
        scene.attempt.document.not_after = Timestamp::now() + Duration::from_secs(left);
        let ended = perform::push(&scene.attempt);
        assert_eq!(ended.report.unwrap().reason == Some(Reason::Timeout), !pushed);
        assert_eq!(scene.tip(BRANCH).is_some(), pushed);
    }
}

#[test]
fn push_options_reach_the_server() {
    let scene = Scene::with(&[("a", Some("a\n"))], |task| {
        task.push.options = vec!["merge_request.create".to_owned(), "-x y".to_owned()];
    });
    scene.hook("pre-receive", "grep -q refs/heads || exit 0; [ \"$GIT_PUSH_OPTION_0/$GIT_PUSH_OPTION_1\" = 'merge_request.create/-x y' ]");
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    assert_eq!(scene.land().reason, Some(Reason::Pushed));
}

#[test]
fn a_container_that_is_to_stop_begins_nothing() {
    let scene = landed(false, false);
    scene.attempt.stop.terminate();
    let ended = perform::push(&scene.attempt);
    assert_eq!((ended.exit, ended.report), (143, None));
    assert_eq!(scene.tip(BRANCH), None);
}
