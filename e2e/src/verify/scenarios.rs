//! The scenarios on the real cluster, with everything that they need installed first.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::tally::{Part, Tally};
use crate::cluster::Cluster;
use crate::scenario::{self, Report, Scenario, Site};

/// Scenarios that run side by side: more than the cores, since most of the time is waiting.
const SIDE_BY_SIDE: usize = 6;
/// The same on the second node, where most need it for themselves alone.
const ON_SECOND_NODE: usize = 2;

/// The scenarios to play.
pub struct Chosen {
    together: Vec<Scenario>,
    beside: Vec<Scenario>,
    alone: Vec<Scenario>,
}

impl Chosen {
    fn all(&self) -> impl Iterator<Item = &Scenario> {
        [&self.together, &self.beside, &self.alone].into_iter().flatten()
    }
}

/// The scenarios whose name contains `only`; an error when there is none.
pub fn choose(only: Option<&str>) -> Result<Chosen> {
    let wanted = |scenario: &Scenario| only.is_none_or(|text| scenario.name.contains(text));
    let chosen = |all: Vec<Scenario>| all.into_iter().filter(wanted).collect();
    let chosen = Chosen {
        together: chosen(scenario::side_by_side()),
        beside: chosen(scenario::on_the_second_node()),
        alone: chosen(scenario::one_by_one()),
    };
    ensure!(
        chosen.all().next().is_some(),
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
    let tally = RefCell::new(tally);
    let tell = |report: &Report| {
        let end = report.failure.clone().map_or(Ok(()), Err);
        tally.borrow_mut().count(&report.name, report.took, end);
    };
    let beside = scenario::run(&site, &chosen.beside, ON_SECOND_NODE, tell);
    futures::join!(scenario::run(&site, &chosen.together, SIDE_BY_SIDE, tell), beside);
    scenario::run(&site, &chosen.alone, 1, tell).await;
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
        assert_eq!((one.together.len(), one.all().count()), (1, 1));
        let all = choose(None).unwrap();
        assert!([&all.together, &all.beside, &all.alone].iter().all(|part| !part.is_empty()));
    }
}
