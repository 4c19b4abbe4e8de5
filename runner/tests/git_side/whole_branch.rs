//! A branch that exists and is rebased as a whole onto another: people's commits, then the change.
//!
//! Not here: every combination of histories (`landing_table`).

use crd::spec::Commits;
use crd::{Outcome, Reason, TaskDocument};
use runner::handoff::Extent;
use runner::perform;

use crate::scene::{CHECKPOINT, Files, Scene, UID, failure, git};

const BRANCH: &str = "refs/heads/feature";
const OTHER: &str = "ClaudeTask: 0ther000-1111-4222-8333-444455556666";

/// `main` has `a`, `b` and `z`; `feature` has two commits more, in `f` and `b`.
fn scene(commits: Commits, change: impl FnOnce(&mut TaskDocument)) -> Scene {
    let files = [("a", Some("a\n")), ("b", Some("b\n")), ("z", Some("z\n"))];
    let scene = Scene::with(&files, |task| {
        task.repository.reference = Some("feature".to_owned());
        task.rebase.onto = Some("main".to_owned());
        task.rebase.commits = commits;
        task.branch.replace_range(.., "feature");
        change(task);
    });
    let marked = format!("Second\n\n{OTHER}");
    on_feature(&scene, "First", &[("f", Some("f\n"))]);
    on_feature(&scene, &marked, &[("b", Some("of the branch\n"))]);
    scene
}

/// People commit to `feature`, which begins at `main`.
fn on_feature(scene: &Scene, message: &str, files: Files) -> String {
    let people = scene.people();
    let start = scene.tip(BRANCH).unwrap_or_else(|| "main".to_owned());
    git(&people, &["checkout", "-q", "-B", "feature", &start]);
    let commit = Scene::commit(&people, message, files);
    git(&people, &["push", "-q", "origin", "feature"]);
    git(&people, &["checkout", "-q", "main"]);
    commit
}

/// People merge `main` into `feature`.
fn merge_main(scene: &Scene) {
    scene.people_push("To be merged", &[("m", Some("m\n"))]);
    let people = scene.people();
    git(&people, &["checkout", "-q", "feature"]);
    git(&people, &["merge", "-q", "--no-edit", "main"]);
    git(&people, &["push", "-q", "origin", "feature"]);
    git(&people, &["checkout", "-q", "main"]);
}

fn marks(scene: &Scene) -> usize {
    scene
        .ask(&["log", "--format=%B", "main..feature"])
        .matches(&format!("ClaudeTask: {UID}"))
        .count()
}

#[test]
fn peoples_commits_are_replayed_and_the_change_lies_on_top() {
    let scene = scene(Commits::Preserve, |_| ());
    let moved = scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    let clone = scene.clone();
    assert_eq!(clone.start_commit, scene.tip(BRANCH));
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    let report = scene.land();
    assert_eq!((report.reason, report.branch.as_deref()), (Some(Reason::Pushed), Some("feature")));
    assert_eq!(report.onto_commit, Some(moved));
    assert_eq!(scene.subjects("main..feature"), ["First", "Second", "Mine"]);
    assert_eq!(
        ["a", "b", "f", "z"].map(|path| scene.pushed(path)),
        ["mine", "of the branch", "f", "Z"]
    );
    assert_eq!(marks(&scene), 3);
    assert!(scene.ask(&["log", "--format=%B", "main..feature"]).contains(OTHER));
    assert_eq!(scene.tip(CHECKPOINT), None);
}

#[test]
fn a_branch_is_rebased_even_if_claude_changed_nothing() {
    let scene = scene(Commits::Preserve, |_| ());
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.clone();
    scene.result(Outcome::Succeeded, None);
    scene.rebase();
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    assert_eq!(scene.subjects("main..feature"), ["First", "Second"]);
    assert_eq!(marks(&scene), 2);
}

#[test]
fn a_branch_that_needs_no_rebase_keeps_its_commits() {
    for changed in [false, true] {
        let scene = scene(Commits::Preserve, |_| ());
        merge_main(&scene);
        let before = scene.tip(BRANCH).unwrap();
        scene.clone();
        if changed {
            scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
            scene.land();
            assert_eq!(scene.subjects(&format!("{before}..feature")), ["Mine"]);
        } else {
            scene.result(Outcome::Succeeded, None);
            let report = scene.rebase();
            assert_eq!(report.reason, Some(Reason::NothingToPush));
            assert!(report.message.contains("needs no rebase"), "{}", report.message);
            assert_eq!(scene.push().reason, Some(Reason::NothingToPush));
            assert_eq!(scene.tip(BRANCH), Some(before));
        }
    }
}

#[test]
fn merges_and_conflicts_of_people_are_refused_before_claude_starts() {
    for (name, words) in
        [("merge", "is a merge"), ("conflict", "conflicts with the onto branch in b")]
    {
        let scene = scene(Commits::Preserve, |_| ());
        if name == "merge" {
            merge_main(&scene);
            scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
        } else {
            scene.people_push("Other way", &[("b", Some("of main\n"))]);
        }
        let before = scene.ask(&["for-each-ref"]);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::ConflictsUnresolved, "{message}");
        assert!(message.contains(words) && message.contains("Squash"), "{message}");
        assert!(!scene.agent().exists(), "there is nothing for Claude to work on");
        assert_eq!(scene.ask(&["for-each-ref"]), before);
    }
}

