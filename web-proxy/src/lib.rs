//! The web for ClaudeTasks: what kubectl can do with them, for people who never run it.
//!
//! The way of the data: a request names its caller ([`caller`]); what the caller may see is asked of
//! the apiserver.
//!
//! Not here: Jobs, beyond finding the Pod of a log, and rules of the spec, which the apiserver knows.

pub mod caller;
pub mod identity;
