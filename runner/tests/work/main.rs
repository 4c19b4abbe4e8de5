//! The agent's work as commits and bundles, with real git in a work tree like the Pod's.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../agent_git/mod.rs"]
mod agent_git;
mod histories;
mod leavings;
mod pod;
mod room;
mod saving;
mod tricks;
