//! A remote, a Pod's directories, and everybody who works on them.
//!
//! Not here: what is to be shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crd::{Outcome, Phase, Reason, Report, TaskDocument};
use runner::attempt::Attempt;
use runner::dirs::Dirs;
use runner::ended::Ended;
use runner::git::{Remote, Stop};
use runner::handoff::{self, BundleNote, Extent, Resolution, ResolvedFile, RunResult};
use runner::network::Network;
use runner::perform;
use runner::plan::{Conflict, Landed, Landing};
use runner::progress::Progress;
use runner::scrub::Scrub;

pub const UID: &str = "7c0de000-1111-4222-8333-444455556666";
pub const CHECKPOINT: &str = "refs/claudetask/7c0de000-1111-4222-8333-444455556666";

/// Files of a commit: content, or nothing to delete them.
pub type Files<'a> = &'a [(&'a str, Option<&'a str>)];

pub struct Scene {
    root: tempfile::TempDir,
    pub attempt: Attempt,
}

impl Scene {
    /// A remote whose `main` has these files, and a task for it.
    pub fn new(files: Files) -> Self {
        Self::with(files, |_| {})
    }

    /// The same with a changed task.
    pub fn with(files: Files, change: impl FnOnce(&mut TaskDocument)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(&root.path().join("pod")).unwrap();
        let mut document = document();
        change(&mut document);
        let remote = Remote {
            url: root.path().join("remote.git").display().to_string(),
            protocols: "file",
            helper: None,
            network: Network::default(),
            limit: None,
        };
        let attempt = Attempt {
            document,
            dirs,
            remote,
            progress: Progress::to("test", Scrub::default(), std::io::sink()),
            stop: Stop::default(),
            clock: jiff::Timestamp::now,
        };
        let scene = Self { root, attempt };
        git(scene.root.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        git(&scene.remote(), &["config", "receive.advertisePushOptions", "true"]);
        git(scene.root.path(), &["init", "-q", "-b", "main", "people"]);
        git(&scene.people(), &["remote", "add", "origin", &scene.attempt.remote.url]);
        Self::commit(&scene.people(), "Start", files);
        git(&scene.people(), &["push", "-q", "origin", "main"]);
        scene
    }

    /// A new Pod for the same task.
    pub fn restart(&mut self) {
        let pod = tempfile::tempdir_in(self.root.path()).unwrap().keep();
        self.attempt.dirs = Dirs::below(&pod).unwrap();
    }

    pub fn remote(&self) -> PathBuf {
        self.root.path().join("remote.git")
    }

    /// The working copy of everybody else.
    pub fn people(&self) -> PathBuf {
        self.root.path().join("people")
    }

    /// The working copy of the agent.
    pub fn agent(&self) -> PathBuf {
        self.attempt.dirs.worktree()
    }

    /// Commits in a working copy.
    pub fn commit(at: &Path, message: &str, files: Files) -> String {
        for (path, content) in files {
            let path = at.join(path);
            match content {
                Some(content) => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, content).unwrap();
                }
                None => fs::remove_file(path).unwrap(),
            }
        }
        git(at, &["add", "-A"]);
        git(at, &["commit", "-q", "--allow-empty", "-m", message]);
        git(at, &["rev-parse", "HEAD"])
    }

    /// Somebody else commits to `main`.
    pub fn people_push(&self, message: &str, files: Files) -> String {
        git(&self.people(), &["pull", "-q", "--ff-only", "origin", "main"]);
        let commit = Self::commit(&self.people(), message, files);
        git(&self.people(), &["push", "-q", "origin", "main"]);
        commit
    }

    /// Claude commits.
    pub fn agent_commit(&self, message: &str, files: Files) -> String {
        Self::commit(&self.agent(), message, files)
    }

    /// Run hands back what the agent's HEAD has.
    pub fn hand_back(&self) {
        self.bundle(1, Extent::Final);
        self.result(Outcome::Succeeded, None);
    }

    /// Writes `<n>.bundle` and its note.
    pub fn bundle(&self, n: u32, extent: Extent) {
        let (agent, handoff) = (self.agent(), &self.attempt.dirs.handoff);
        write_bundle(&agent, handoff, &self.start(), n, extent);
    }

    /// Writes `result.json`.
    pub fn result(&self, outcome: Outcome, reason: Option<Reason>) {
        let bundle = self.attempt.dirs.handoff.join("1.bundle").exists();
        let result = RunResult {
            outcome,
            reason,
            message: reason.map(|reason| format!("It ended with {reason}.")).unwrap_or_default(),
            session_id: None,
            usage: None,
            summary: None,
            commit: bundle.then(|| git(&self.agent(), &["rev-parse", "HEAD"])),
        };
        handoff::publish(&self.attempt.dirs.handoff, handoff::RESULT, &result).unwrap();
    }

    /// `resolve` hands back these contents.
    pub fn resolve(&self, files: Files) {
        let resolved = |(n, (path, content)): (usize, &(&str, Option<&str>))| {
            let name = format!("f{n}");
            if let Some(content) = content {
                fs::write(self.attempt.dirs.handoff.join(&name), content).unwrap();
            }
            let content = content.map(|_| name);
            ResolvedFile { path: (*path).to_owned(), content, executable: false }
        };
        let resolution = Resolution {
            outcome: Outcome::Succeeded,
            reason: None,
            message: String::new(),
            rounds: 1,
            usage: None,
            files: files.iter().enumerate().map(resolved).collect(),
        };
        handoff::publish(&self.attempt.dirs.handoff, handoff::RESOLUTION, &resolution).unwrap();
    }

    /// The Clone phase, which must succeed.
    pub fn clone(&self) -> Report {
        let ended = perform::clone(&self.attempt);
        assert_eq!(ended.exit, 0, "{ended:?}");
        ended.report.unwrap()
    }

    /// The Rebase phase, which must succeed.
    pub fn rebase(&self) -> Report {
        let ended = perform::rebase(&self.attempt);
        assert_eq!(ended.exit, 0, "{ended:?}");
        ended.report.unwrap()
    }

    /// The Push phase, which must succeed.
    pub fn push(&self) -> Report {
        let ended = perform::push(&self.attempt);
        assert_eq!(ended.exit, 0, "{ended:?}");
        ended.report.unwrap()
    }

    /// What was planned for Claude.
    pub fn landing(&self) -> Landing {
        Landing::read(&self.attempt.dirs).unwrap()
    }

    /// The conflict that was planned for Claude.
    pub fn conflict(&self) -> Conflict {
        match self.landing().landed {
            Some(Landed::Conflicts(conflict)) => conflict,
            other => panic!("no conflict: {other:?}"),
        }
    }

    /// The start commit.
    pub fn start(&self) -> String {
        runner::plan::Start::read(&self.attempt.dirs).unwrap().start_commit
    }

    /// Makes a hook of the remote.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.remote().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Asks the remote.
    pub fn ask(&self, args: &[&str]) -> String {
        git(&self.remote(), args)
    }

    /// The commit of a ref of the remote, or nothing.
    pub fn tip(&self, name: &str) -> Option<String> {
        let listed = self.ask(&["for-each-ref", "--format=%(objectname)", name]);
        (!listed.is_empty()).then_some(listed)
    }

    /// The subjects of a range of the remote, oldest first.
    pub fn subjects(&self, range: &str) -> Vec<String> {
        let log = self.ask(&["log", "--reverse", "--format=%s", range]);
        log.lines().map(str::to_owned).collect()
    }

    /// A file of the remote's branch of the task.
    pub fn pushed(&self, path: &str) -> String {
        self.ask(&["show", &format!("{}:{path}", self.attempt.document.branch)])
    }

    /// Everything of a task whose change git can land: clone, run, rebase, push.
    pub fn land(&self) -> Report {
        self.hand_back();
        self.rebase();
        self.push()
    }
}

