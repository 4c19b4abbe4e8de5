//! What Rebase takes from Run, and what it refuses.
//!
//! Not here: resolutions.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crd::{Outcome, Reason};
use runner::handoff::{self, BUNDLE_LIMIT, BUNDLE_REF, Extent};
use runner::perform;

use crate::scene::{CHECKPOINT, Scene, failure, git};

/// A task whose agent committed something that is handed back whole.
fn handed_back() -> Scene {
    let scene = Scene::new(&[("a", Some("a\n"))]);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.hand_back();
    scene
}

fn refused(scene: &Scene) -> String {
    let ended = perform::rebase(&scene.attempt);
    assert_eq!(ended.report.as_ref().unwrap().outcome, Outcome::Failed);
    let (reason, message) = failure(ended);
    assert_eq!(reason, Reason::AgentFailed, "{message}");
    assert_eq!(scene.tip(CHECKPOINT), None);
    message
}

#[test]
fn a_file_that_is_no_bundle_is_refused() {
    type Fakes<'a> = &'a dyn Fn(&Path, &Path);
    let gitdir: Fakes = &|to, bare| fs::write(to, format!("gitdir: {}\n", bare.display())).unwrap();
    let link: Fakes = &|to, _| {
        fs::rename(to, to.with_extension("real")).unwrap();
        symlink(to.with_extension("real"), to).unwrap();
    };
    let huge: Fakes = &|to, _| {
        fs::File::options().write(true).open(to).unwrap().set_len(BUNDLE_LIMIT + 1).unwrap();
    };
    let directory: Fakes = &|to, _| {
        fs::remove_file(to).unwrap();
        fs::create_dir(to).unwrap();
    };
    let pipe: Fakes = &|to, _| {
        fs::remove_file(to).unwrap();
        assert!(Command::new("mkfifo").arg(to).status().unwrap().success());
    };
    let cut: Fakes = &|to, _| {
        let bytes = fs::read(to).unwrap();
        fs::write(to, &bytes[..bytes.len() - 30]).unwrap();
    };
    let absent: Fakes = &|to, _| fs::remove_file(to).unwrap();
    for (name, fake, part) in [
        ("gitdir", gitdir, "not the bundle"),
        ("link", link, "no regular file"),
        ("huge", huge, "larger than"),
        ("directory", directory, "no regular file"),
        ("pipe", pipe, "no regular file"),
        ("cut", cut, "objects"),
        ("absent", absent, "left no 1.bundle"),
    ] {
        let scene = handed_back();
        fake(&scene.attempt.dirs.handoff.join("1.bundle"), &scene.attempt.dirs.bare());
        let message = refused(&scene);
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[test]
fn a_bundle_with_other_refs_or_without_its_objects_is_refused() {
    type Makes<'a> = &'a dyn Fn(&Path, &str);
    let two: Makes = &|at, file| {
        drop(git(at, &["bundle", "create", "-q", file, BUNDLE_REF, "refs/heads/claude/login"]));
    };
    let other: Makes =
        &|at, file| drop(git(at, &["bundle", "create", "-q", file, "refs/heads/claude/login"]));
    let tag: Makes = &|at, file| {
        git(at, &["tag", "-a", "-m", "t", "t"]);
        git(at, &["update-ref", BUNDLE_REF, "t"]);
        git(at, &["bundle", "create", "-q", file, BUNDLE_REF]);
    };
    let thin: Makes = &|at, file| {
        git(at, &["commit", "-q", "--allow-empty", "-m", "x"]);
        git(at, &["update-ref", BUNDLE_REF, "HEAD"]);
        git(at, &["bundle", "create", "-q", file, BUNDLE_REF, "^HEAD~1"]);
    };
    for (make, part) in [
        (two, "exactly one ref"),
        (other, "its ref is another one"),
        (tag, "names no commit"),
        (thin, "objects"),
    ] {
        let scene = handed_back();
        make(&scene.agent(), scene.attempt.dirs.handoff.join("1.bundle").to_str().unwrap());
        let message = refused(&scene);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn objects_that_fsck_refuses_do_not_come_in() {
    let scene = handed_back();
    let agent = scene.agent();
    // CVE-2018-17456: an address that becomes an option.
    let text = "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch\n";
    scene.agent_commit("Submodule", &[(".gitmodules", Some(text))]);
    scene.bundle(1, Extent::Final);
    scene.result(Outcome::Succeeded, None);
    assert!(git(&agent, &["log", "--format=%s", "-1"]).contains("Submodule"));
    let message = refused(&scene);
    assert!(message.contains("gitmodules"), "{message}");
}

#[test]
fn a_result_that_is_not_as_agreed_is_refused() {
    for (text, part) in [
        ("", "EOF"),
        ("{\"outcome\":\"Succeeded\",\"extra\":1}", "unknown field"),
        ("{\"outcome\":\"Pushed\"}", "unknown variant"),
    ] {
        let scene = handed_back();
        fs::write(scene.attempt.dirs.handoff.join(handoff::RESULT), text).unwrap();
        let (reason, message) = failure(perform::rebase(&scene.attempt));
        assert_eq!(reason, Reason::AgentFailed);
        assert!(message.contains(part), "{message}");
        assert!(scene.tip(CHECKPOINT).is_some(), "the work is saved all the same");
    }
}

#[test]
fn a_run_that_failed_keeps_its_reason_and_its_work() {
    let scene = handed_back();
    scene.result(Outcome::Failed, Some(Reason::BudgetExceeded));
    let ended = perform::rebase(&scene.attempt);
    let report = ended.report.clone().unwrap();
    assert_eq!(
        (report.outcome, report.checkpoint.as_deref()),
        (Outcome::Skipped, Some(CHECKPOINT))
    );
    let (reason, message) = failure(ended);
    assert_eq!(reason, Reason::BudgetExceeded);
    assert_eq!(message, format!("It ended with BudgetExceeded. The work is on {CHECKPOINT}."));
    let stored = scene.ask(&["log", "-2", "--format=%s%n%b", CHECKPOINT]);
    assert!(stored.starts_with("Checkpoint of ClaudeTask demo/login: partial work\n"), "{stored}");
    assert!(stored.contains(&format!("ClaudeTask-Start: {}", scene.start())), "{stored}");
    assert!(stored.contains("Mine"), "{stored}");
    assert!(scene.attempt.dirs.repo.join("saved").exists());
}

#[test]
fn a_run_that_failed_says_why_its_work_is_lost() {
    let scene = handed_back();
    fs::write(scene.attempt.dirs.handoff.join("1.bundle"), "gitdir: /\n\n").unwrap();
    scene.result(Outcome::Failed, Some(Reason::AgentHung));
    let (reason, message) = failure(perform::rebase(&scene.attempt));
    assert_eq!(reason, Reason::AgentHung);
    assert!(
        message.starts_with("It ended with AgentHung. The work could not be saved: "),
        "{message}"
    );
}

#[test]
fn a_run_cannot_claim_a_success_reason_for_its_failure() {
    let scene = handed_back();
    scene.result(Outcome::Failed, Some(Reason::Pushed));
    assert_eq!(failure(perform::rebase(&scene.attempt)).0, Reason::AgentFailed);
}

#[test]
fn a_refused_checkpoint_is_told_and_does_not_stop_the_task() {
    let scene = handed_back();
    scene.hook(
        "pre-receive",
        "grep -q refs/claudetask && { echo no such refs here >&2; exit 1; }; exit 0",
    );
    let report = scene.rebase();
    assert_eq!(report.checkpoint, None);
    assert!(report.message.contains("no such refs here"), "{}", report.message);
    assert!(!scene.attempt.dirs.repo.join("saved").exists());
    assert_eq!(scene.push().reason, Some(Reason::Pushed));
}

#[test]
fn complete_work_is_called_so() {
    let scene = handed_back();
    scene.rebase();
    let subject = scene.ask(&["log", "-1", "--format=%s", CHECKPOINT]);
    assert_eq!(subject, "Checkpoint of ClaudeTask demo/login: complete work");
}
