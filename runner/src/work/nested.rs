//! Repositories inside the repository: git would record their commit alone, which nobody else has.
//!
//! Their files are taken as files of this repository, except of a submodule that .gitmodules
//! names, which is what it is, and of a further work tree of the agent's repository, whose branch
//! counts like any other. Not here: everything else in the work tree ([`super::stage`]).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::git::GitError;
use crate::work::change::gitlinks;
use crate::work::shadow::{Shadow, WorkError};

/// A file that is never there: as long as the index names it, git looks into its directory.
const PLACEHOLDER: &[u8] = b"/.claudetask";
/// Largest `.gitmodules` and `.git` file that is looked into.
const SMALL: u64 = 64 << 10;

impl Shadow {
    /// Replaces each repository inside the repository in the index by its files.
    pub(super) fn unwrap_nested(
        &self,
        against: &str,
        notes: &mut Vec<String>,
        words: &mut Vec<String>,
    ) -> Result<(), WorkError> {
        let mut seen = BTreeSet::new();
        loop {
            let mut found = self.strangers(against)?;
            found.extend(words.iter().filter_map(|line| unborn(line)));
            found.retain(|path| seen.insert(path.clone()));
            if found.is_empty() {
                break;
            }
            let (copies, inner): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|path| self.is_further_work_tree(path));
            for path in copies {
                notes.push(format!("{} is a further work tree and was left out.", shown(&path)));
            }
            if inner.is_empty() {
                break;
            }
            self.look_into(&inner)?;
            *words = self.add(notes)?;
            let mut names = Vec::new();
            for path in inner {
                let taken =
                    self.command("ls-files").arg("--").arg(OsStr::from_bytes(&path)).run()?;
                names.extend((!taken.is_empty()).then(|| shown(&path)));
            }
            if !names.is_empty() {
                let names = names.join(", ");
                notes.push(format!("A repository inside the repository: of {names} the files were taken, not the history."));
            }
        }
        self.remove(&self.strangers(against)?)
    }

    /// Commits of other repositories in the index that were not there at first (in `against`,
    /// where that is unknown) and that are no submodules.
    fn strangers(&self, against: &str) -> Result<BTreeSet<Vec<u8>>, WorkError> {
        let against = self.ground.as_deref().unwrap_or(against);
        let diff = self.command("diff-index").args(["--cached", "--raw", "-z", "--no-renames"]);
        let new = gitlinks(&diff.args([against, "--"]).run()?);
        if new.is_empty() {
            return Ok(new);
        }
        let submodules = self.submodules()?;
        Ok(new.into_iter().filter(|path| !submodules.contains(path)).collect())
    }

    /// Paths that `.gitmodules` names with an address that others can reach.
    fn submodules(&self) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let file = self.worktree.join(".gitmodules");
        if !file.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() < SMALL) {
            return Ok(BTreeSet::new());
        }
        let list = self.command("config").args(["--no-includes", "-z", "--file"]).arg(&file);
        let listed = list.arg("--list").output()?.stdout;
        Ok(modules(&String::from_utf8_lossy(&listed)))
    }

    fn is_further_work_tree(&self, path: &[u8]) -> bool {
        let file = self.worktree.join(OsStr::from_bytes(path)).join(".git");
        let small = file.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() < SMALL);
        let text =
            if small { fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
        text.trim_end().strip_prefix("gitdir: ").is_some_and(|to| to.contains("/.git/worktrees/"))
    }

    /// Lets git treat these directories as ordinary ones.
    fn look_into(&self, paths: &[Vec<u8>]) -> Result<(), WorkError> {
        self.remove(&paths.iter().cloned().collect())?;
        let empty = self.command("hash-object").args(["-w", "--stdin"]).line()?;
        let entry = |path: &Vec<u8>| {
            [format!("100644 {empty}\t").as_bytes(), path, PLACEHOLDER, b"\0"].concat()
        };
        let entries: Vec<u8> = paths.iter().flat_map(entry).collect();
        self.command("update-index").args(["-z", "--index-info"]).input(entries).run()?;
        Ok(())
    }

    fn remove(&self, paths: &BTreeSet<Vec<u8>>) -> Result<(), WorkError> {
        if paths.is_empty() {
            return Ok(());
        }
        let list: Vec<u8> = paths.iter().flat_map(|path| [path, &b"\0"[..]].concat()).collect();
        let remove = self.command("update-index").args(["-z", "--force-remove", "--stdin"]);
        Ok(remove.input(list).run().map(drop)?)
    }
}

/// The repository without a commit that a line of `git add` complains about.
fn unborn(line: &str) -> Option<Vec<u8>> {
    let path = line.strip_prefix("error: '")?.strip_suffix("/' does not have a commit checked out");
    Some(path?.as_bytes().to_vec())
}

/// Reads `config -z --list` of a `.gitmodules`: key, line break, value, NUL.
fn modules(listed: &str) -> BTreeSet<Vec<u8>> {
    let pairs: Vec<(&str, &str)> =
        listed.split('\0').filter_map(|entry| entry.split_once('\n')).collect();
    let local =
        |url: &str| url.starts_with('/') || url.starts_with("./") || url.starts_with("file:");
    let reachable = |name: &str| {
        let key = format!("{name}.url");
        pairs.iter().any(|(found, url)| *found == key && !local(url))
    };
    let path = |(key, path): &(&str, &str)| {
        let name = key.strip_suffix(".path")?;
        reachable(name).then(|| path.as_bytes().to_vec())
    };
    pairs.iter().filter_map(path).collect()
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{modules, unborn};

    #[test]
    fn only_a_submodule_that_others_can_fetch_stays_one() {
        let listed = "submodule.a b.path\nlib/a\0submodule.a b.url\nhttps://h/a.git\0\
            submodule.c.path\nc\0submodule.c.url\n./c\0submodule.d.path\nd\0\
            submodule.e.url\n../e.git\0submodule.e.path\ne\0";
        assert_eq!(modules(listed), [b"e".to_vec(), b"lib/a".to_vec()].into());
    }

    #[test]
    fn a_repository_without_a_commit_is_named_by_gits_complaint() {
        let line = "error: 'a b/c/' does not have a commit checked out";
        assert_eq!(unborn(line), Some(b"a b/c".to_vec()));
        assert_eq!(unborn("error: open(\"x\"): Permission denied"), None);
    }
}
