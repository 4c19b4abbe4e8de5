//! What the git side takes from the agent side, and what it refuses.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crd::spec::Scope;
use crd::{Outcome, Reason};
use runner::handoff::{self, BUNDLE_LIMIT, BUNDLE_REF, Extent, Resolution};
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

/// A task with a conflict in `a`; `c` is changed by the task alone, `x` by nobody.
fn conflicting(scope: Scope) -> Scene {
    let files = [("a", Some("a\n")), ("c", Some("c\n")), ("x", Some("x\n"))];
    let scene = Scene::with(&files, |task| task.rebase.scope = scope);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("a1\n")), ("c", Some("c1\n"))]);
    scene.people_push("Theirs", &[("a", Some("a2\n"))]);
    scene.hand_back();
    scene.rebase();
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

fn rejected(scene: &Scene) -> String {
    let (reason, message) = failure(perform::push(&scene.attempt));
    assert_eq!(reason, Reason::ResolutionRejected, "{message}");
    assert_eq!(scene.tip("refs/heads/claude/login"), None);
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
        fs::File::options().write(true).open(to).unwrap().set_len(BUNDLE_LIMIT + 1).unwrap()
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
        drop(git(at, &["bundle", "create", "-q", file, BUNDLE_REF, "refs/heads/claude/login"]))
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

#[test]
fn markers_that_were_left_are_rejected() {
    for files in [
        vec![("a", Some("<<<<<<< onto\na2\n=======\na1\n>>>>>>> task\n"))],
        vec![("a", Some("a12\n")), ("c", Some("||||||| 1234567\n"))],
        vec![],
    ] {
        let scene = conflicting(Scope::TaskFiles);
        scene.resolve(&files);
        let message = rejected(&scene);
        assert!(message.contains("conflict marker"), "{message}");
    }
}

#[test]
fn a_file_out_of_scope_is_rejected_unless_anywhere_is_allowed() {
    let files = [("a", Some("a12\n")), ("x", Some("x1\n")), ("new", Some("n\n"))];
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&files);
    let message = rejected(&scene);
    assert!(message.contains("changes x"), "{message}");
    let scene = conflicting(Scope::Anywhere);
    scene.resolve(&files);
    scene.push();
    assert_eq!(["a", "c", "x", "new"].map(|path| scene.pushed(path)), ["a12", "c1", "x1", "n"]);
}

#[test]
fn a_path_that_git_refuses_is_rejected() {
    for path in ["../x", ".git/config", "/etc/passwd", "a/../../x", ".GIT/config"] {
        let scene = conflicting(Scope::Anywhere);
        scene.resolve(&[("a", Some("a12\n")), (path, Some("x\n"))]);
        rejected(&scene);
    }
}

#[test]
fn a_content_that_is_no_plain_file_is_rejected() {
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&[("a", Some("a12\n"))]);
    let content = scene.attempt.dirs.handoff.join("f0");
    fs::remove_file(&content).unwrap();
    symlink("/etc/hostname", &content).unwrap();
    assert!(rejected(&scene).contains("no regular file"));
    for name in ["../repo/r.git/config", ".hidden", "sub/f0", ""] {
        let scene = conflicting(Scope::TaskFiles);
        scene.resolve(&[("a", Some("a12\n"))]);
        let path = scene.attempt.dirs.handoff.join(handoff::RESOLUTION);
        let text = fs::read_to_string(&path).unwrap().replace("\"f0\"", &format!("{name:?}"));
        fs::write(path, text).unwrap();
        assert!(rejected(&scene).contains("no name"), "{name}");
    }
}

#[test]
fn modes_are_kept() {
    let scene = Scene::new(&[("run.sh", Some("a\n"))]);
    git(&scene.people(), &["update-index", "--chmod=+x", "run.sh"]);
    git(&scene.people(), &["checkout", "-q", "--", "."]);
    git(&scene.people(), &["commit", "-q", "-m", "Executable"]);
    git(&scene.people(), &["checkout", "-q", "--", "."]);
    git(&scene.people(), &["push", "-q", "origin", "main"]);
    git(&scene.people(), &["reset", "-q", "--hard"]);
    scene.clone();
    scene.agent_commit("Mine", &[("run.sh", Some("1\n"))]);
    scene.people_push("Theirs", &[("run.sh", Some("2\n"))]);
    scene.hand_back();
    scene.rebase();
    scene.resolve(&[("run.sh", Some("12\n"))]);
    scene.push();
    assert!(scene.ask(&["ls-tree", "claude/login"]).starts_with("100755 "));
}

#[test]
fn a_resolution_that_gives_up_the_change_leaves_nothing_to_push() {
    let scene = conflicting(Scope::TaskFiles);
    scene.resolve(&[("a", Some("a2\n")), ("c", Some("c\n"))]);
    let report = scene.push();
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::NothingToPush)));
    assert!(scene.tip(CHECKPOINT).is_some(), "the work is not on a branch, so it stays here");
}

#[test]
fn a_resolution_that_failed_keeps_its_reason() {
    for (reason, expected) in [
        (Some(Reason::BudgetExceeded), Reason::BudgetExceeded),
        (Some(Reason::Pushed), Reason::ConflictsUnresolved),
        (None, Reason::ConflictsUnresolved),
    ] {
        let scene = conflicting(Scope::TaskFiles);
        let resolution = Resolution {
            outcome: Outcome::Failed,
            reason,
            message: "No.".to_owned(),
            rounds: 3,
            usage: None,
            files: Vec::new(),
        };
        handoff::publish(&scene.attempt.dirs.handoff, handoff::RESOLUTION, &resolution).unwrap();
        let ended = perform::push(&scene.attempt);
        assert_eq!(ended.report.as_ref().unwrap().outcome, Outcome::Skipped);
        assert_eq!(ended.report.as_ref().unwrap().checkpoint.as_deref(), Some(CHECKPOINT));
        assert_eq!(failure(ended), (expected, "No.".to_owned()));
    }
}

#[test]
fn a_resolution_that_is_missing_is_none() {
    let scene = conflicting(Scope::TaskFiles);
    assert!(rejected(&scene).contains("left no resolution.json"));
}

#[test]
fn a_repair_after_a_clean_landing_is_one_more_commit() {
    let with = |task: &mut crd::TaskDocument| task.verify = vec!["true".to_owned()];
    for (file, accepted) in [("a", true), ("z", false)] {
        let scene = Scene::with(&[("a", Some("a\n")), ("z", Some("z\n"))], with);
        scene.clone();
        scene.agent_commit("Mine", &[("a", Some("b\n"))]);
        scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
        scene.hand_back();
        scene.rebase();
        scene.resolve(&[(file, Some("repaired\n"))]);
        if accepted {
            scene.push();
            let subjects = scene.subjects("main..claude/login");
            assert_eq!(subjects, ["Mine", "Repair the change after the rebase"]);
            assert_eq!(scene.pushed("a"), "repaired");
        } else {
            rejected(&scene);
        }
    }
}

#[test]
fn a_moved_branch_is_not_pushed_unverified() {
    let with = |task: &mut crd::TaskDocument| task.verify = vec!["true".to_owned()];
    let scene = Scene::with(&[("a", Some("a\n")), ("z", Some("z\n"))], with);
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.people_push("Elsewhere", &[("z", Some("Z\n"))]);
    scene.hand_back();
    scene.rebase();
    rejected(&scene);
}
