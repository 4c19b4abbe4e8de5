//! Run and ConflictResolution as a whole, with real git and real commands.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../agent_git/mod.rs"]
mod agent_git;
mod guarding;
mod histories;
mod pod;
mod running;
mod setup;
mod stopping;
