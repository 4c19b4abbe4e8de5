//! Carries Claude Code's transcript between containers: one file, and nothing else of HOME.
//!
//! Everything else that a process leaves in HOME could redirect the next start (a planted
//! `.claude.json` moves the base URL), so each start gets an empty HOME. The transcript itself is
//! text that the agent could have written; it is only ever given back to the agent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Largest transcript that is carried.
const LIMIT: u64 = 128 << 20;

/// Copies the transcript of session `id` out of `home` into `store`.
///
/// # Errors
/// When there is none, or it is a link, no regular file or too large.
pub fn keep(home: &Path, store: &Path, id: &str) -> io::Result<()> {
    let name = format!("{id}.jsonl");
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
    let name = format!("{id}.jsonl");
    let project = home.join(".claude/projects").join(project(cwd));
    fs::create_dir_all(&project)?;
    copy(&store.join(&name), &project, &name)
}

/// The CLI's name for a directory: every character but letters and digits becomes a dash.
fn project(cwd: &Path) -> PathBuf {
    let real = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let dashes = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    real.to_string_lossy().chars().map(dashes).collect::<String>().into()
}

fn copy(from: &Path, folder: &Path, name: &str) -> io::Result<()> {
    let refuse =
        |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("transcript {why}"));
    // Not followed and not waited for: a link or a pipe under that name is refused.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(from)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(refuse("is no regular file"));
    }
    if meta.len() > LIMIT {
        return Err(refuse("is too large"));
    }
    let part = folder.join(format!(".{name}.part"));
    let mut to = File::create(&part)?;
    io::copy(&mut file.take(LIMIT), &mut to)?;
    fs::rename(part, folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{keep, project, restore};

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
    fn projects_are_named_as_the_cli_names_them() {
        assert_eq!(project(Path::new("/workspace/repo")), Path::new("-workspace-repo"));
        assert_eq!(project(Path::new("/a/.b_c/dé")), Path::new("-a--b-c-d-"));
    }
}