/// Runs git; its output without the line break at the end.
pub fn git(at: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(at).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (role, name) in [("AUTHOR", "Ann"), ("COMMITTER", "Cy")] {
        command
            .env(format!("GIT_{role}_NAME"), name)
            .env(format!("GIT_{role}_EMAIL"), "a@example.com");
        command.env(format!("GIT_{role}_DATE"), "1700000000 +0100");
    }
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {words}");
    String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
}

/// Writes `<n>.bundle` of the work tree `agent` since `start`, and its note.
pub fn write_bundle(agent: &Path, handoff: &Path, start: &str, n: u32, extent: Extent) {
    let file = handoff.join(format!("{n}.bundle"));
    git(agent, &["update-ref", handoff::BUNDLE_REF, "HEAD"]);
    let (file, start) = (file.to_str().unwrap(), format!("^{start}"));
    git(agent, &["bundle", "create", "-q", file, handoff::BUNDLE_REF, &start]);
    let commit = git(agent, &["rev-parse", "HEAD"]);
    handoff::publish(handoff, &format!("{n}.json"), &BundleNote { extent, commit }).unwrap();
}

/// What a phase that failed said.
pub fn failure(ended: Ended) -> (Reason, String) {
    assert_eq!(ended.exit, 1, "{ended:?}");
    let report = ended.report.unwrap();
    assert_ne!(report.phase, Phase::Run);
    (report.reason.unwrap(), report.message)
}

fn document() -> TaskDocument {
    serde_json::from_value(serde_json::json!({
        "namespace": "demo", "name": "login", "uid": UID, "attempt": 1,
        "repository": {"url": "https://git.example.com/acme/shop.git"},
        "rebase": {}, "push": {}, "branch": "claude/login", "claude": {},
        "checkpointRef": CHECKPOINT, "notAfter": "2099-01-01T00:00:00Z", "settings": {}
    }))
    .unwrap()
}
