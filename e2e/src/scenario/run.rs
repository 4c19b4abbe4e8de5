//! Runs scenarios side by side and tells how each ended.
//!
//! Not here: playing one at both places ([`super::twins`]).

use futures::StreamExt;

use super::report::Report;
use super::twins::play_twice;
use super::{Scenario, Site};

/// Runs every scenario, at most `side_by_side` at a time, and hands each report to `tell` as it
/// comes.
pub async fn run(
    site: &Site,
    scenarios: &[Scenario],
    side_by_side: usize,
    mut tell: impl FnMut(&Report),
) -> Vec<Report> {
    let play = async |scenario: &Scenario| {
        if scenario.twice {
            return Vec::from(play_twice(site, scenario).await);
        }
        vec![Report::of(scenario.name.to_owned(), (scenario.play)(site)).await]
    };
    let mut running =
        futures::stream::iter(scenarios.iter().map(play)).buffer_unordered(side_by_side);
    let mut reports = Vec::new();
    while let Some(played) = running.next().await {
        played.iter().for_each(&mut tell);
        reports.extend(played);
    }
    reports
}
