//! Full volumes: whether an error means one, and making room in them.
//!
//! Not here: finding out before it happens ([`super::volume`]).

use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind};

use crate::dirs::Dirs;

/// What the C library and Node.js say of a full volume or a used-up quota.
const WORDS: [&str; 4] = ["No space left on device", "Disk quota exceeded", "ENOSPC", "EDQUOT"];

/// True when `error` or one of its causes is a full volume.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
        || says_full(&error.to_string())
        || error.source().is_some_and(is_full)
}

/// True when a program that said this met a full volume.
pub fn says_full(text: &str) -> bool {
    WORDS.iter().any(|words| text.contains(words))
}

/// Empties what nobody needs once the work is handed over and the task has failed: the kubelet
/// would evict the Pod for it before the git side has saved the work.
pub fn make_room(dirs: &Dirs) {
    for directory in [&dirs.workspace, &dirs.tmp] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            // What cannot be removed stays; the kubelet may evict the Pod then.
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let _ = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{is_full, make_room, says_full};
    use crate::dirs::Dirs;
    use crate::git::GitError;
    use crate::work::WorkError;

    #[test]
    fn a_full_volume_is_known_by_kind_or_words_however_deep() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_full(&WorkError::Io("the bundle", full())));
        let words = "error: unable to write file: No space left on device".to_owned();
        assert!(is_full(&WorkError::from(GitError::Failed { name: "add".into(), words })));
        assert!(!is_full(&WorkError::Io("the bundle", io::ErrorKind::NotFound.into())));
        assert!(says_full("Error: ENOSPC: no space left on device, write"));
        assert!(!says_full("no space between words"));
    }

    #[test]
    fn room_is_made_and_nothing_outside_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        std::fs::create_dir_all(dirs.worktree().join("d")).unwrap();
        std::fs::write(dirs.worktree().join("d/f"), "x").unwrap();
        std::fs::write(dirs.handoff.join("f"), "x").unwrap();
        std::os::unix::fs::symlink(&dirs.handoff, dirs.tmp.join("link")).unwrap();
        make_room(&dirs);
        assert!(dirs.handoff.join("f").exists());
        for emptied in [&dirs.workspace, &dirs.tmp] {
            assert_eq!(std::fs::read_dir(emptied).unwrap().count(), 0);
        }
    }
}
