//! The scenarios on the real cluster, with everything that they need installed first.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::tally::{Part, Tally};
use crate::cluster::Cluster;
use crate::scenario::{self, Report, Scenario, Site};

/// Scenarios that run side by side: more than the cores, since most of the time is waiting.
const SIDE_BY_SIDE: usize = 6;

/// Plays the scenarios whose name contains `only`.
pub async fn part(cluster: &Arc<Cluster>, only: Option<&str>, tally: &mut Tally) -> Result<()> {
    let part = Part::begin("install test parts and operator");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?;
    let site = Site::install_all(Arc::clone(cluster), format!("run-{}", since.as_secs())).await?;
    tally.end(&part, Ok(()));
    let chosen = |scenarios: Vec<Scenario>| -> Vec<Scenario> {
        let wanted = |scenario: &Scenario| only.is_none_or(|text| scenario.name.contains(text));
        scenarios.into_iter().filter(wanted).collect()
    };
    let mut tell = |report: &Report| {
        tally.count(report.name, report.took, report.failure.clone().map_or(Ok(()), Err));
    };
    scenario::run(&site, &chosen(scenario::side_by_side()), SIDE_BY_SIDE, &mut tell).await;
    scenario::run(&site, &chosen(scenario::one_by_one()), 1, &mut tell).await;
    site.clear().await
}
