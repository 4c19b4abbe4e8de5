//! The vocabulary of the ClaudeTask operator, shared by operator, runner and end-to-end tests.
//!
//! The way of the data: a [`ClaudeTask`] ([`spec`]) becomes a [`TaskDocument`] ([`document`]) that
//! the containers of one Pod read; each container leaves one [`Report`] ([`report`]); the reports,
//! with the kubelet's record of the containers, are folded into a [`ClaudeTaskStatus`] ([`fold`],
//! [`status`]) that names a [`Phase`] ([`phase`]) and a [`Reason`] ([`reason`]); [`advance`] puts
//! that over the last status, and [`attempts`] says whether another attempt follows. [`log`] is a
//! line of a container's log, [`mounts`] says which container sees what, [`names`] holds every
//! label, path and variable that two programs must agree on, [`manifest`] makes the CRD and its
//! reference page. [`errors`] is how all programs put an error into their own log.
//!
//! Not here: clients, async code, clocks, environment.

pub mod advance;
pub mod attempts;
pub mod document;
pub mod environment;
pub mod errors;
pub mod fold;
pub mod log;
pub mod manifest;
pub mod mounts;
pub mod names;
pub mod network;
pub mod phase;
pub mod quantity;
pub mod reason;
pub mod reference;
pub mod report;
pub mod rules;
pub mod span;
pub mod spec;
pub mod status;
pub mod usd;

pub use document::{RunnerSettings, TaskDocument};
pub use phase::Phase;
pub use reason::Reason;
pub use report::{Outcome, Report};
pub use span::Span;
pub use spec::{ClaudeTask, ClaudeTaskSpec};
pub use status::ClaudeTaskStatus;
pub use usd::Usd;
