//! The parts of `cargo verify` in their order: what needs no cluster first, then the cluster, the
//! chart and the scenarios on it.
//!
//! Not here: how a part's result is counted and shown ([`tally`]).

mod cargo;
mod chart;
mod scenarios;
mod schemas;
mod tally;

use std::sync::Arc;

use anyhow::Result;
use clap::Parser;

use crate::cluster::layout::Layout;
use crate::cluster::own::{self, Health};
use crate::cluster::{Cluster, Progress, Target, claude, owner, sshd};
use tally::{Part, Tally};

/// Runs every check and every test of the project; ends with `N passed, N failed`.
#[derive(Debug, Parser)]
pub struct Options {
    /// Play only scenarios whose name contains this, and nothing else
    #[arg(long)]
    only: Option<String>,
    /// Leave the cluster running at the end
    #[arg(long)]
    keep: bool,
}

/// Runs all parts; true when nothing failed.
///
/// # Errors
/// When a part could not be run at all.
pub async fn verify(options: Options) -> Result<bool> {
    owner::check_root()?;
    let chosen = scenarios::choose(options.only.as_deref())?;
    let mut tally = Tally::default();
    if options.only.is_none() {
        // Tests that talk to the real Claude Code CLI, or to a real ssh server, are among the first.
        claude::fetch(&Layout::from_env()?, &Progress::to_stderr())?;
        sshd::fetch(&Layout::from_env()?, &Progress::to_stderr())?;
        cargo::parts(&mut tally)?;
    }
    let progress = Progress::to_stderr();
    let part = Part::begin("cluster");
    let cluster = tokio::task::spawn_blocking(move || {
        let cluster = Cluster::up(&Target::Own, &progress)?;
        cluster.load_images(false, &progress)?;
        anyhow::Ok(cluster)
    });
    let cluster = Arc::new(cluster.await??);
    tally.end(&part, Ok(()));
    if options.only.is_none() {
        chart::part(&cluster, &mut tally)?;
    }
    scenarios::part(&cluster, &chosen, &mut tally).await?;
    if let (false, Ok(cluster)) = (options.keep, Arc::try_unwrap(cluster)) {
        let progress = Progress::to_stderr();
        tokio::task::spawn_blocking(move || cluster.down(&progress)).await??;
        life_cycle(&mut tally)?;
    }
    Ok(tally.close())
}

/// Kills and ends the cluster once more, unless another program needs it.
fn life_cycle(tally: &mut Tally) -> Result<()> {
    if own::health(&Layout::from_env()?) != Health::Absent {
        println!("skip cluster life cycle: another program uses the cluster");
        return Ok(());
    }
    cargo::tests(
        tally,
        "cluster life cycle",
        &["-p", "e2e", "--test", "cluster", "--", "--ignored"],
    )
}
