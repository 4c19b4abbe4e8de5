//! Runs scenarios side by side and tells how each ended.

use std::time::{Duration, Instant};

use futures::StreamExt;

use super::twins::play_twice;
use super::{Scenario, Site};

/// How one play of a scenario ended.
pub struct Report {
    /// The scenario's name, with the place when it is not the cluster.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// The failure, with its causes; none when it passed.
    pub failure: Option<String>,
}

impl Report {
    /// Plays something.
    pub async fn of(name: String, play: impl Future<Output = anyhow::Result<()>>) -> Self {
        let begin = Instant::now();
        let end = play.await;
        Self::new(name, begin, end)
    }

    /// Of something that began then and has ended now.
    pub fn new(name: String, begin: Instant, end: anyhow::Result<()>) -> Self {
        let failure = end.err().map(|error| format!("{error:#}"));
        Self { name, took: begin.elapsed(), failure }
    }
}

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
