//! The web for ClaudeTasks: what kubectl can do with them, for people who never run it.
//!
//! The way of the data: a request passes [`guard`], names its caller ([`identity`], [`caller`]) and
//! comes, not too often ([`rate`]), to a handler of the [`api`] or of the [`site`]. What it shows
//! comes from one watch of all tasks ([`tasks`]), after the apiserver has said that the caller may
//! see it ([`access`]); what it changes ([`mod@write`], [`object`]) is sent to the apiserver as the
//! caller ([`apiserver`]). Logs are read once for all who follow them ([`logs`]), events as the
//! caller ([`events`]), and a reader who takes nothing is cut off ([`patience`]). What is refused
//! is told in one form ([`mod@error`]). Pages are made of plain values ([`page`]).
//!
//! Not here: Jobs, beyond finding the Pod of a log, and rules of the spec, which the apiserver knows.

pub mod access;
pub mod api;
pub mod apiserver;
pub mod app;
pub mod caller;
pub mod config;
pub mod error;
pub mod events;
pub mod field;
pub mod guard;
pub mod identity;
pub mod kept;
pub mod logs;
pub mod object;
pub mod page;
pub mod patience;
pub mod place;
pub mod rate;
pub mod server;
pub mod site;
pub mod streams;
pub mod tasks;
pub mod write;
