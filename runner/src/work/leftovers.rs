//! What `setup` leaves in the work tree without being ignored (dependencies, a changed lock file):
//! it is there for Claude and the checks, and no part of the change unless somebody changes it.
//!
//! Not here: running the commands ([`crate::setup`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use crate::git::GitError;
use crate::work::shadow::{Shadow, WorkError};
use crate::work::stage::Basis;

/// Mode and object of a path in a tree.
type Entry = (String, String);

/// What differs between two trees: each path in the first and in the second.
type Differences = BTreeMap<Vec<u8>, (Option<Entry>, Option<Entry>)>;

/// What the commands changed; nothing at first.
#[derive(Debug, Default)]
pub struct Leftovers(Differences);

impl Shadow {
    /// Takes everything by which the work tree differs from the tree `before` the commands for
    /// their leftovers, and hides new ones from the agent's own `git add`.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn note_leftovers(&mut self, basis: Basis, before: &str) -> Result<(), WorkError> {
        self.leftovers = Leftovers::default();
        let after = self.staged(basis, before)?.tree;
        self.leftovers = Leftovers(self.differences(before, &after)?);
        let listed =
            self.command("ls-tree").args(["-r", "-d", "-z", "--name-only", before]).run()?;
        let known: BTreeSet<&[u8]> = listed.split(|&byte| byte == 0).collect();
        let new = self.leftovers.0.iter().filter(|(_, (before, _))| before.is_none());
        let patterns: BTreeSet<Vec<u8>> = new.map(|(path, _)| pattern(path, &known)).collect();
        if patterns.is_empty() {
            return Ok(());
        }
        self.hide(&patterns).map_err(|error| WorkError::Io(".git/info/exclude", error))
    }

    /// `tree` with what the commands left, and nobody has changed since, as it is in `parent`.
    pub(super) fn without_leftovers(
        &self,
        tree: String,
        parent: &str,
    ) -> Result<String, WorkError> {
        if self.leftovers.0.is_empty() {
            return Ok(tree);
        }
        let mut changes = Vec::new();
        for (path, (there, here)) in self.differences(parent, &tree)? {
            if self.leftovers.0.get(&path).is_some_and(|(_, left)| *left == here) {
                changes.push((path, there));
            }
        }
        self.edit(tree, changes)
    }

    /// `tree` with the leftovers where it is as it was before them.
    pub(super) fn with_leftovers(&self, tree: &str) -> Result<String, WorkError> {
        let mut changes = Vec::new();
        if !self.leftovers.0.is_empty() {
            let everything: BTreeSet<Vec<u8>> = {
                let listed =
                    self.command("ls-tree").args(["-r", "-z", "--name-only", tree]).run()?;
                listed.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
            };
            let here = self.entries(tree)?;
            for (path, (before, after)) in &self.leftovers.0 {
                let is_as_before = here.get(path) == before.as_ref();
                if is_as_before && !(before.is_none() && is_in_the_way(path, &everything)) {
                    changes.push((path.clone(), after.clone()));
                }
            }
        }
        self.edit(tree.to_owned(), changes)
    }

    fn entries(&self, tree: &str) -> Result<BTreeMap<Vec<u8>, Entry>, WorkError> {
        let listed = self.command("ls-tree").args(["-r", "-z", tree]).run()?;
        let entry = |line: &[u8]| {
            let at = line.iter().position(|&byte| byte == b'\t')?;
            let meta = String::from_utf8_lossy(&line[..at]).into_owned();
            let mut fields = meta.split(' ');
            let (mode, _, id) = (fields.next()?, fields.next()?, fields.next()?);
            Some((line[at + 1..].to_vec(), (mode.to_owned(), id.to_owned())))
        };
        Ok(listed.split(|&byte| byte == 0).filter_map(entry).collect())
    }

    fn differences(&self, from: &str, to: &str) -> Result<Differences, GitError> {
        let diff = self.command("diff-tree").args(["-r", "-z", "--raw", "--no-renames"]);
        Ok(parse(&diff.args([from, to]).run()?))
    }

    /// `tree` with these paths changed; an index of its own is used for that.
    fn edit(
        &self,
        tree: String,
        mut changes: Vec<(Vec<u8>, Option<Entry>)>,
    ) -> Result<String, WorkError> {
        if changes.is_empty() {
            return Ok(tree);
        }
        // A file must be gone before files below its name can be there.
        changes.sort_by_key(|(_, entry)| entry.is_some());
        let nothing = ("0".to_owned(), "0".repeat(tree.len()));
        let line = |(path, entry): (Vec<u8>, Option<Entry>)| {
            let (mode, id) = entry.unwrap_or_else(|| nothing.clone());
            [format!("{mode} {id}\t").as_bytes(), &path, b"\0"].concat()
        };
        let lines: Vec<u8> = changes.into_iter().flat_map(line).collect();
        let index = self.path.join("index.edit");
        let command = |name: &str| self.command(name).env("GIT_INDEX_FILE", &index);
        command("read-tree").arg(&tree).run()?;
        command("update-index").args(["-z", "--index-info"]).input(lines).run()?;
        Ok(command("write-tree").line()?)
    }

    /// Tells the agent's repository alone to pass over these patterns. The file is made anew: what
    /// lies under its name may be a link or a pipe by now.
    fn hide(&self, patterns: &BTreeSet<Vec<u8>>) -> io::Result<()> {
        let info = self.worktree.join(".git/info");
        let file = info.join("exclude");
        fs::create_dir_all(&info)?;
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let lines: Vec<u8> = patterns.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        fs::write(file, lines)
    }
}