#[test]
fn a_conflict_of_people_that_comes_up_later_is_refused_with_the_work_saved() {
    let scene = scene(Commits::Preserve, |_| ());
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.people_push("Other way", &[("b", Some("of main\n"))]);
    scene.hand_back();
    let ended = perform::rebase(&scene.attempt);
    let report = ended.report.clone().unwrap();
    assert_eq!((report.checkpoint.as_deref(), report.conflicts), (Some(CHECKPOINT), Some(1)));
    let (reason, message) = failure(ended);
    assert_eq!(reason, Reason::ConflictsUnresolved);
    assert!(message.contains("(Second) conflicts with the onto branch in b"), "{message}");
    assert!(scene.tip(CHECKPOINT).is_some());
}

#[test]
fn a_conflict_of_the_change_is_resolved_on_top_of_peoples_commits() {
    let scene = scene(Commits::Preserve, |_| ());
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.people_push("Theirs", &[("a", Some("theirs\n"))]);
    scene.hand_back();
    assert_eq!(scene.rebase().conflict_files, ["a"]);
    let conflict = scene.conflict();
    assert_eq!(conflict.task_paths, ["a", "b", "f"], "the branch's files may be adapted");
    assert_eq!(conflict.base, scene.start());
    scene.resolve(&[("a", Some("both\n"))]);
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    assert_eq!(scene.subjects("main..feature"), ["First", "Second", "Mine"]);
    assert_eq!((scene.pushed("a"), scene.pushed("b")), ("both".into(), "of the branch".into()));
}

#[test]
fn a_squash_lands_branch_and_change_as_one_commit() {
    let scene = scene(Commits::Squash, |_| ());
    merge_main(&scene);
    let moved = scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
    scene.land();
    let message = scene.ask(&["log", "--format=%P %B", "main..feature"]);
    assert!(
        message.starts_with(&format!("{moved} Change of ClaudeTask demo/login (4 commits as one)"))
    );
    for part in [" First\n", " Second\n", " Merge branch", " Mine\n", OTHER, UID] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let files = ["a", "b", "f", "m", "z"].map(|path| scene.pushed(path));
    assert_eq!(files, ["mine", "of the branch", "f", "m", "Z"]);
}

#[test]
fn a_conflict_of_a_squashed_branch_is_one_for_claude() {
    let scene = scene(Commits::Squash, |_| ());
    scene.people_push("Other way", &[("b", Some("of main\n"))]);
    scene.clone();
    scene.result(Outcome::Succeeded, None);
    assert_eq!(scene.rebase().conflict_files, ["b"]);
    scene.resolve(&[("b", Some("of both\n")), ("f", Some("adapted\n"))]);
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
    assert_eq!(scene.subjects("main..feature").len(), 1);
    assert_eq!((scene.pushed("b"), scene.pushed("f")), ("of both".into(), "adapted".into()));
}

#[test]
fn branches_with_nothing_in_common_are_refused() {
    for commits in [Commits::Preserve, Commits::Squash] {
        let scene = scene(commits, |_| ());
        let people = scene.people();
        git(&people, &["checkout", "-q", "--orphan", "alone"]);
        Scene::commit(&people, "Alone", &[]);
        git(&people, &["push", "-q", "--force", "origin", "alone:feature"]);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::ConflictsUnresolved, "{message}");
    }
}

#[test]
fn a_branch_that_moved_or_was_deleted_meanwhile_is_left_alone() {
    for deleted in [false, true] {
        let scene = scene(Commits::Preserve, |_| ());
        scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
        scene.clone();
        scene.agent_commit("Mine", &[("a", Some("mine\n"))]);
        scene.hand_back();
        scene.rebase();
        let theirs = if deleted {
            scene.ask(&["update-ref", "-d", BRANCH]);
            None
        } else {
            Some(on_feature(&scene, "Third", &[("f", Some("f3\n"))]))
        };
        let (reason, message) = failure(perform::push(&scene.attempt));
        assert_eq!(reason, Reason::PushRejected, "{message}");
        let words = if deleted { "was deleted" } else { "left alone" };
        assert!(message.contains(words) && message.contains(CHECKPOINT), "{message}");
        assert_eq!(scene.tip(BRANCH), theirs);
        let kept = scene.ask(&["log", "-1", "--format=%s", &format!("{CHECKPOINT}^")]);
        assert_eq!(kept, "Mine", "the finished commit");
    }
}

#[test]
fn a_server_that_refuses_to_rewrite_a_branch_is_quoted() {
    let scene = scene(Commits::Preserve, |_| ());
    scene.ask(&["config", "receive.denyNonFastForwards", "true"]);
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.clone();
    scene.result(Outcome::Succeeded, None);
    scene.rebase();
    let before = scene.tip(BRANCH);
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::PushRejected);
    assert!(message.contains("non-fast-forward"), "{message}");
    assert_eq!(scene.tip(BRANCH), before);
}

#[test]
fn a_second_pod_neither_works_nor_pushes_again() {
    let mut scene = scene(Commits::Preserve, |_| ());
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.clone();
    scene.agent_commit("Slow", &[("a", Some("slow\n"))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Succeeded, None);
    scene.rebase();
    let slow = scene.attempt.clone();
    // Otherwise the second Pod would deliver the first one's work.
    scene.ask(&["update-ref", "-d", CHECKPOINT]);
    scene.restart();
    scene.clone();
    scene.agent_commit("Fast", &[("a", Some("fast\n"))]);
    scene.land();
    let before = scene.tip(BRANCH);
    let ended = perform::push(&slow);
    assert_eq!(ended.report.unwrap().reason, Some(Reason::AlreadyPushed));
    scene.restart();
    assert_eq!(scene.clone().reason, Some(Reason::AlreadyPushed));
    assert_eq!(scene.tip(BRANCH), before);
}
