//! Tests of the operator without a cluster, as one program.
//!
//! Not here: scenarios on a real cluster (e2e).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod afterwards;
mod apiserver;
mod attempts;
mod chart;
mod convergence;
mod decide;
mod fake;
mod job;
mod lifecycle;
mod obstacles;
mod pod_facts;
mod purity;
mod render;
mod sample;
mod stop;
mod toy;
mod which_fact_wins;
