//! The git phases with real git: the remote is a bare repository in a temporary directory, for
//! logins behind a small web server.
//!
//! Not here: the real CLI and a cluster (e2e).

mod cloning;
mod handing_back;
mod landing;
mod logins;
mod pushing;
mod saving;
mod scene;
mod server;
