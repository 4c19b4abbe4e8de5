//! Git as the agent in a container uses it, for several test programs.

use std::path::Path;
use std::process::Command;

/// Runs git in a directory: whether it succeeded, and what it printed, with its errors if not.
pub fn run(dir: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new("git")
        .args(args)
        .current_dir(dir)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.com")])
        .envs([("GIT_COMMITTER_NAME", "C"), ("GIT_COMMITTER_EMAIL", "c@example.com")])
        .output()
        .unwrap();
    let complaint = if out.status.success() { Vec::new() } else { out.stderr };
    let text = String::from_utf8([out.stdout, complaint].concat()).unwrap();
    (out.status.success(), text.trim_end().to_owned())
}
