//! Sample repositories made with real git, and what a remote holds.
//!
//! [`Work`] is a working copy in a temporary directory, [`Remote`] an address with an account.
//! Names and dates of commits are fixed, and the machine's git settings do not count.

mod command;
mod remote;
mod work;

pub use command::{Git, Outcome};
pub use remote::Remote;
pub use work::{Commit, Work};
