//! What is too large to be handed over: it would fill the next volume, and the Pod would be evicted
//! with all of the work.
//!
//! Not here: what is said about them ([`crate::run`]).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::git::GitError;
use crate::guard::mebibytes;
use crate::work::change::Entry;
use crate::work::shadow::{Shadow, WorkError};

/// How much may be handed over, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In one file that is not committed.
    pub file: u64,
    /// In all of these files, and in one bundle.
    pub total: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { file: u64::MAX, total: u64::MAX }
    }
}

impl Room {
    /// What fits into volumes of this size: git's copy of a file, and then two bundles with it
    /// while a third is written. 0 is no limit.
    pub const fn within(volume: u64) -> Self {
        let total = if volume == 0 { u64::MAX } else { volume / 4 };
        Self { file: u64::MAX, total }
    }
}

impl Shadow {
    /// The files that are left out now, largest first; remembered as such.
    pub(super) fn leave_out(&self) -> Result<Vec<Vec<u8>>, GitError> {
        if self.room == Room::default() {
            return Ok(Vec::new());
        }
        let list = self.command("ls-files").args(["-o", "-m", "-z", "--exclude-standard"]);
        let listed = list.run()?;
        let paths = listed.split(|&byte| byte == 0).filter(|path| !path.is_empty());
        let size = |path: &[u8]| {
            let meta = self.worktree.join(OsStr::from_bytes(path)).symlink_metadata().ok()?;
            meta.is_file().then(|| (meta.len(), path.to_vec()))
        };
        let files = too_much(paths.filter_map(size).collect(), self.room);
        self.left_out.replace(files.iter().map(|(size, path)| named(path, *size)).collect());
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    /// `tree` with its largest files as they are in `start`, so that what differs fits; and the
    /// names of those files, each with its size.
    pub(super) fn lighten(
        &self,
        tree: &str,
        start: &str,
    ) -> Result<(String, Vec<String>), WorkError> {
        let diff = self.command("diff-tree").args(["-r", "-z", "--raw", "--no-renames"]);
        let entries = Entry::parse_all(&diff.args([start, tree, "--"]).run()?);
        let ids: Vec<u8> =
            entries.iter().flat_map(|entry| [entry.now.as_bytes(), b"\n"].concat()).collect();
        let ask = self.command("cat-file").arg("--batch-check=%(objectsize)").input(ids);
        let sizes = String::from_utf8_lossy(&ask.run()?).into_owned();
        // What is gone, and the commit of another repository, has no size.
        let sizes = sizes.lines().map(|size| size.parse().unwrap_or(0));
        let files = sizes.zip(&entries).map(|(size, entry)| (size, entry.path.clone())).collect();
        // Commits and trees take their part.
        let room = Room { file: u64::MAX, total: self.room.total - self.room.total / 16 };
        let left_out = too_much(files, room);
        let names = left_out.iter().map(|(size, path)| named(path, *size)).collect();
        let is_left_out = |entry: &&Entry| left_out.iter().any(|(_, path)| *path == entry.path);
        let before: Vec<u8> =
            entries.iter().filter(is_left_out).flat_map(Entry::as_before).collect();
        self.command("read-tree").arg(tree).run()?;
        self.command("update-index").args(["-z", "--index-info"]).input(before).run()?;
        Ok((self.command("write-tree").line()?, names))
    }

    /// What the last look at the work tree left out, each with its size.
    pub fn left_out(&self) -> Vec<String> {
        self.left_out.borrow().clone()
    }
}

fn named(path: &[u8], size: u64) -> String {
    format!("{} ({})", String::from_utf8_lossy(path), mebibytes(size))
}

/// The largest files, as many as it takes for the others to fit.
fn too_much(mut files: Vec<(u64, Vec<u8>)>, room: Room) -> Vec<(u64, Vec<u8>)> {
    files.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum: u64 = files.iter().map(|(size, _)| size).sum();
    let fits = |(size, _): &(u64, Vec<u8>)| {
        let fits = *size <= room.file && sum <= room.total;
        sum -= size;
        fits
    };
    let count = files.iter().position(fits).unwrap_or(files.len());
    files.truncate(count);
    files
}

/// Arguments of `git add` that take everything but these paths, for its standard input.
pub(super) fn pathspecs(left_out: &[Vec<u8>]) -> Vec<u8> {
    let exclude = |path: &Vec<u8>| [&b":(exclude,literal)"[..], path, b"\0"].concat();
    b".\0".iter().copied().chain(left_out.iter().flat_map(exclude)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Room, pathspecs, too_much};

    #[test]
    fn the_largest_files_are_left_out_until_the_rest_fits() {
        let files = || vec![(5, b"a".to_vec()), (90, b"b".to_vec()), (40, b"c".to_vec())];
        for (file, total, expected) in [
            (u64::MAX, 135, &[][..]),
            (u64::MAX, 134, &[b"b"][..]),
            (u64::MAX, 44, &[b"b", b"c"][..]),
            (39, 1000, &[b"b", b"c"][..]),
            (4, 1000, &[b"b", b"c", b"a"][..]),
        ] {
            let left: Vec<_> =
                too_much(files(), Room { file, total }).into_iter().map(|(_, path)| path).collect();
            assert_eq!(left, expected, "{file} {total}");
        }
    }

    #[test]
    fn paths_are_taken_literally() {
        assert_eq!(pathspecs(&[b"a*\n".to_vec()]), b".\0:(exclude,literal)a*\n\0");
    }
}
