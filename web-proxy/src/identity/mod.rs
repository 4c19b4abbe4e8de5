//! How somebody proves who they are.
//!
//! Not here: what they may do.

pub mod header;
pub mod oidc;
pub mod refuse;
