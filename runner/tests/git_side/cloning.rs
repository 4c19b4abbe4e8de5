//! What Clone finds before a cent is spent.
//!
//! Not here: what a server answers (`logins`).

use std::fs;

use crd::{Outcome, Reason};
use runner::perform;

use crate::scene::{Scene, failure, git};

#[test]
fn the_agents_copy_borrows_objects_and_has_no_remote() {
    let scene = Scene::new(&[("a", Some("a\n")), ("d/b", Some("b\n"))]);
    let report = scene.clone();
    let agent = scene.agent();
    assert_eq!(fs::read_to_string(agent.join("d/b")).unwrap(), "b\n");
    assert_eq!(git(&agent, &["status", "--porcelain", "--branch"]), "## claude/login");
    assert_eq!(Some(git(&agent, &["rev-parse", "HEAD"])), report.start_commit);
    assert_eq!(Some(git(&agent, &["rev-parse", "origin/main"])), report.onto_commit);
    assert_eq!(git(&agent, &["remote"]), "");
    let objects = git(&agent, &["count-objects"]);
    assert!(objects.starts_with("0 objects"), "{objects}");
}

#[test]
fn a_tag_and_a_commit_are_starts() {
    let mut scene = Scene::new(&[("a", Some("a\n"))]);
    let first = git(&scene.people(), &["rev-parse", "HEAD"]);
    git(&scene.people(), &["tag", "-a", "-m", "v1", "v1"]);
    git(&scene.people(), &["push", "-q", "origin", "v1"]);
    let second = scene.people_push("More", &[("a", Some("b\n"))]);
    for reference in ["v1", first.as_str(), "refs/tags/v1"] {
        scene.restart();
        scene.attempt.document.repository.reference = Some(reference.to_owned());
        scene.attempt.document.rebase.onto = Some("main".to_owned());
        let report = scene.clone();
        assert_eq!(report.start_commit.as_deref(), Some(first.as_str()), "{reference}");
        assert_eq!(report.onto_commit.as_deref(), Some(second.as_str()));
    }
}

#[test]
fn what_the_remote_does_not_have_is_named() {
    let mut scene = Scene::new(&[("a", Some("a\n"))]);
    let absent = "1".repeat(40);
    for (reference, onto) in
        [(Some("none"), None), (Some(absent.as_str()), Some("main")), (None, Some("none"))]
    {
        scene.restart();
        scene.attempt.document.repository.reference = reference.map(str::to_owned);
        scene.attempt.document.rebase.onto = onto.map(str::to_owned);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::RefNotFound, "{message}");
        assert!(message.contains(reference.or(onto).unwrap()), "{message}");
    }
}

#[test]
fn a_foreign_branch_is_not_overwritten() {
    for branch in ["claude/login", "claude", "claude/login/more"] {
        let scene = Scene::new(&[("a", Some("a\n"))]);
        let foreign = format!("HEAD:refs/heads/{branch}");
        git(&scene.people(), &["push", "-q", "origin", &foreign]);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::BranchExists, "{message}");
        assert!(message.contains(branch), "{message}");
    }
}

#[test]
fn a_task_that_was_pushed_before_is_not_run_again() {
    for direct in [false, true] {
        let mut scene = Scene::with(&[("a", Some("a\n"))], |task| {
            if direct {
                task.branch = "main".to_owned();
            }
        });
        scene.clone();
        scene.agent_commit("Mine", &[("a", Some("b\n"))]);
        scene.land();
        scene.people_push("On top", &[("z", Some("z\n"))]);
        let before = scene.ask(&["for-each-ref"]);
        scene.restart();
        let report = scene.clone();
        assert_eq!(
            (report.outcome, report.reason),
            (Outcome::Succeeded, Some(Reason::AlreadyPushed))
        );
        for ended in [perform::rebase(&scene.attempt), perform::push(&scene.attempt)] {
            let report = ended.report.unwrap();
            assert_eq!((ended.exit, report.outcome), (0, Outcome::Skipped));
            assert_eq!(report.reason, Some(Reason::AlreadyPushed));
        }
        assert_eq!(scene.ask(&["for-each-ref"]), before);
    }
}

#[test]
fn a_mark_in_a_sentence_is_no_mark() {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    let uid = &scene.attempt.document.uid;
    scene.people_push(&format!("Look at\n\nthe ClaudeTask: {uid} of yesterday"), &[]);
    assert_eq!(scene.clone().reason, None);
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_sent() {
    for (url, part) in [
        ("http://git.example.com/acme/shop.git", "plain http"),
        ("ext::sh -c x", "no https address"),
        ("--upload-pack=x", "no https address"),
    ] {
        let scene = Scene::with(&[], |task| task.repository.url = url.to_owned());
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::CloneFailed);
        assert!(message.contains(part), "{message}");
        assert!(!scene.attempt.dirs.bare().exists());
    }
}

#[test]
fn an_empty_repository_has_nothing_to_start_from() {
    let scene = Scene::new(&[]);
    fs::remove_dir_all(scene.remote()).unwrap();
    git(scene.remote().parent().unwrap(), &["init", "-q", "--bare", "remote.git"]);
    assert_eq!(failure(perform::clone(&scene.attempt)).0, Reason::RefNotFound);
}

#[test]
fn a_repository_that_is_not_there_is_named_in_gits_words() {
    let scene = Scene::new(&[]);
    fs::remove_dir_all(scene.remote()).unwrap();
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::CloneFailed);
    assert!(message.contains("does not appear to be a git repository"), "{message}");
}

#[test]
fn push_options_that_the_server_does_not_take_are_found_before_the_run() {
    let scene = Scene::with(&[], |task| task.push.options = vec!["ci.skip".to_owned()]);
    assert_eq!(scene.clone().reason, None);
    let scene = Scene::with(&[], |task| task.push.options = vec!["ci.skip".to_owned()]);
    scene.ask(&["config", "receive.advertisePushOptions", "false"]);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::CloneFailed);
    assert!(message.contains("push options"), "{message}");
}
