//! The operator: observe → decide → act.
//!
//! The way of the data: the [`controller`] names a task; [`observe`] gathers what is known of its
//! Job, Pods and events from caches ([`children`]) and, where a cache may be behind, by reading;
//! [`decide`] turns that into a [`decide::Decision`], with [`pod_facts`], [`ended`] and [`stall`]
//! to read the Pod, [`crd::advance`] and [`crd::attempts`] for the next status and [`job`] to make a
//! Job; [`act`] performs it.
//!
//! [`render`] shows the Job of a task in a file, without a cluster.
//!
//! With two replicas one works and the other stands by ([`leader`]).
//!
//! Not here: what happens inside the containers (the runner), the schema (crd).

pub mod act;
pub mod children;
pub mod config;
pub mod controller;
pub mod decide;
pub mod ended;
pub mod job;
pub mod leader;
pub mod ledger;
pub mod notes;
pub mod observe;
pub mod pod;
pub mod pod_facts;
pub mod render;
pub mod resources;
pub mod retention;
pub mod server;
pub mod stall;
pub mod status;
pub mod unreadable;
pub mod verdict;
pub mod view;
pub mod watches;
