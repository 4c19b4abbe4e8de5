//! The git phases with real git and a bare repository in a temporary directory as the remote.
//!
//! Not here: logins, redirects and http answers, which need a server.

mod cloning;
mod handing_back;
mod landing;
mod pushing;
mod saving;
mod scene;
