//! Real parts for end-to-end runs: nothing of the product is replaced by a mock.
//!
//! [`cluster`] is a real one-node Kubernetes, or the one of the user's kubeconfig; [`install`] puts
//! into it the operator, by Helm with its real RBAC, and the test [`parts`]: [`git_server`] (git's
//! own http-backend) and [`model_server`] (a scripted Messages API for the real Claude Code CLI).
//! [`repo`] makes repositories and reads back what was pushed; [`browser`] is a headless Chromium in
//! front of the web. On that stand [`scenario`], one
//! ClaudeTask each with what must come of it, [`verify`] (`cargo verify`) and [`demo`]
//! (`cargo demo`).
//!
//! Not here: anything that the product itself needs.

pub mod browser;
pub mod cluster;
pub mod demo;
pub mod git_server;
pub mod http;
pub mod install;
pub mod keys;
pub mod listen;
pub mod model_server;
pub mod namespace;
pub mod parts;
pub mod repo;
pub mod scenario;
pub mod tls;
pub mod verify;
pub mod wait;
