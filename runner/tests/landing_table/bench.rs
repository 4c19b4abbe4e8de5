//! Plain git in a working copy of its own: how commits are made, and how the oracle tries things.
//!
//! Not here: anything of the runner.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::World;

/// A working copy.
pub struct Bench {
    path: PathBuf,
}

impl Bench {
    /// A further working copy of the world's repository.
    pub fn new(world: &World, name: &str) -> Self {
        let path = world.root().join(name);
        let args = ["worktree", "add", "-q", "--detach", path.to_str().unwrap()];
        let made = git(&world.repository(), "Ann", &args);
        assert!(made.status.success(), "{made:?}");
        Self { path }
    }

    /// One without any commit.
    pub fn new_orphan(world: &World) -> Self {
        let bench = Self::new(world, "maker");
        bench.git(&["checkout", "-q", "--orphan", "unused"]);
        bench
    }

    /// Goes to a commit and leaves nothing else lying around.
    pub fn go(&self, commit: &str) {
        self.git(&["reset", "-q", "--hard"]);
        self.git(&["checkout", "-q", "--force", "--detach", commit]);
        self.git(&["clean", "-ffdxq"]);
    }

    /// Runs git, which must succeed, and gives its output without the last line break.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {words}");
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// Runs git, whatever its end.
    pub fn output(&self, args: &[&str]) -> Output {
        git(&self.path, "Ann", args)
    }

    /// Writes a file; its name may be any bytes.
    pub fn write(&self, file: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.at(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_symlink() {
            fs::remove_file(&path).unwrap();
        }
        fs::write(path, content).unwrap();
    }

    /// Replaces text in a file.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        self.write(file, text.replacen(from, to, 1));
    }

    /// Puts a symbolic link in a file's place.
    pub fn link(&self, file: &str, to: &str) {
        let _ = fs::remove_file(self.at(file));
        symlink(to, self.at(file)).unwrap();
    }

    /// Makes a file executable.
    pub fn allow(&self, file: &str) {
        fs::set_permissions(self.at(file), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Records a commit as submodule, without having it.
    pub fn submodule(&self, file: &str, digit: &str) {
        let commit = digit.repeat(40);
        self.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{file}")]);
        fs::create_dir_all(self.at(file)).unwrap();
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) -> String {
        self.commit_as("Ann", message)
    }

    /// Commits everything in somebody's name.
    pub fn commit_as(&self, name: &str, message: &str) -> String {
        self.git(&["add", "-A"]);
        let args = ["commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message];
        let made = git(&self.path, name, &args);
        assert!(made.status.success(), "{made:?}");
        self.head()
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    fn at(&self, file: impl AsRef<[u8]>) -> PathBuf {
        self.path.join(OsStr::from_bytes(file.as_ref()))
    }
}

/// Runs git with nobody's settings.
pub fn git(at: &Path, name: &str, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(at).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("LC_ALL", "C");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), name);
        command.env(format!("GIT_{role}_EMAIL"), format!("{name}@example.com"));
        command.env(format!("GIT_{role}_DATE"), "1700000000 +0100");
    }
    command.output().unwrap()
}
