//! The scenarios on the real cluster, with everything that they need installed first.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::tally::{Part, Tally};
use crate::cluster::Cluster;
use crate::scenario::{self, Report, Scenario, Site};

/// Scenarios that run side by side: more than the cores, since most of the time is waiting.
const SIDE_BY_SIDE: usize = 6;

/// The scenarios to play.
pub struct Chosen {
    together: Vec<Scenario>,
    alone: Vec<Scenario>,
}

/// The scenarios whose name contains `only`; an error when there is none.
pub fn choose(only: Option<&str>) -> Result<Chosen> {
    let wanted = |scenario: &Scenario| only.is_none_or(|text| scenario.name.contains(text));
    let chosen = |all: Vec<Scenario>| all.into_iter().filter(wanted).collect();
    let chosen = Chosen {
        together: chosen(scenario::side_by_side()),
        alone: chosen(scenario::one_by_one()),
    };
    ensure!(
        !(chosen.together.is_empty() && chosen.alone.is_empty()),
        "no scenario's name contains {:?}",
        only.unwrap_or_default()
    );
    Ok(chosen)
}

/// Plays the chosen scenarios.
pub async fn part(cluster: &Arc<Cluster>, chosen: &Chosen, tally: &mut Tally) -> Result<()> {
    let part = Part::begin("install test parts and operator");
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock before 1970")?;
    let site = Site::install_all(Arc::clone(cluster), format!("run-{}", since.as_secs())).await?;
    tally.end(&part, Ok(()));
    let mut tell = |report: &Report| {
        tally.count(report.name, report.took, report.failure.clone().map_or(Ok(()), Err));
    };
    scenario::run(&site, &chosen.together, SIDE_BY_SIDE, &mut tell).await;
    scenario::run(&site, &chosen.alone, 1, &mut tell).await;
    site.clear().await
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn a_text_that_chooses_nothing_is_an_error_that_names_it() {
        let error = choose(Some("no such scenario")).err().unwrap();
        assert!(error.to_string().contains("no such scenario"), "{error}");
        let one = choose(Some("admission::a_limit_range")).unwrap();
        assert_eq!((one.together.len(), one.alone.len()), (1, 0));
        let all = choose(None).unwrap();
        assert!(!all.together.is_empty() && !all.alone.is_empty());
    }
}
