//! Real parts for end-to-end runs.
pub mod cluster;
pub mod git_server;
pub mod http;
pub mod listen;
pub mod model_server;
pub mod parts;
pub mod repo;
pub mod wait;
