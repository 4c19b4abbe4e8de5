//! Claude Code as a program: how it is started, watched, read and judged.
//!
//! [`command`] says what is started, [`supervise`] runs it and never lets go of it, [`stream`]
//! reads what it prints, [`verdict`] says what that means, [`session`] carries its transcript from
//! one container to the next, [`sweep`] ends what it leaves behind. Not here: what it is asked
//! ([`crate::prompt`]) and what becomes of its work ([`crate::work`]).

pub mod agent;
pub mod command;
pub mod session;
pub mod stop;
pub mod stream;
pub mod supervise;
pub mod sweep;
pub mod verdict;
