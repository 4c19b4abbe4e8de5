//! Questions about commits and trees.
//!
//! Not here: single commits ([`crate::git::commit`]) and merges ([`crate::git::merge`]).

use crd::status::Diff;

use crate::git::command::{Git, GitError};

/// One commit of a range with its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The commit.
    pub id: String,
    /// Its parents.
    pub parents: Vec<String>,
}

impl Git {
    /// The id that a revision names, peeled as `kind` (`commit`, `tree`) says; nothing when there
    /// is none.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn resolve(&self, revision: &str, kind: &str) -> Result<Option<String>, GitError> {
        let name = format!("{revision}^{{{kind}}}");
        let parse =
            self.command("rev-parse").args(["--verify", "--quiet", "--end-of-options", &name]);
        let output = parse.output()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.code == Some(0) && !text.is_empty()).then_some(text))
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// [`GitError`], also when there is no such commit.
    pub fn tree(&self, commit: &str) -> Result<String, GitError> {
        let missing = || GitError::Unknown("rev-parse".to_owned(), format!("{commit} has no tree"));
        self.resolve(commit, "tree")?.ok_or_else(missing)
    }

    /// Whether `old` is `new` or an ancestor of it.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, GitError> {
        let ask = self.command("merge-base").args(["--is-ancestor", old, new]);
        let output = ask.output()?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(GitError::Failed { name: "merge-base".to_owned(), words: output.stderr }),
        }
    }

    /// The newest commit that both histories have; nothing when they have none in common. Of
    /// several, git's first.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn merge_base(&self, one: &str, other: &str) -> Result<Option<String>, GitError> {
        let output = self.command("merge-base").args([one, other]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        match output.code {
            Some(0) => Ok(text.lines().next().map(str::to_owned)),
            Some(1) => Ok(None),
            _ => Err(GitError::Failed { name: "merge-base".to_owned(), words: output.stderr }),
        }
    }

    /// The commits of `new` that `old` does not have, oldest first.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn steps(&self, old: &str, new: &str) -> Result<Vec<Step>, GitError> {
        let list = self.command("rev-list").args(["--reverse", "--topo-order", "--parents"]);
        let text = list.args(["--end-of-options", new, &format!("^{old}"), "--"]).line()?;
        let step = |line: &str| {
            let mut ids = line.split_whitespace().map(str::to_owned);
            Some(Step { id: ids.next()?, parents: ids.collect() })
        };
        Ok(text.lines().filter_map(step).collect())
    }

    /// Paths that differ between two trees, as bytes; a renamed file counts as two.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn changed_paths(&self, old: &str, new: &str) -> Result<Vec<Vec<u8>>, GitError> {
        let diff = self.command("diff-tree").args(["-r", "-z", "--name-only", "--no-renames"]);
        let output = diff.args([old, new, "--"]).run()?;
        let paths = output.split(|&byte| byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(<[u8]>::to_vec).collect())
    }

    /// How much two trees differ.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn diff(&self, old: &str, new: &str) -> Result<Diff, GitError> {
        let diff = self.command("diff-tree").args(["-r", "-z", "--numstat", "--no-renames"]);
        Ok(numstat(&diff.args([old, new, "--"]).run()?))
    }

    /// Whether a commit reachable from `tips` has `line` in its message as a line of its own.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn has_line(&self, tips: &[&str], line: &str) -> Result<bool, GitError> {
        let find = self.command("log").args(["-z", "--fixed-strings", "--format=%B"]);
        let find = find.arg(format!("--grep={line}")).arg("--end-of-options").args(tips).arg("--");
        Ok(find
            .run()?
            .split(|&byte| byte == b'\n' || byte == 0)
            .any(|found| found == line.as_bytes()))
    }

    /// The bytes of a blob, named by id or as `commit:path`.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn blob(&self, name: &str) -> Result<Vec<u8>, GitError> {
        self.command("cat-file").args(["blob", name]).run()
    }
}

/// Sums `diff --numstat -z`; a binary file counts as a file without lines.
fn numstat(output: &[u8]) -> Diff {
    let text = String::from_utf8_lossy(output);
    let mut sum = Diff::default();
    for entry in text.split('\0').filter(|entry| !entry.is_empty()) {
        let mut fields = entry.splitn(3, '\t').map(|field| field.parse().unwrap_or(0));
        sum.files += 1;
        sum.insertions += fields.next().unwrap_or(0u32);
        sum.deletions += fields.next().unwrap_or(0u32);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_summed_and_binary_files_counted() {
        let sum = numstat(b"3\t1\ta b.txt\x00-\t-\tlogo.png\x000\t2\tx\ty\x00");
        assert_eq!(sum, Diff { files: 3, insertions: 3, deletions: 3 });
        assert_eq!(numstat(b""), Diff::default());
    }
}
