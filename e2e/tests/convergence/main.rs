//! The convergence test: the real operator and the runner's push protocol in a toy world, driven
//! to rest under faults at every write, with the promises of the design as invariants.
//!
//! Every story comes from one seed: `CONVERGENCE_SEED=17 cargo test -p e2e --test convergence --
//! --nocapture` tells it again, step by step. Here alone the operator and the runner are linked
//! into one program. Not here: real clusters, real git (scenarios).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agenda;
mod apiserver;
mod cluster;
mod delivery;
mod dice;
mod fault;
mod kubelet;
mod outcome;
mod process;
mod promises;
mod remote;
mod runner;
mod settings;
mod store;
mod stories;
mod strike;
mod time;
mod workload;
mod world;
