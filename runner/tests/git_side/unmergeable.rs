//! What git cannot merge: given to Claude, or refused before a turn is paid, in precise words.
//!
//! Not here: what Claude makes of it (`resolutions`).

use std::path::Path;
use std::process::Command;

use crd::Reason;
use runner::perform;

use crate::scene::{CHECKPOINT, Scene, failure, git};

const TEXT: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// A task whose agent and other people did this, in the shell.
fn clash(mine: &str, theirs: &str) -> Scene {
    let files = ["f", "g", "d/a", "d/b"].map(|path| (path, format!("{path}\n{TEXT}")));
    let files = files.each_ref().map(|(path, text)| (*path, Some(text.as_str())));
    let scene = Scene::new(&files);
    scene.clone();
    shell(&scene.agent(), mine);
    scene.agent_commit("Mine", &[]);
    git(&scene.people(), &["pull", "-q", "--ff-only", "origin", "main"]);
    shell(&scene.people(), theirs);
    scene.people_push("Theirs", &[]);
    scene.hand_back();
    scene
}

fn shell(at: &Path, script: &str) {
    let ended = Command::new("sh").args(["-ec", script]).current_dir(at).status().unwrap();
    assert!(ended.success(), "{script}");
}

#[test]
fn what_no_text_resolves_ends_the_task_before_a_turn_is_paid() {
    let submodule = |digit: &str| {
        let entry = format!("160000,{},f", digit.repeat(40));
        format!("rm f; mkdir f; git update-index --add --cacheinfo {entry}")
    };
    let (ones, twos) = (submodule("1"), submodule("2"));
    for (mine, theirs, words) in [
        ("printf '\\0mine' > f", "printf '\\0theirs' > f", "f: a conflict in a binary file"),
        ("ln -sf mine f", "ln -sf theirs f", "f: a conflict of symbolic links"),
        ("ln -sf mine f", "echo theirs >> f", ": a conflict of symbolic links"),
        (&ones, &twos, "f: a submodule conflict"),
        (&ones, "echo theirs >> f", "submodule conflict"),
        ("echo file > n", "mkdir n; echo x > n/x", "(file/directory)"),
        ("rm f; mkdir f; echo x > f/x", "echo theirs >> f", "(file/directory)"),
        (
            "n=$(printf 'n\\351'); echo mine > $n",
            "n=$(printf 'n\\351'); echo theirs > $n",
            "no UTF-8",
        ),
    ] {
        let scene = clash(mine, theirs);
        let ended = perform::rebase(&scene.attempt);
        let checkpoint = ended.report.as_ref().unwrap().checkpoint.clone();
        let (reason, message) = failure(ended);
        assert_eq!(reason, Reason::ConflictsUnresolved, "{mine}: {message}");
        assert!(message.contains(words), "{mine}: {message}");
        assert_eq!(checkpoint.as_deref(), Some(CHECKPOINT), "{mine}");
        assert!(scene.tip(CHECKPOINT).is_some() && scene.tip("refs/heads/claude/login").is_none());
    }
}

#[test]
fn what_a_choice_or_a_text_resolves_is_for_claude() {
    for (mine, theirs, files) in [
        ("echo mine >> f", "echo theirs >> f", &["f"][..]),
        ("chmod +x f", "git rm -q f", &["f"]),
        ("echo n > n; chmod +x n", "echo n > n", &["n"]),
        ("git mv f mine", "git mv f theirs", &["f", "mine", "theirs"]),
        ("git mv f n", "git rm -q f", &["f", "n"]),
        ("git mv f n", "git mv g n", &["n"]),
        ("echo new > d/new", "git mv d e", &["d/new", "e/new"]),
        ("echo new > d/new", "mkdir x y; git mv d/a x; git mv d/b y", &["d"]),
    ] {
        let scene = clash(mine, theirs);
        let report = scene.rebase();
        assert_eq!(report.conflict_files, files, "{mine} × {theirs}: {:?}", scene.conflict());
        assert!(scene.conflict().files.iter().all(|file| !file.notes.is_empty()), "{mine}");
    }
}
