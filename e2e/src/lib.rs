//! Real parts for end-to-end runs.
pub mod cluster;
pub mod demo;
pub mod git_server;
pub mod http;
pub mod install;
pub mod listen;
pub mod model_server;
pub mod namespace;
pub mod parts;
pub mod repo;
pub mod scenario;
pub mod verify;
pub mod wait;
