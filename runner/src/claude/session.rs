//! Carries Claude Code's transcript between containers: one file, and nothing else of HOME. And
//! reads what the session has cost by it.
//!
//! Everything else that a process leaves in HOME could redirect the next start (a planted
//! `.claude.json` moves the base URL), so each start gets an empty HOME. The transcript itself is
//! text that the agent could have written, as it could write to Claude Code's own output; it is given
//! back to the agent, and believed in numbers alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crd::status::Usage;
use nix::fcntl::OFlag;
use serde_json::Value;

use super::stream;

/// Largest transcript that is carried.
const LIMIT: u64 = 128 << 20;
/// How much of a transcript's end is searched for the account.
const END: u64 = 4 << 20;

/// Copies the transcript of session `id` out of `home` into `store`.
///
/// # Errors
/// When there is none, or it is a link, no regular file or too large.
pub fn keep(home: &Path, store: &Path, id: &str) -> io::Result<()> {
    let name = name(id);
    for project in fs::read_dir(home.join(".claude/projects"))? {
        let project = project?;
        if project.file_type()?.is_dir() {
            let file = project.path().join(&name);
            if file.symlink_metadata().is_ok() {
                return copy(&file, store, &name);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "Claude Code left no transcript"))
}

/// Puts the transcript of session `id` from `store` to where a start in `cwd` with this `home`
/// looks for it.
///
/// # Errors
/// As [`keep`].
pub fn restore(store: &Path, home: &Path, cwd: &Path, id: &str) -> io::Result<()> {
    let name = name(id);
    let project = home.join(".claude/projects").join(project(cwd));
    fs::create_dir_all(&project)?;
    copy(&store.join(&name), &project, &name)
}

/// What all processes of session `id` have used, without turns, by its transcript in `store`: nothing
/// when that is missing or does not say.
///
/// Claude Code writes it when it ends, also on SIGINT and SIGTERM, when it may print no result; a
/// process that was killed leaves the account of those before it.
pub fn account(store: &Path, id: &str) -> Usage {
    let lines = end(&store.join(name(id))).unwrap_or_default();
    let newest = lines
        .rsplit(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .find(|line| line["type"] == "cost-state");
    newest.map(|line| stream::usage(&line["modelUsage"])).unwrap_or_default()
}

fn end(transcript: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(transcript)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(end)
}

fn name(id: &str) -> String {
    format!("{id}.jsonl")
}

/// The CLI's name for a directory: every character but letters and digits becomes a dash.
fn project(cwd: &Path) -> PathBuf {
    let real = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let dashes = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    real.to_string_lossy().chars().map(dashes).collect::<String>().into()
}

fn copy(from: &Path, folder: &Path, name: &str) -> io::Result<()> {
    let file = open(from)?;
    let part = folder.join(format!(".{name}.part"));
    let mut to = File::create(&part)?;
    io::copy(&mut file.take(LIMIT), &mut to)?;
    fs::rename(part, folder.join(name))
}

/// A transcript to be read. Not followed and not waited for: a link or a pipe under that name is
/// refused.
fn open(transcript: &Path) -> io::Result<File> {
    let refuse =
        |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("transcript {why}"));
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(transcript)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(refuse("is no regular file"));
    }
    if meta.len() > LIMIT {
        return Err(refuse("is too large"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use crd::Usd;

    use super::{END, account, keep, project, restore};

    /// A line of the account with this cost.
    fn cost(usd: &str) -> String {
        format!(
            r#"{{"type":"cost-state","totalCostUSD":9,"modelUsage":{{"m":{{"costUSD":{usd},"outputTokens":7}}}}}}"#
        )
    }

    #[test]
    fn the_transcript_and_nothing_else_reaches_the_next_home() {
        let dir = tempfile::tempdir().unwrap();
        let (first, store, second) =
            (dir.path().join("1"), dir.path().join("s"), dir.path().join("2"));
        let cwd = Path::new("/workspace/repo");
        let transcripts = first.join(".claude/projects/-workspace-repo");
        fs::create_dir_all(&transcripts).unwrap();
        fs::create_dir_all(&store).unwrap();
        fs::write(first.join(".claude.json"), "{\"env\":{}}").unwrap();
        fs::write(transcripts.join("id.jsonl"), "line\n").unwrap();
        fs::write(transcripts.join("other.jsonl"), "x").unwrap();
        keep(&first, &store, "id").unwrap();
        restore(&store, &second, cwd, "id").unwrap();
        let copy = second.join(".claude/projects/-workspace-repo/id.jsonl");
        assert_eq!(fs::read_to_string(copy).unwrap(), "line\n");
        assert!(!second.join(".claude.json").exists());
        assert_eq!(fs::read_dir(&store).unwrap().count(), 1);
    }

    #[test]
    fn a_link_or_a_pipe_in_place_of_the_transcript_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (home, store) = (dir.path().join("1"), dir.path().join("s"));
        let transcripts = home.join(".claude/projects/p");
        fs::create_dir_all(&transcripts).unwrap();
        fs::create_dir_all(&store).unwrap();
        symlink("/etc/passwd", transcripts.join("id.jsonl")).unwrap();
        assert!(keep(&home, &store, "id").is_err());
        fs::remove_file(transcripts.join("id.jsonl")).unwrap();
        let mode = nix::sys::stat::Mode::S_IRWXU;
        nix::unistd::mkfifo(&transcripts.join("id.jsonl"), mode).unwrap();
        assert!(keep(&home, &store, "id").is_err());
        assert!(restore(&store, &home, Path::new("/x"), "id").is_err());
    }

    #[test]
    fn the_newest_account_near_the_end_counts_and_a_text_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let after = |lines: &str| {
            fs::write(dir.path().join("id.jsonl"), lines).unwrap();
            let account = account(dir.path(), "id");
            (account.cost_usd, account.output_tokens, account.turns)
        };
        let told = r#"{"type":"user","text":"{\"type\":\"cost-state\"}"}"#;
        let (first, second) = (cost("0.25"), cost("0.75"));
        assert_eq!(
            after(&format!("{first}\n{second}\n{told}\n")),
            (Usd::from_micros(750_000), 7, 0)
        );
        // The last line was cut.
        assert_eq!(after(&format!("{first}\n{}", &second[..60])).0, Usd::from_micros(250_000));
        let long = " ".repeat(usize::try_from(END).unwrap());
        assert_eq!(after(&format!("{first}\n{long}\n")).0, Usd::ZERO);
        assert_eq!(after(told).0, Usd::ZERO);
        assert_eq!(account(dir.path(), "other").cost_usd, Usd::ZERO);
    }

    #[test]
    fn projects_are_named_as_the_cli_names_them() {
        assert_eq!(project(Path::new("/workspace/repo")), Path::new("-workspace-repo"));
        assert_eq!(project(Path::new("/a/.b_c/dé")), Path::new("-a--b-c-d-"));
    }
}
