//! Runs scenarios side by side and tells how each ended.

use std::time::{Duration, Instant};

use futures::StreamExt;

use super::{Scenario, Site};

/// How one scenario ended.
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// The failure, with its causes; none when it passed.
    pub failure: Option<String>,
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
        let begin = Instant::now();
        let end = (scenario.play)(site).await;
        let failure = end.err().map(|error| format!("{error:#}"));
        Report { name: scenario.name, took: begin.elapsed(), failure }
    };
    let mut running =
        futures::stream::iter(scenarios.iter().map(play)).buffer_unordered(side_by_side);
    let mut reports = Vec::new();
    while let Some(report) = running.next().await {
        tell(&report);
        reports.push(report);
    }
    reports
}
