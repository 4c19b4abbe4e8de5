//! Commits as git stores them: read, and written with exactly the author and message wanted.
//!
//! A commit is written as an object of its own making (`git hash-object -t commit`), because
//! `commit-tree` re-encodes messages and tidies authors. Not here: what goes into a message
//! ([`crate::land::message`]).

use crate::git::command::{Git, GitError};

/// A commit without its signature, which would not survive a change anyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: String,
    /// Its parents, first one first.
    pub parents: Vec<String>,
    /// `Name <mail> seconds zone`, as it stands in the object.
    pub author: Vec<u8>,
    /// The same of the committer.
    pub committer: Vec<u8>,
    /// Encoding of author and message, where it is not UTF-8.
    pub encoding: Option<Vec<u8>>,
    /// The message.
    pub message: Vec<u8>,
}

/// Whether this is the full id of an object.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Commit {
    /// Reads the object's bytes; nothing when they are no commit.
    pub fn parse(object: &[u8]) -> Option<Self> {
        let end = object.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, message) = (&object[..end], object[end + 2..].to_vec());
        let header = |name: &str| {
            let named = move |line: &&[u8]| line.starts_with(name.as_bytes());
            let value = move |line: &[u8]| line[name.len()..].to_vec();
            head.split(|&byte| byte == b'\n').filter(named).map(value).collect::<Vec<_>>()
        };
        let one = |name: &str| header(name).into_iter().next();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        Some(Self {
            tree: text(one("tree ")?)?,
            parents: header("parent ").into_iter().map(text).collect::<Option<_>>()?,
            author: one("author ")?,
            committer: one("committer ")?,
            encoding: one("encoding "),
            message,
        })
    }

    /// The object's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut object = format!("tree {}\n", self.tree).into_bytes();
        for parent in &self.parents {
            object.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        let headers = [
            (&b"author "[..], Some(&self.author)),
            (b"committer ", Some(&self.committer)),
            (b"encoding ", self.encoding.as_ref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                object.extend_from_slice(&[name, value, b"\n"].concat());
            }
        }
        object.push(b'\n');
        object.extend_from_slice(&self.message);
        object
    }

    /// First line of the message, for people.
    pub fn subject(&self) -> String {
        let text = String::from_utf8_lossy(&self.message);
        text.trim_start().lines().next().unwrap_or_default().trim_end().to_owned()
    }
}

impl Git {
    /// Reads a commit.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn commit(&self, id: &str) -> Result<Commit, GitError> {
        let object = self.command("cat-file").args(["commit", id]).run()?;
        Commit::parse(&object)
            .ok_or_else(|| GitError::Unknown("cat-file".to_owned(), format!("{id} is no commit")))
    }

    /// Writes a commit; its id. Git checks its format.
    ///
    /// # Errors
    /// [`GitError`].
    pub fn write_commit(&self, commit: &Commit) -> Result<String, GitError> {
        let write = self.command("hash-object").args(["-t", "commit", "-w", "--stdin"]);
        write.input(commit.encode()).line()
    }
}

#[cfg(test)]
mod tests {
    use super::Commit;

    #[test]
    fn a_commit_is_read_back_without_its_signature() {
        let object = b"tree t1\nparent p1\nparent p2\nauthor \xc4 <a@b> 1 +0200\ncommitter C <c@d> 2 +0000\n\
            encoding ISO-8859-1\ngpgsig -----BEGIN\n author none\n -----END\n\nSubject \xe4\n\nparent text\n";
        let commit = Commit::parse(object).unwrap();
        assert_eq!((commit.tree.as_str(), commit.parents.len()), ("t1", 2));
        assert_eq!(commit.author, b"\xc4 <a@b> 1 +0200");
        assert_eq!(commit.message, b"Subject \xe4\n\nparent text\n");
        let written = commit.encode();
        assert!(!written.windows(6).any(|bytes| bytes == b"gpgsig"));
        assert_eq!(Commit::parse(&written), Some(commit));
        assert_eq!(Commit::parse(b"no commit"), None);
    }
}
