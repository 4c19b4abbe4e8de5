//! What the agent left in the middle: a rebase, a cherry-pick, a bisection, a merge with markers.
//!
//! Its result is not what anybody meant, so Claude is asked to finish. The files are read as plain
//! bytes (their names are those of git 2.30 to 2.51). Not here: asking.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::handoff;
use crate::push::markers;
use crate::work::shadow::{Shadow, WorkError};

/// Largest file that is looked into.
const LIMIT: u64 = 4 << 20;
/// Most files whose markers are named.
const NAMED: usize = 10;

impl Shadow {
    /// What is unfinished, each as the end of a sentence that begins with "there is". `changed`
    /// says whether anything is uncommitted in `tree`.
    ///
    /// # Errors
    /// [`WorkError`].
    pub fn unfinished(&self, tree: &str, changed: bool) -> Result<Vec<String>, WorkError> {
        let mut found = Vec::new();
        let merge = steps(&self.state("rebase-merge", "git-rebase-todo"));
        let apply =
            remaining(&self.state("rebase-apply", "next"), &self.state("rebase-apply", "last"));
        // The step that a sequence stands at is still in its list.
        let picks = steps(&self.state("sequencer", "todo")).saturating_sub(1);
        for (name, left) in [("rebase", merge + apply), ("cherry-pick or revert", picks)] {
            if left > 0 {
                found
                    .push(format!("a {name} in progress, with {left} commits still to be applied"));
            }
        }
        if changed && !self.state("", "BISECT_START").is_empty() {
            found.push("a bisection in progress, with changes on top of an old commit".to_owned());
        }
        let marked = self.marked(tree)?;
        if !marked.is_empty() {
            let names = marked[..marked.len().min(NAMED)].join(", ");
            found.push(format!("a merge with conflict markers left in {names}"));
        }
        Ok(found)
    }

    /// A file of the agent's repository; empty when there is none.
    fn state(&self, folder: &str, name: &str) -> Vec<u8> {
        let folder: PathBuf = self.worktree.join(".git").join(folder);
        handoff::take(&folder, name, LIMIT).unwrap_or_default()
    }

    /// Files that are unmerged in the agent's index and hold markers that no side had.
    fn marked(&self, tree: &str) -> Result<Vec<String>, WorkError> {
        let index = self.worktree.join(".git/index");
        if !index.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            return Ok(Vec::new());
        }
        let list = self.command("ls-files").args(["--unmerged", "-z"]);
        let Ok(listed) = list.env("GIT_INDEX_FILE", index).run() else { return Ok(Vec::new()) };
        let mut marked = Vec::new();
        for (path, blobs) in unmerged(&listed) {
            let Ok(content) = self.blob(&format!("{tree}:{path}")) else { continue };
            let sides = blobs.iter().map(|blob| self.blob(blob)).collect::<Result<Vec<_>, _>>()?;
            if markers::left(&content, &sides).is_some() {
                marked.push(path);
            }
        }
        Ok(marked)
    }
}

/// Lines of a list of steps that stand for a commit.
fn steps(todo: &[u8]) -> usize {
    let text = String::from_utf8_lossy(todo);
    let counts = |line: &&str| !matches!(line.split(' ').next(), None | Some("" | "#" | "noop"));
    text.lines().map(str::trim).filter(counts).filter(|line| !line.starts_with('#')).count()
}

/// Patches after the one that `next` stands at.
fn remaining(next: &[u8], last: &[u8]) -> usize {
    let number = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().parse::<usize>().unwrap_or(0);
    number(last).saturating_sub(number(next))
}

/// Reads `ls-files --unmerged -z`: for each path the blobs of its sides, without the base.
fn unmerged(listed: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = String::from_utf8_lossy(listed);
    for (head, path) in text.split('\0').filter_map(|entry| entry.split_once('\t')) {
        if let [_, blob, stage] = head.split(' ').collect::<Vec<_>>()[..] {
            let sides = files.entry(path.to_owned()).or_default();
            if stage != "1" {
                sides.push(blob.to_owned());
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_without_comments() {
        for (todo, count) in [
            ("", 0),
            ("noop\n", 0),
            ("\n# Rebase 1..2 onto 1\n#\n", 0),
            ("pick 1234 Add a\nexec make\n\n# pick 5678 B\n", 2),
        ] {
            assert_eq!(steps(todo.as_bytes()), count, "{todo}");
        }
        assert_eq!(
            (remaining(b"2\n", b"5\n"), remaining(b"", b""), remaining(b"3", b"x")),
            (3, 0, 0)
        );
    }

    #[test]
    fn an_unmerged_path_has_two_sides_at_most() {
        let listed = b"100644 b 1\ta b\x00100644 o 2\ta b\x00100644 t 3\ta b\x00100644 o 2\tc\0";
        let expected =
            [("a b".to_owned(), vec!["o".into(), "t".into()]), ("c".into(), vec!["o".into()])];
        assert_eq!(unmerged(listed), expected.into());
    }
}
