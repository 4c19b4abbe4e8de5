//! A task without a cluster: the program `claudetask` is apiserver, operator and kubelet for one
//! task, synchronously.
//!
//! The way of the data: [`files`] reads the task and its Secrets, which [`check`] and [`run`] have
//! looked at as an apiserver would; [`secrets`] finds the credentials; [`sandbox`] says how a container is kept apart here, [`volumes`] makes what it
//! mounts; [`containers`] runs those of one attempt, [`course`] goes from attempt to attempt to the
//! verdict, [`orders`] stops it; [`record`] keeps and [`view`] shows it. The containers are this
//! program again ([`phase`]), or the runner's image: the phases are the same functions as in a Pod.

pub mod check;
pub mod cli;
pub mod containers;
pub mod course;
pub mod files;
pub mod options;
pub mod orders;
pub mod phase;
pub mod process;
pub mod record;
pub mod run;
pub mod sandbox;
pub mod secrets;
pub mod settings;
pub mod show;
pub mod verdict;
pub mod view;
pub mod volumes;
