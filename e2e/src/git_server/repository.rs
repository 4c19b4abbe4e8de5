//! The bare repositories of the server: made, removed, and what was pushed to them.
//!
//! Hooks live in one directory beside the repositories. They are the server's own; whether they
//! refuse is told to them per request.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::process::Command;

use super::cgi::REFUSE_ENV;

/// Directory of the hooks below the root; no repository name begins with a dot.
const HOOKS: &str = ".hooks";

/// File in a repository to which the post-receive hook appends.
const PUSHES: &str = "pushes";

/// Notes each push: who, which refs, which push options. One append, so that two never mix.
const POST_RECEIVE: &str = r#"#!/bin/sh
{
  printf 'push %s\n' "$REMOTE_USER"
  while read -r old new ref; do printf 'update %s %s %s\n' "$old" "$new" "$ref"; done
  i=0
  while [ "$i" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
    eval "printf 'option %s\n' \"\$GIT_PUSH_OPTION_$i\""
    i=$((i + 1))
  done
} > "pushes.$$" && cat "pushes.$$" >> pushes && rm "pushes.$$"
"#;

/// What a hosting service's repositories have in common, besides the hooks.
const SETTINGS: [(&str, &str); 6] = [
    ("http.receivepack", "true"),
    ("receive.advertisePushOptions", "true"),
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    // A collection in the background would outlive the request that started it.
    ("gc.auto", "0"),
    ("receive.autogc", "false"),
];

/// One push that was accepted.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// The account that pushed.
    pub user: String,
    /// The refs that it moved.
    pub updates: Vec<Update>,
    /// Its push options.
    pub options: Vec<String>,
}

/// One ref moved by a push.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// Full name of the ref.
    pub name: String,
    /// Commit before; all zeros for a new ref.
    pub old: String,
    /// Commit after; all zeros for a deleted ref.
    pub new: String,
}

/// Writes the hooks; once, when the server starts.
pub fn prepare(root: &Path) -> io::Result<()> {
    let hooks = root.join(HOOKS);
    fs::create_dir_all(&hooks)?;
    let refuse = format!(
        "#!/bin/sh\nif [ -n \"${REFUSE_ENV}\" ]; then echo \"${REFUSE_ENV}\" >&2; exit 1; fi\n"
    );
    for (name, script) in [("pre-receive", refuse.as_str()), ("post-receive", POST_RECEIVE)] {
        let file = hooks.join(name);
        fs::write(&file, script)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Makes an empty repository with default branch `main`; one that exists stays as it is.
pub async fn create(root: &Path, name: &str) -> anyhow::Result<()> {
    let path = location(root, name);
    if path.exists() {
        return Ok(());
    }
    // It appears at its place in one step, so that nobody meets it half made.
    let workshop = TempDir::with_prefix_in(".new-", root)?;
    let made = workshop.path().join("repository.git");
    let directory = made.display().to_string();
    git(&["init", "--quiet", "--bare", "--template=", "--initial-branch=main", &directory]).await?;
    let hooks = root.join(HOOKS).display().to_string();
    for (key, value) in SETTINGS.into_iter().chain([("core.hooksPath", hooks.as_str())]) {
        git(&["--git-dir", &directory, "config", key, value]).await?;
    }
    fs::create_dir_all(path.parent().unwrap_or(root))?;
    match fs::rename(&made, &path) {
        // Made by somebody else meanwhile.
        Err(_) if path.exists() => Ok(()),
        moved => moved.with_context(|| format!("making {}", path.display())),
    }
}

/// Removes a repository; false when there is none.
pub fn remove(root: &Path, name: &str) -> io::Result<bool> {
    match fs::remove_dir_all(location(root, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true),
    }
}

/// The pushes that a repository accepted, oldest first.
pub fn pushes(root: &Path, name: &str) -> io::Result<Vec<Push>> {
    match fs::read_to_string(location(root, name).join(PUSHES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map(|notes| parse_pushes(&notes)),
    }
}

/// Whether a repository exists.
pub fn exists(root: &Path, name: &str) -> bool {
    location(root, name).exists()
}

fn location(root: &Path, name: &str) -> PathBuf {
    root.join(format!("{name}.git"))
}

async fn git(args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("git")
        .args(args)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .await
        .context("starting git")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {words}", args.join(" "));
    Ok(())
}

/// Reads what the post-receive hook wrote.
fn parse_pushes(notes: &str) -> Vec<Push> {
    let mut pushes: Vec<Push> = Vec::new();
    for line in notes.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (kind, pushes.last_mut()) {
            ("push", _) => pushes.push(Push { user: rest.to_owned(), ..Push::default() }),
            ("update", Some(push)) => push.updates.extend(parse_update(rest)),
            ("option", Some(push)) => push.options.push(rest.to_owned()),
            _ => {}
        }
    }
    pushes
}

fn parse_update(text: &str) -> Option<Update> {
    let mut parts = text.splitn(3, ' ').map(str::to_owned);
    let (old, new, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Update { name, old, new })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pushes_are_read_with_their_refs_and_options() {
        let notes = "push writer\nupdate 00 aa refs/heads/main\noption merge_request.create\n\
                     push bot\nupdate aa bb refs/heads/main\nupdate 00 cc refs/heads/x y\n";
        let pushes = parse_pushes(notes);
        assert_eq!(pushes.len(), 2);
        assert_eq!(pushes[0].options, ["merge_request.create"]);
        assert_eq!(pushes[1].user, "bot");
        assert_eq!(pushes[1].updates[0].old, "aa");
        assert_eq!(pushes[1].updates[1].name, "refs/heads/x y");
    }
}