/// The pattern that names a new path, or the first directory above it that is new as a whole.
fn pattern(path: &[u8], known: &BTreeSet<&[u8]>) -> Vec<u8> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let directory = ends.map(|at| &path[..at]).find(|directory| !known.contains(directory));
    let (name, end) = directory.map_or((path, &b""[..]), |directory| (directory, b"/"));
    let mut pattern = b"/".to_vec();
    for &byte in name {
        if br"\*?[ ".contains(&byte) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.extend_from_slice(end);
    pattern
}

/// True when a file of the tree lies above or below `path`.
fn is_in_the_way(path: &[u8], tree: &BTreeSet<Vec<u8>>) -> bool {
    let below = [path, b"/"].concat();
    let above = || path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    tree.range(below.clone()..).next().is_some_and(|found| found.starts_with(&below))
        || above().any(|at| tree.contains(&path[..at]))
}

/// Reads `diff-tree --raw -z`: `:<mode> <mode> <id> <id> <letter>`, NUL, path, NUL.
fn parse(raw: &[u8]) -> Differences {
    let mut parts = raw.split(|&byte| byte == 0);
    let mut found = BTreeMap::new();
    while let (Some(meta), Some(path)) = (parts.next(), parts.next()) {
        let meta = String::from_utf8_lossy(meta);
        let fields: Vec<&str> = meta.trim_start_matches(':').split(' ').collect();
        if let [before, after, from, to, _] = fields[..] {
            let entry =
                |mode: &str, id: &str| (mode != "000000").then(|| (mode.to_owned(), id.to_owned()));
            found.insert(path.to_vec(), (entry(before, from), entry(after, to)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{is_in_the_way, parse, pattern};

    #[test]
    fn both_sides_of_a_difference_are_read() {
        let raw = b":000000 100644 00 11 A\0new\0:100644 100755 11 11 M\0mode\xff\0\
            :120000 000000 22 00 D\0gone\0";
        let found = parse(raw);
        let entry = |mode: &str, id: &str| Some((mode.to_owned(), id.to_owned()));
        assert_eq!(found[&b"new"[..]], (None, entry("100644", "11")));
        assert_eq!(found[&b"mode\xff"[..]], (entry("100644", "11"), entry("100755", "11")));
        assert_eq!(found[&b"gone"[..]], (entry("120000", "22"), None));
        assert!(parse(b"").is_empty());
    }

    #[test]
    fn a_new_directory_is_one_pattern_and_strange_names_are_no_wildcards() {
        let known: BTreeSet<&[u8]> = [&b"src"[..], b"src/x"].into();
        for (path, expected) in [
            ("node_modules/a/b.js", "/node_modules/"),
            ("src/gen/a", "/src/gen/"),
            ("src/x/a", "/src/x/a"),
            ("a*b [c", r"/a\*b\ \[c"),
        ] {
            assert_eq!(pattern(path.as_bytes(), &known), expected.as_bytes(), "{path}");
        }
    }

    #[test]
    fn a_file_above_or_below_is_in_the_way() {
        let tree: BTreeSet<Vec<u8>> = [b"a/b".to_vec(), b"c".to_vec()].into();
        for (path, expected) in
            [("a", true), ("c/d", true), ("c/d/e", true), ("a/b", false), ("a/c", false)]
        {
            assert_eq!(is_in_the_way(path.as_bytes(), &tree), expected, "{path}");
        }
    }
}
