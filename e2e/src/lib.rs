//! Real parts for end-to-end runs.
pub mod git_server;
pub mod http;
pub mod listen;
pub mod repo;
pub mod wait;
