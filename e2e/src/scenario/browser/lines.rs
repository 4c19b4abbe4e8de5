//! The lines of a log: those of the Pod, and those on the page.
//!
//! Not here: what they say.

use anyhow::{Context, Result, ensure};
use crd::Phase;
use serde_json::Value;

use super::super::site::Site;
use super::super::verdict::Verdict;
use crate::browser::Tab;

/// The ids that the page should give to the lines of a finished task, in their order, as the kubelet
/// has them: `L1.run.7`.
pub async fn all_lines(site: &Site, verdict: &Verdict<'_>) -> Result<Vec<String>> {
    let (status, mut ids) = (&verdict.status, Vec::new());
    let pod = status.pod_name.as_deref().context("no Pod")?;
    let attempt = status.attempt.context("no attempt")?;
    for phase in Phase::ALL {
        let container = phase.container();
        for line in site.log(pod, container).await?.lines() {
            let line: Value = serde_json::from_str(line).context("a line that is no JSON")?;
            ids.push(format!("L{attempt}.{container}.{}", line["seq"]));
        }
    }
    ensure!(ids.len() > 10, "{} lines are no log to compare", ids.len());
    Ok(ids)
}

/// Errs unless the page of the task shows these lines and no others, each once, in this order.
pub async fn see_all(tab: &Tab, expected: &[String]) -> Result<()> {
    let is_complete = "document.querySelector('#log .connection').textContent === 'complete'";
    tab.until("the end of the log", is_complete).await?;
    // As they came, one beside the other: turns without words are lines too then.
    tab.click("#log .raw").await?;
    let shown = "[...document.querySelectorAll('#log .lines .line')].map(line => line.id)";
    let last = format!("{shown}.at(-1) === '{}'", expected.last().context("no lines")?);
    tab.until("the last line", &last).await?;
    let found: Vec<String> = tab.see(shown).await?;
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    ensure!(
        found == expected,
        "{} lines instead of {}; the first that differs: {differs:?}",
        found.len(),
        expected.len()
    );
    Ok(())
}
