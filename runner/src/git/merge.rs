//! Merges of trees without a working copy (`git merge-tree --write-tree`).
//!
//! The base is chosen freely: both sides are given a commit whose one parent is the base, so their
//! only merge base is that. (`--merge-base` does the same from git 2.40 on.) Not here: which merges
//! a landing needs.

use std::collections::BTreeMap;

use crate::git::command::{Git, GitError};
use crate::git::commit::Commit;

/// What a merge gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merge {
    /// The merged tree; with markers where it conflicts.
    pub tree: String,
    /// Whether it conflicts.
    pub conflicts: bool,
    /// For each conflicted path the sides that have the file.
    pub files: BTreeMap<Vec<u8>, Sides>,
    /// What git says, in its order.
    pub notes: Vec<Note>,
}

/// A conflicted file at the base, on the onto branch and in the task's change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sides {
    /// At the base.
    pub base: Option<Entry>,
    /// On the onto branch.
    pub ours: Option<Entry>,
    /// In the task's change.
    pub theirs: Option<Entry>,
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Mode as git prints it, `100644`.
    pub mode: String,
    /// Blob.
    pub id: String,
}

/// One message of the merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The paths that it is about.
    pub paths: Vec<Vec<u8>>,
    /// Its stable name, such as `CONFLICT (contents)` or `Auto-merging`.
    pub kind: String,
    /// The sentence.
    pub text: String,
}

impl Sides {
    /// The sides that have the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        [&self.base, &self.ours, &self.theirs].into_iter().flatten()
    }
}

impl Merge {
    /// Every path that git names in connection with a conflict, with the sides that have the file;
    /// none of them for a path that git has only words about, such as a directory.
    pub fn named(&self) -> BTreeMap<Vec<u8>, Sides> {
        let mut files = self.files.clone();
        for note in self.conflict_notes() {
            for path in &note.paths {
                files.entry(path.clone()).or_default();
            }
        }
        files
    }

    /// What git says about conflicts, rather than about what it did by itself.
    pub fn conflict_notes(&self) -> impl Iterator<Item = &Note> {
        let unmerged = |note: &Note| note.paths.iter().any(|path| self.files.contains_key(path));
        // Git also says this of a file that is gone in the end, when another one conflicts.
        let empty = move |note: &Note| note.kind.contains("file/directory") && !unmerged(note);
        self.notes.iter().filter(move |note| note.kind.starts_with("CONFLICT") && !empty(note))
    }

    /// The same paths for people.
    pub fn conflicted(&self) -> Vec<String> {
        self.named().keys().map(|path| shown(path)).collect()
    }

    /// Reads what `merge-tree -z --messages` printed; nothing when it is something else.
    fn parse(output: &[u8], conflicts: bool) -> Option<Self> {
        let mut fields = output.split(|&byte| byte == 0);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tree = text(fields.next()?);
        let mut merge = Self { tree, conflicts, ..Self::default() };
        for field in fields.by_ref().take_while(|field| !field.is_empty()) {
            let tab = field.iter().position(|&byte| byte == b'\t')?;
            let head = text(&field[..tab]);
            let [mode, id, stage] = head.split(' ').collect::<Vec<_>>()[..] else { return None };
            let sides = merge.files.entry(field[tab + 1..].to_vec()).or_default();
            let entry = Some(Entry { mode: mode.to_owned(), id: id.to_owned() });
            match stage {
                "1" => sides.base = entry,
                "2" => sides.ours = entry,
                "3" => sides.theirs = entry,
                _ => return None,
            }
        }
        while let Some(count) = fields.next().filter(|field| !field.is_empty()) {
            // Advice for people, such as how to merge submodules by hand, ends the list.
            let Ok(count) = text(count).parse() else { break };
            let paths = fields.by_ref().take(count).map(<[u8]>::to_vec).collect();
            let kind = text(fields.next()?);
            let words = text(fields.next()?).trim_end().to_owned();
            merge.notes.push(Note { paths, kind, text: words });
        }
        Some(merge)
    }
}

/// A path for people: on one line, whatever is in it.
pub fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let plain = |letter: &char| !letter.is_control();
    if text.chars().all(|letter| plain(&letter)) { text.into_owned() } else { format!("{text:?}") }
}

impl Git {
    /// Merges the trees of `ours` and `theirs` over that of `base`. The names in markers are those
    /// of two refs that are made for it, `onto` and `task`.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn merge(&self, base: &str, ours: &str, theirs: &str) -> Result<Merge, GitError> {
        let [ours, theirs] = [self.child(base, ours)?, self.child(base, theirs)?];
        let refs = format!("update refs/heads/onto {ours}\nupdate refs/heads/task {theirs}\n");
        self.command("update-ref").arg("--stdin").input(refs).run()?;
        let merge =
            self.command("merge-tree").args(["--write-tree", "-z", "--messages", "onto", "task"]);
        let output = merge.output()?;
        let conflicts = match output.code {
            Some(0) => false,
            Some(1) => true,
            _ => {
                return Err(GitError::Failed {
                    name: "merge-tree".to_owned(),
                    words: output.stderr,
                });
            }
        };
        let unknown = || GitError::Unknown("merge-tree".to_owned(), output.stderr.clone());
        Merge::parse(&output.stdout, conflicts).ok_or_else(unknown)
    }

    /// A commit with the tree of `commit` and the one parent `parent`.
    fn child(&self, parent: &str, commit: &str) -> Result<String, GitError> {
        let nobody = b"merge <merge@localhost> 0 +0000".to_vec();
        self.write_commit(&Commit {
            tree: self.tree(commit)?,
            parents: vec![parent.to_owned()],
            author: nobody.clone(),
            committer: nobody,
            encoding: None,
            message: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_merge_is_a_tree() {
        for output in
            [&b"abc\0"[..], b"abc\0\0", b"abc\0\x001\0f\0Auto-merging\0Auto-merging f\n\0"]
        {
            let merge = Merge::parse(output, false).unwrap();
            assert_eq!((merge.tree.as_str(), merge.files.len()), ("abc", 0));
        }
    }

    #[test]
    fn conflicted_files_have_sides_and_words() {
        let output = b"abc\x00100644 1a 1\ta\tb\x00100644 2a 2\ta\tb\x00120000 3c 3\tl\x00\x00\
            2\0a\tb\0l\0CONFLICT (modify/delete)\0CONFLICT (modify/delete): words\n\0Advice:\n- none\n";
        let merge = Merge::parse(output, true).unwrap();
        let sides = &merge.files[&b"a\tb"[..]];
        assert_eq!(
            sides.entries().map(|entry| entry.id.as_str()).collect::<Vec<_>>(),
            ["1a", "2a"]
        );
        assert_eq!(merge.files[&b"l"[..]].theirs.as_ref().unwrap().mode, "120000");
        assert_eq!(merge.notes[0].paths, [b"a\tb".to_vec(), b"l".to_vec()]);
        assert_eq!(merge.notes[0].kind, "CONFLICT (modify/delete)");
        assert_eq!(merge.notes[0].text, "CONFLICT (modify/delete): words");
    }

    #[test]
    fn something_else_is_no_merge() {
        assert_eq!(Merge::parse(b"abc\0usage: git merge-tree\0", true), None);
        assert_eq!(Merge::parse(b"abc\x00100644 1a 7\ta\0\0", true), None);
    }
}
