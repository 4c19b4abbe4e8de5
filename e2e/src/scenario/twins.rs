//! A scenario played on the cluster and then on this machine, which must come to the same end.
//!
//! Not here: what is the same ([`super::alike`]).

use std::time::Instant;

use super::alike::expect_alike;
use super::report::Report;
use super::{Scenario, Site};

/// Plays the scenario at both places: the cluster's report, and the local one, which is a failure
/// too when both passed with different ends. Neither hides the other.
pub async fn play_twice(site: &Site, scenario: &Scenario) -> [Report; 2] {
    let cluster = site.again();
    let there = Report::of(scenario.name.to_owned(), (scenario.play)(&cluster));
    let local = async {
        let begin = Instant::now();
        let name = format!("{} (local)", scenario.name);
        match site.here().await {
            Ok(here) => (Report::of(name, (scenario.play)(&here)).await, Some(here)),
            Err(error) => (Report::new(name, begin, Err(error)), None),
        }
    };
    // One after the other: both at once would only make both slow.
    let there = there.await;
    let (mut local, here) = local.await;
    if let (None, None, Some(here)) = (&there.failure, &local.failure, here) {
        let alike = expect_alike(&cluster, &here).await;
        local.failure = alike.err().map(|error| format!("{error:#}"));
    }
    [there, local]
}
