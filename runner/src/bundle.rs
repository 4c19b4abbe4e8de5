//! Takes the work out of a bundle that the agent side wrote.
//!
//! The bundle is never given to git by name (git would follow a text file `gitdir: …`): its header
//! is read here, and the pack behind it goes to `git index-pack --strict`, which checks every
//! object as a fetch with fsck does, on all git versions. One ref, the agreed one, counts. Format:
//! gitformat-bundle(5). Not here: which bundle is the newest ([`crate::handoff`]).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use crate::dirs::Dirs;
use crate::git::commit::is_id;
use crate::git::{Git, GitError};
use crate::handoff::{self, BUNDLE_LIMIT, BUNDLE_REF, Distrust};

/// Longest header in bytes.
const HEADER_LIMIT: u64 = 64 << 10;

/// Work that is now in the trusted repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The commit that the bundle's ref names.
    pub commit: String,
    /// SHA-256 of the bundle in hex.
    pub digest: String,
}

/// A bundle was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file itself is not acceptable.
    #[error(transparent)]
    File(#[from] Distrust),
    /// It is no bundle, or not one as agreed.
    #[error("{0} is not the bundle that was agreed: {1}")]
    Header(String, &'static str),
    /// Its objects are broken, or do not fit the repository.
    #[error("the objects of {0} were refused: {1}")]
    Objects(String, String),
    /// Reading it failed.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
    /// Git failed otherwise.
    #[error(transparent)]
    Git(GitError),
}

/// Imports `handoff/<n>.bundle`.
///
/// # Errors
/// [`Refused`].
pub fn import(git: &Git, dirs: &Dirs, n: u32) -> Result<Imported, Refused> {
    let name = format!("{n}.bundle");
    let private = dirs.tmp.join("imported.bundle");
    handoff::copy(&dirs.handoff, &name, BUNDLE_LIMIT, &private)?;
    let io = |error| Refused::Io(name.clone(), error);
    let mut file = File::open(&private).map_err(io)?;
    let digest = digest(&mut file).map_err(io)?;
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    file.by_ref().take(HEADER_LIMIT).read_to_end(&mut head).map_err(io)?;
    let header = Header::parse(&head).map_err(|why| Refused::Header(name.clone(), why))?;
    file.seek(SeekFrom::Start(header.length)).map_err(io)?;
    unpack(git, &name, file, &header.tip)?;
    // What was imported is in the repository now.
    let _ = std::fs::remove_file(&private);
    Ok(Imported { commit: header.tip, digest })
}

/// Unpacks; `--strict` also refuses objects that lead to missing ones.
fn unpack(git: &Git, name: &str, pack: File, tip: &str) -> Result<(), Refused> {
    let refused = |error| match error {
        GitError::Failed { words, .. } => Refused::Objects(name.to_owned(), words),
        error => Refused::Git(error),
    };
    let index = git.command("index-pack").args(["--stdin", "--fix-thin", "--strict"]);
    index.arg(format!("--max-input-size={BUNDLE_LIMIT}")).file(pack).run().map_err(refused)?;
    // A tip that is a tag or a tree is no work.
    let commit = git.resolve(tip, "commit").map_err(Refused::Git)?;
    if commit.as_deref() != Some(tip) {
        return Err(Refused::Header(name.to_owned(), "its ref names no commit"));
    }
    git.command("update-ref").args([BUNDLE_REF, tip]).run().map_err(refused).map(drop)
}

fn digest(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(file, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

/// What stands before the pack.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    tip: String,
    length: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let end =
            bytes.windows(2).position(|pair| pair == b"\n\n").ok_or("its header has no end")?;
        let text = std::str::from_utf8(&bytes[..end]);
        // The comment behind a prerequisite may be any bytes; only ids and refs are looked at.
        let text = text.map_or_else(|_| String::from_utf8_lossy(&bytes[..end]), Into::into);
        let mut lines = text.split('\n');
        match lines.next() {
            Some("# v2 git bundle" | "# v3 git bundle") => {}
            _ => return Err("its first line is none of a bundle"),
        }
        let mut tips = Vec::new();
        for line in lines {
            match line.as_bytes().first() {
                Some(b'@') if line.starts_with("@object-format=") => {}
                Some(b'@') => return Err("it has an unknown capability"),
                Some(b'-') => {}
                _ => tips.push(line.split_once(' ').ok_or("a line of its header has no ref")?),
            }
        }
        match tips[..] {
            [(tip, BUNDLE_REF)] if is_id(tip) => {
                Ok(Self { tip: tip.to_owned(), length: end as u64 + 2 })
            }
            [_] => Err("its ref is another one"),
            _ => Err("it does not have exactly one ref"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1111111111111111111111111111111111111111";

    #[test]
    fn the_agreed_header_is_accepted() {
        let text = format!("# v2 git bundle\n-{ID} caf\u{e9}\n{ID} {BUNDLE_REF}\n\nPACK");
        let length = text.len() as u64 - 4;
        assert_eq!(Header::parse(text.as_bytes()), Ok(Header { tip: ID.to_owned(), length }));
    }

    #[test]
    fn any_other_header_is_refused() {
        for text in [
            "gitdir: /claudetask/repo/r.git\n\n".to_owned(),
            format!("# v2 git bundle\n{ID} refs/heads/main\n\n"),
            format!("# v2 git bundle\n{ID} {BUNDLE_REF}\n{ID} refs/heads/main\n\n"),
            format!("# v2 git bundle\n-{ID}\n\n"),
            format!("# v2 git bundle\n--upload-pack=x {BUNDLE_REF}\n\n"),
            format!("# v2 git bundle\n--all {BUNDLE_REF}\n\n"),
            format!("# v3 git bundle\n@filter=blob:none\n{ID} {BUNDLE_REF}\n\n"),
            format!("# v2 git bundle\n{ID} {BUNDLE_REF}\n"),
            String::new(),
        ] {
            assert!(Header::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
