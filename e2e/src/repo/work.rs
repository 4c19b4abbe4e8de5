//! A working copy in a temporary directory.

use std::fs;
use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;

use super::command::{Git, Outcome};
use super::remote::Remote;

/// A working copy; removed when dropped.
pub struct Work {
    directory: TempDir,
}

/// One commit as `git log` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub sha: String,
    /// Its parents, first one first.
    pub parents: Vec<String>,
    /// `Name <address>` of its author.
    pub author: String,
    /// First line of its message.
    pub subject: String,
    /// The rest of its message, trailers included.
    pub body: String,
}

impl Work {
    /// An empty repository on the branch `main`.
    pub async fn create() -> anyhow::Result<Self> {
        let work = Self { directory: tempfile::tempdir()? };
        work.git(&["init", "--quiet", "--initial-branch=main"]).await?;
        Ok(work)
    }

    /// A clone with every branch and the checkpoints of the remote, under their own names below
    /// `refs/remotes/origin/` and `refs/claudetask/`.
    pub async fn clone(remote: &Remote) -> anyhow::Result<Self> {
        let work = Self { directory: tempfile::tempdir()? };
        let clone = ["clone", "--quiet", "--", &remote.url, "."];
        remote.login(work.command(&clone)).run().await?;
        work.fetch(remote, &["+refs/claudetask/*:refs/claudetask/*"]).await?;
        Ok(work)
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, its directories included.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.path().join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content).with_context(|| format!("writing {file}"))
    }

    /// Commits everything, additions and removals included, and gives the commit's name.
    pub async fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]).await?;
        self.commit_of("HEAD").await
    }

    /// Writes files and commits them.
    pub async fn commit_files(
        &self,
        message: &str,
        files: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        for (file, content) in files {
            self.write(file, content)?;
        }
        self.commit(message).await
    }

    /// Starts a branch at a revision and goes there.
    pub async fn branch(&self, name: &str, at: &str) -> anyhow::Result<()> {
        self.git(&["checkout", "--quiet", "-B", name, at]).await.map(drop)
    }

    /// Goes to a branch or a commit.
    pub async fn checkout(&self, revision: &str) -> anyhow::Result<()> {
        self.git(&["checkout", "--quiet", revision, "--"]).await.map(drop)
    }

    /// Pushes refspecs; the remote's words as the error.
    pub async fn push(&self, remote: &Remote, refspecs: &[&str]) -> anyhow::Result<()> {
        let args = [&["push", "--quiet", "--", &remote.url], refspecs].concat();
        remote.login(self.command(&args)).run().await.map(drop)
    }

    /// Pushes with further options and gives the end of it, good or bad.
    pub async fn try_push(
        &self,
        remote: &Remote,
        options: &[&str],
        refspecs: &[&str],
    ) -> anyhow::Result<Outcome> {
        let args = [&["push"], options, &["--", &remote.url], refspecs].concat();
        remote.login(self.command(&args)).outcome().await
    }

    /// Fetches refspecs.
    pub async fn fetch(&self, remote: &Remote, refspecs: &[&str]) -> anyhow::Result<()> {
        let args = [&["fetch", "--quiet", "--", &remote.url], refspecs].concat();
        remote.login(self.command(&args)).run().await.map(drop)
    }

    /// The commit that a revision names.
    pub async fn commit_of(&self, revision: &str) -> anyhow::Result<String> {
        let named = format!("{revision}^{{commit}}");
        let printed = self.git(&["rev-parse", "--verify", "--end-of-options", &named]).await?;
        Ok(printed.trim().to_owned())
    }

    /// Paths of every file of a revision.
    pub async fn files(&self, revision: &str) -> anyhow::Result<Vec<String>> {
        let listed = self.git(&["ls-tree", "-r", "-z", "--name-only", revision, "--"]).await?;
        Ok(listed.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Content of a file of a revision; an error when it is not there.
    pub async fn content(&self, revision: &str, file: &str) -> anyhow::Result<String> {
        self.git(&["cat-file", "blob", &format!("{revision}:{file}")]).await
    }

    /// The commits of a range or a revision's history, newest first.
    pub async fn log(&self, range: &str) -> anyhow::Result<Vec<Commit>> {
        let format = "--format=%H%x1f%P%x1f%an <%ae>%x1f%s%x1f%b%x1e";
        let listed = self.git(&["log", "--topo-order", format, range, "--"]).await?;
        Ok(listed.split_terminator('\u{1e}').filter_map(parse_commit).collect())
    }

    /// Runs any git command here and gives its standard output.
    pub async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        self.command(args).run().await
    }

    fn command(&self, args: &[&str]) -> Git {
        Git::at(self.path()).args(args)
    }
}

fn parse_commit(record: &str) -> Option<Commit> {
    let mut fields = record.trim_start().split('\u{1f}').map(str::to_owned);
    Some(Commit {
        sha: fields.next()?,
        parents: fields.next()?.split_whitespace().map(str::to_owned).collect(),
        author: fields.next()?,
        subject: fields.next()?,
        body: fields.next()?.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_working_copy_is_read_back_as_it_was_written() {
        let work = Work::create().await.unwrap();
        let first = work.commit_files("Start", &[("a/b.txt", "one\n")]).await.unwrap();
        work.write("c d.txt", "two\n").unwrap();
        let second = work.commit("Go on\n\nClaudeTask: 1").await.unwrap();
        assert_eq!(work.files("HEAD").await.unwrap(), ["a/b.txt", "c d.txt"]);
        assert_eq!(work.content(&first, "a/b.txt").await.unwrap(), "one\n");
        let log = work.log("main").await.unwrap();
        assert_eq!(log.len(), 2);
        assert_eq!((&log[0].sha, &log[0].parents[0]), (&second, &first));
        assert_eq!((log[0].subject.as_str(), log[0].body.as_str()), ("Go on", "ClaudeTask: 1"));
    }
}
