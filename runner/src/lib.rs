//! The program inside a task's containers: one subcommand, and one typed function, per phase.
//!
//! The way of the data: [`config`] reads the task document and [`place`] names directories
//! ([`dirs`]) and programs; [`clone`] writes [`plan`]`/start.json`; [`run`] leaves bundles and a result in
//! [`handoff`]; [`rebase`] imports the last [`bundle`], puts it on the [`checkpoint`] and
//! [`land`]s it, which gives `landing.json`; [`resolve`] hands back contents of files; [`push`]
//! builds the result from them and pushes it. [`save`] runs beside and pushes partial work.
//! [`mod@request`] and SIGTERM end all of them early. What a phase returns becomes an
//! [`ended::Ended`]: report and exit code.
//!
//! Two sides that trust each other one way only: git containers hold the git credential and take
//! nothing from the agent side but what [`handoff`] has checked; agent containers ([`run`],
//! [`resolve`], [`setup`], [`claude`], [`work`], [`guard`]) hold the model credential.
//!
//! Beside them, [`local`] does all of it without a cluster, for a task that [`validate`] has checked
//! as an apiserver would.

pub mod attempt;
pub mod config;
pub mod dirs;
pub mod ended;
pub mod handoff;
pub mod marker;
pub mod perform;
pub mod place;
pub mod plan;
pub mod request;
pub mod start;
pub mod store;

pub mod address;
pub mod armor;
pub mod bundle;
pub mod checkpoint;
pub mod clone;
pub mod credential;
pub mod git;
pub mod land;
pub mod memory_file;
pub mod network;
pub mod push;
pub mod rebase;
pub mod save;

pub mod claude;
pub mod commands;
pub mod guard;
pub mod lines;
pub mod processes;
pub mod progress;
pub mod prompt;
pub mod resolve;
pub mod run;
pub mod scrub;
pub mod setup;
pub mod work;

pub mod local;
pub mod validate;
