//! Scenarios on the real cluster: each makes a repository and a script for the model, applies a
//! ClaudeTask and checks what came of it. Those that need nothing of Kubernetes are played without
//! a cluster too, and must come to the same end.
//!
//! [`Site`] is what all scenarios share, [`Case`] one scenario's own corner of it; one file holds
//! the scenarios of one subject. Not here: bringing the cluster up and installing the operator.

mod alike;
mod case;
mod caught;
mod local;
mod meanwhile;
mod normal;
mod outpost;
mod place;
mod process;
mod report;
mod run;
mod site;
mod twins;
mod verdict;

mod access;
mod admission;
mod agent;
mod browser;
mod cancel;
mod conflicts;
mod continuing;
mod deletion;
mod guards;
mod histories;
mod landing;
mod laptop;
mod leader;
mod lifecycle;
mod nodes;
mod operator;
mod pod;
mod races;
mod refusal;
mod secrecy;
mod setup;
mod targets;
mod transport;
mod validation;
mod web;

#[cfg(test)]
mod produced;

pub use case::Case;
pub use report::Report;
pub use run::run;
pub use site::Site;
pub use verdict::Verdict;

use futures::future::LocalBoxFuture;

/// A scenario: its name, which says what is expected, and what it does.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Subject and statement: `landing::three_commits_stay_three`.
    pub name: &'static str,
    /// Whether it needs nothing of Kubernetes, and is played without a cluster too, to the same
    /// end.
    pub twice: bool,
    /// Runs it; an error is the failure.
    pub play: fn(&Site) -> LocalBoxFuture<'_, anyhow::Result<()>>,
}

/// The scenarios of one subject, from functions `async fn(Case) -> anyhow::Result<()>`: those that
/// are played twice, then those that only the cluster has.
macro_rules! scenarios {
    ($subject:literal, twice: $($twin:ident),+ $(,)? $(; once: $($function:ident),+ $(,)?)?) => {
        /// The scenarios of this subject.
        pub const ALL: &[crate::scenario::Scenario] = &[
            $(crate::scenario::scenario!($subject, true, $twin)),+
            $($(, crate::scenario::scenario!($subject, false, $function))+)?
        ];
    };
    ($subject:literal: $($function:ident),+ $(,)?) => {
        /// The scenarios of this subject.
        pub const ALL: &[crate::scenario::Scenario] =
            &[$(crate::scenario::scenario!($subject, false, $function)),+];
    };
}
use scenarios;

/// One scenario.
macro_rules! scenario {
    ($subject:literal, $twice:literal, $function:ident) => {
        crate::scenario::Scenario {
            name: concat!($subject, "::", stringify!($function)),
            twice: $twice,
            play: |site| {
                Box::pin(crate::scenario::Case::play(site, stringify!($function), $function))
            },
        }
    };
}
use scenario;

/// Scenarios that can be played side by side.
pub fn side_by_side() -> Vec<Scenario> {
    // The slow ones first, so that none of them is left over at the end.
    [
        lifecycle::ALL,
        browser::ALL,
        cancel::ALL,
        deletion::ALL,
        guards::ALL,
        pod::ALL,
        admission::ALL,
        landing::ALL,
        targets::ALL,
        races::ALL,
        conflicts::ALL,
        agent::ALL,
        continuing::ALL,
        histories::ALL,
        secrecy::ALL,
        laptop::ALL,
        setup::ALL,
        access::ALL,
        transport::ALL,
        refusal::ALL,
        validation::ALL,
        web::ALL,
    ]
    .concat()
}

/// Scenarios that wait for their turn on the second node most of the time; played beside the others.
pub fn on_the_second_node() -> Vec<Scenario> {
    nodes::ALL.to_vec()
}

/// Scenarios that touch what all share, and are played one after the other.
pub fn one_by_one() -> Vec<Scenario> {
    [operator::ALL, guards::off::ALL, transport::INSTALLED, leader::ALL].concat()
}
