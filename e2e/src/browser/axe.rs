//! axe-core, which finds what keeps people with a screen reader or a keyboard from a page.
//!
//! Not here: which pages are looked at.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Tab;
use crate::cluster::Progress;
use crate::cluster::layout::Layout;
use crate::cluster::npm;

/// The version, of npm's package `axe-core`.
const VERSION: &str = "4.14.1";

/// The path of its script, fetched when missing.
pub fn fetch(layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let script = layout.programs().join(format!("axe-core-{VERSION}.js"));
    if !script.exists() {
        progress.step(&format!("Fetch axe-core {VERSION} from npm"), "", || {
            npm::take(&format!("axe-core@{VERSION}"), "axe.min.js", &script, layout, progress)
        })?;
    }
    Ok(script)
}

#[derive(Deserialize)]
struct Fault {
    id: String,
    impact: Option<String>,
    help: String,
    nodes: Vec<Value>,
}

/// Errs with every fault of the page that is open in the tab.
pub async fn check(tab: &Tab, page: &str) -> Result<()> {
    if !tab.see::<bool>("'axe' in window").await? {
        let script = fetch(&Layout::from_env()?, &Progress::to_stderr())?;
        let script = fs::read_to_string(script).context("read axe-core")?;
        // As a debugger does it: the page's own policy lets no such script in.
        tab.see::<Value>(&format!("{script}; null")).await?;
    }
    let run = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)";
    let faults: Vec<Fault> = tab.see(run).await?;
    let told: Vec<_> = faults.iter().map(told).collect();
    ensure!(told.is_empty(), "axe-core on {page}: {}", told.join("\n"));
    Ok(())
}

fn told(fault: &Fault) -> String {
    let Fault { id, impact, help, nodes } = fault;
    let places: Vec<_> = nodes.iter().map(|node| node["html"].to_string()).collect();
    format!("{} {id}: {help}: {}", impact.as_deref().unwrap_or_default(), places.join(", "))
}
