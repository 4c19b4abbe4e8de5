//! The repository that all rows share: where the work starts, and who was there before.
//!
//! Not here: what the agent and everybody else do next ([`crate::histories`], [`crate::ontos`]).

use std::path::{Path, PathBuf};

use crate::bench::{Bench, git};

/// A text long enough for git to see a renamed file in it.
pub const TEXT: &str =
    "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n";
/// A name of letters with combining marks (NFD), with a tab, a quote and a backslash.
pub const ODD: &str = "e\u{301}\t\"quoted\" \\ name";
/// A name that is no UTF-8.
pub const LATIN: &[u8] = b"caf\xe9";
/// The mark of a task that was there before.
pub const OTHER_MARK: &str = "ClaudeTask: 0ther000-1111-4222-8333-444455556666";

/// The repository and the commits that everything begins with.
pub struct World {
    root: tempfile::TempDir,
    /// The commit before `main`.
    pub below: String,
    /// `main` when the work starts.
    pub main: String,
    /// A feature branch that people made from `main`.
    pub feature: String,
    /// The first commit of that branch.
    pub first_of_feature: String,
}

impl World {
    /// Makes it.
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let args = ["init", "-q", "-b", "main", "world"];
        assert!(git(root.path(), "Ann", &args).status.success());
        let none = String::new;
        let (below, main, feature, first) = (none(), none(), none(), none());
        let mut world = Self { root, below, main, feature, first_of_feature: first };
        settle(&world.repository());
        let bench = Bench::new_orphan(&world);
        bench.write("ground", "ground\n");
        world.below = bench.commit("Ground");
        fill(&bench);
        world.main = bench.commit("Start");
        bench.write("p1", "p1\n");
        world.first_of_feature = bench.commit_as("Pat", "People's first");
        bench.commit_as("Pat", "People's empty one");
        bench.write("p2", "p2\n");
        bench.edit("b", "two", "two of the branch");
        world.feature = bench.commit_as("Pat", &format!("People's last\n\n{OTHER_MARK}\n"));
        world
    }

    /// The directory of everything.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The repository's own working copy, in which nobody works.
    pub fn repository(&self) -> PathBuf {
        self.root.path().join("world")
    }
}

/// Files of every kind.
fn fill(bench: &Bench) {
    for file in ["a", "b", "c", "dir/x", "dir/y", "dir/z", "run.sh"] {
        bench.write(file, format!("{file}\n{TEXT}"));
    }
    bench.write("crlf.txt", "one\r\ntwo\r\nthree\r\n");
    bench.write("binary", b"\0one");
    bench.write(ODD, TEXT);
    bench.write(LATIN, TEXT);
    bench.link("link", "a");
    bench.submodule("sub", "1");
}

/// The settings under which the runner merges; nothing else of it is used here.
fn settle(repository: &Path) {
    for (key, value) in [
        ("merge.renames", "true"),
        ("merge.directoryRenames", "conflict"),
        ("merge.conflictStyle", "diff3"),
        ("merge.renameLimit", "7000"),
        ("core.autocrlf", "false"),
        ("gc.auto", "0"),
        ("advice.addEmbeddedRepo", "false"),
    ] {
        assert!(git(repository, "Ann", &["config", key, value]).status.success());
    }
    let base = ["commit", "-q", "--allow-empty", "-m", "Unused"];
    assert!(git(repository, "Ann", &base).status.success());
}
