//! Everything that this program asks of git.
//!
//! [`command`] is the one place that builds commands. Not here: which of them a phase needs.

pub mod command;
pub mod watchdog;

pub use command::{Git, GitCommand, GitError, Output};
