//! Everything that this program asks of git.
//!
//! [`command`] is the one place that builds commands and [`remote`] the one that talks to a server,
//! over a [`transport`] and with an ear for its [`refusal`];
//! [`commit`], [`history`] and [`merge`] ask about objects; [`refs`] reads lists of refs. Not here:
//! what a phase wants with it.

pub mod command;
pub mod commit;
mod converse;
pub mod environment;
pub mod history;
pub mod make;
pub mod merge;
pub mod refs;
pub mod refusal;
pub mod remote;
pub mod stop;
pub mod transport;
pub mod watchdog;

pub use command::{Git, GitCommand, GitError, Output};
pub use refusal::RemoteError;
pub use remote::Remote;
pub use stop::Stop;
