//! A work tree like the Pod's, and what arrives of it in the trusted repository.
//!
//! Not here: what is to be shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use crd::spec::Author;
use runner::dirs::Dirs;
use runner::handoff::{BUNDLE_REF, newest_bundle};
use runner::progress::Progress;
use runner::scrub::Scrub;
use runner::work::{Origin, Rest, Snapshot, Work};

use crate::agent_git;

pub struct Pod {
    _root: tempfile::TempDir,
    _model: Arc<Model>,
    pub dirs: Dirs,
    pub origin: Origin,
    pub work: Work,
}

/// What every Pod begins as: made once, and gone with the last of them.
struct Model {
    root: tempfile::TempDir,
    dirs: Dirs,
    origin: Origin,
}

impl Model {
    fn get() -> Arc<Self> {
        static LAST: Mutex<Weak<Model>> = Mutex::new(Weak::new());
        let mut last = LAST.lock().unwrap();
        last.upgrade().unwrap_or_else(|| {
            let model = Arc::new(Self::make());
            *last = Arc::downgrade(&model);
            model
        })
    }

    fn make() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        let seed = root.path().join("seed");
        git(root.path(), &["init", "-q", "-b", "main", "seed"]);
        let commit = |message: &str, files: &[(&str, &str)]| {
            for (name, text) in files {
                fs::write(seed.join(name), text).unwrap();
            }
            git(&seed, &["add", "-A"]);
            git(&seed, &["commit", "-q", "-m", message]);
            git(&seed, &["rev-parse", "HEAD"])
        };
        commit("First", &[("a.txt", "old\n"), (".gitignore", "*.log\nbuild/\n")]);
        let start = commit("Start", &[("a.txt", "a\n"), ("b.txt", "b\n")]);
        let onto = commit("Theirs", &[("o.txt", "o\n")]);
        let bare = dirs.bare();
        git(root.path(), &["clone", "-q", "--bare", "seed", path(&bare)]);
        git(root.path(), &["clone", "-q", "--shared", path(&bare), "workspace/repo"]);
        let tree = dirs.worktree();
        git(&tree, &["checkout", "-q", "-B", "claude/x", &start]);
        git(&tree, &["branch", "-q", "-D", "main"]);
        let origin = Origin { start: start.clone(), first: start, onto };
        Self { root, dirs, origin }
    }
}

/// Copies what is in a directory, with its times.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Git as the agent uses it.
pub fn git(dir: &Path, args: &[&str]) -> String {
    let (success, text) = agent_git::run(dir, args);
    assert!(success, "git {args:?}: {text}");
    text
}

impl Pod {
    /// A trusted repository with two commits on `main`, of which the second is the start, and one
    /// more of somebody else on the onto branch; the agent's clone borrows its objects.
    pub fn new() -> Self {
        let model = Model::get();
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        copy(&model.dirs.repo, &dirs.repo);
        copy(&model.dirs.workspace, &dirs.workspace);
        let (from, to) = (path(model.root.path()), path(root.path()));
        for file in ["config", "objects/info/alternates"] {
            let file = dirs.worktree().join(".git").join(file);
            fs::write(&file, fs::read_to_string(&file).unwrap().replace(from, to)).unwrap();
        }
        let origin = model.origin.clone();
        let work = work(&dirs, &origin);
        Self { _root: root, _model: model, dirs, origin, work }
    }

    /// The task goes on from earlier work, which is checked out.
    pub fn go_on_from(&mut self, first: &str) {
        first.clone_into(&mut self.origin.first);
        self.work = work(&self.dirs, &self.origin);
    }

    pub fn tree(&self) -> PathBuf {
        self.dirs.worktree()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.tree().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a shell script in the work tree, as the agent.
    pub fn shell(&self, script: &str) {
        let mut shell = Command::new("bash");
        shell.args(["-euc", script]).current_dir(self.tree()).env("HOME", &self.dirs.tmp);
        shell.env("GIT_EDITOR", "true").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            shell.env(format!("GIT_{role}_NAME"), "A");
            shell.env(format!("GIT_{role}_EMAIL"), "a@example.com");
        }
        let output = shell.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {words}");
    }

    pub fn save(&mut self) -> Option<String> {
        self.end(Rest::Left).1
    }

    /// The end of Run: the last snapshot, and the commit that is handed over.
    pub fn end(&mut self, rest: Rest) -> (Snapshot, Option<String>) {
        let snapshot = self.work.snapshot().unwrap();
        let commit = self.work.save_final(&snapshot, rest).unwrap();
        (snapshot, commit)
    }

    /// What arrives in the trusted repository: subjects from the oldest, and the files.
    pub fn arrives(&self) -> (Vec<String>, Vec<String>) {
        let (number, note) = newest_bundle(&self.dirs.handoff).unwrap();
        let bundle = self.dirs.handoff.join(format!("{number}.bundle"));
        let spec = format!("+{BUNDLE_REF}:refs/import");
        let bare = self.dirs.bare();
        git(&bare, &["bundle", "verify", bundle.to_str().unwrap()]);
        git(&bare, &["fetch", "-q", bundle.to_str().unwrap(), &spec]);
        assert_eq!(git(&bare, &["rev-parse", "refs/import"]), note.commit);
        let range = format!("{}..refs/import", self.origin.start);
        let log = git(&bare, &["log", "--reverse", "--topo-order", "--format=%s (%an)", &range]);
        let files = git(
            &bare,
            &["-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "refs/import"],
        );
        (lines(&log), lines(&files))
    }

    pub fn shows(&self, path: &str) -> String {
        git(&self.dirs.bare(), &["show", &format!("refs/import:{path}")])
    }
}

/// Plays every row, on two threads; what is wrong with them, a line each.
pub fn wrong<T: Sync>(rows: &[T], play: impl Fn(&T) -> Option<String> + Sync) -> String {
    let half = rows.len().div_ceil(2);
    let found = std::thread::scope(|scope| {
        let play = &play;
        let part =
            |rows| scope.spawn(move || <[T]>::iter(rows).filter_map(play).collect::<Vec<_>>());
        let threads: Vec<_> = rows.chunks(half).map(part).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    found.join("\n")
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn work(dirs: &Dirs, origin: &Origin) -> Work {
    let progress = Progress::to("run", Scrub::default(), std::io::sink());
    Work::new(dirs, origin.clone(), &Author::default(), "Add it\n".into(), &progress)
}
