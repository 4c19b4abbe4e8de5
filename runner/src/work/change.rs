//! Differences between two trees, as git prints them: pure.
//!
//! Not here: asking git ([`super::shadow`]).

use std::collections::BTreeSet;

/// Mode of a commit of another repository in a tree.
const GITLINK: &[u8] = b"160000";

/// One difference between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path in the tree.
    pub path: String,
    /// Mode and blob after it; nothing when the path is gone.
    pub now: Option<(String, String)>,
}

/// One difference, and how to undo it in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in the tree.
    pub path: Vec<u8>,
    /// Mode and id before it; mode `000000` when there was nothing.
    pub before: String,
    /// Id after it, zeros when the path is gone.
    pub now: String,
}

impl Entry {
    /// Reads the same as [`parse_raw`].
    pub fn parse_all(bytes: &[u8]) -> Vec<Self> {
        let mut parts = bytes.split(|&byte| byte == 0);
        let mut entries = Vec::new();
        while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
            let meta = String::from_utf8_lossy(meta);
            if let [mode, _, before, now, _] = meta.split(' ').collect::<Vec<_>>()[..] {
                entries.push(Self {
                    path: path.to_owned(),
                    before: format!("{} {before}", mode.trim_start_matches(':')),
                    now: now.to_owned(),
                });
            }
        }
        entries
    }

    /// What `update-index -z --index-info` reads to have it as before.
    pub fn as_before(&self) -> Vec<u8> {
        [self.before.as_bytes(), b"\t", &self.path, b"\0"].concat()
    }
}

/// Reads `diff-tree --raw -z`: `:<mode> <mode> <blob> <blob> <letter>`, NUL, path, NUL.
pub fn parse_raw(bytes: &[u8]) -> Vec<Change> {
    let mut parts = bytes.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let mut changes = Vec::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let fields: Vec<&str> = meta.split(' ').collect();
        if let [_, mode, _, blob, letter] = fields[..] {
            let now = (letter != "D").then(|| (mode.to_owned(), blob.to_owned()));
            changes.push(Change { path: path.into_owned(), now });
        }
    }
    changes
}

/// Paths that become the commit of another repository (mode 160000) and were none before, as
/// `diff-index --raw -z` prints them.
pub fn gitlinks(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut parts = bytes.split(|&byte| byte == 0);
    let mut found = BTreeSet::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let mut modes = meta.split(|&byte| byte == b' ');
        if modes.next() != Some(b":160000") && modes.next() == Some(GITLINK) {
            found.insert(path.to_vec());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Change, Entry, gitlinks, parse_raw};

    #[test]
    fn new_commits_of_other_repositories_are_found_and_moved_submodules_are_not() {
        let raw =
            b":000000 160000 0 1 A\0new\0:160000 160000 1 2 M\0lib\0:100644 160000 1 2 T\0a\xff\0\
            :160000 000000 1 0 D\0gone\0:000000 100644 0 1 A\0file\0";
        assert_eq!(gitlinks(raw), [b"new".to_vec(), b"a\xff".to_vec()].into());
        assert!(gitlinks(b"").is_empty());
    }

    #[test]
    fn raw_differences_are_read_with_any_path() {
        let raw = b":100644 100755 1111 2222 M\0a b\n\0:100644 000000 1111 0000 D\0gone\0";
        let now = Some(("100755".to_owned(), "2222".to_owned()));
        assert_eq!(
            parse_raw(raw),
            [Change { path: "a b\n".into(), now }, Change { path: "gone".into(), now: None }]
        );
        assert!(parse_raw(b"").is_empty());
    }

    #[test]
    fn a_difference_can_be_undone_byte_for_byte() {
        let raw = b":000000 100644 0000 2222 A\0a\xff\0:100755 100644 1111 2222 M\0b c\n\0";
        let entries = Entry::parse_all(raw);
        assert!(entries.iter().all(|entry| entry.now == "2222"));
        let undone: Vec<u8> = entries.iter().flat_map(Entry::as_before).collect();
        assert_eq!(undone, b"000000 0000\ta\xff\x00100755 1111\tb c\n\0");
    }
}
