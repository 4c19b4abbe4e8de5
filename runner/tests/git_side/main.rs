//! The git phases with real git: the remote is a bare repository in a temporary directory, for
//! logins behind a small web server or a real ssh server.
//!
//! Not here: the real CLI and a cluster (e2e).

// Clippy knows tests by their attribute only; the scene beside them is test code too.
#![allow(clippy::unwrap_used)]

mod attempts;
mod bundles;
mod cloning;
mod continuing;
mod landing;
mod late;
mod logins;
mod pushing;
mod resolutions;
mod saving;
mod scene;
mod server;
mod ssh;
mod sshd;
mod stopping;
mod unmergeable;
mod whole_branch;
