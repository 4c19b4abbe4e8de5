//! What the git side writes into the commits that it makes: mark, committer, time.
//!
//! Not here: where in a message the mark stands ([`crate::land::message`]).

use crd::{TaskDocument, names};
use jiff::Timestamp;

use crate::land::message;

/// The task's mark and identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// `namespace/name` of the task.
    pub task: String,
    /// The mark, `ClaudeTask: <uid>`.
    pub trailer: String,
    name: String,
    email: String,
    now: Timestamp,
}

impl Stamp {
    /// The stamp of a task at a time.
    pub fn new(document: &TaskDocument, now: Timestamp) -> Self {
        Self {
            task: format!("{}/{}", document.namespace, document.name),
            trailer: document.trailer(),
            name: document.push.author.name.clone(),
            email: document.push.author.email.clone(),
            now,
        }
    }

    /// The configured identity as it stands in a commit.
    pub fn identity(&self) -> String {
        format!("{} <{}> {} +0000", self.name, self.email, self.now.as_second())
    }

    /// A message with this task's mark and nobody else's.
    pub fn marked(&self, message: &[u8]) -> Vec<u8> {
        self.added(&self.unmarked(message))
    }

    /// A message with nobody's mark, and some words where it has none.
    pub fn unmarked(&self, message: &[u8]) -> Vec<u8> {
        let clean = message::unmarked(message, names::TRAILER);
        if clean.is_empty() { self.title(1).into_bytes() } else { clean }
    }

    /// A message as it is, with this task's mark.
    pub fn added(&self, said: &[u8]) -> Vec<u8> {
        message::marked(said, &self.trailer)
    }

    /// First line for a commit that stands for `count` others.
    pub fn title(&self, count: usize) -> String {
        match count {
            0 | 1 => format!("Change of ClaudeTask {}", self.task),
            _ => format!("Change of ClaudeTask {} ({count} commits as one)", self.task),
        }
    }
}
