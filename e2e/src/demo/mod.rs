//! `cargo demo`: a cluster, the operator in it, and two tasks that a person can watch.
//!
//! The way: the cluster ([`crate::cluster`]), what must be in it ([`stage`]), the tasks ([`plot`])
//! on a sample repository ([`shop`]), a [`colleague`] who gets in the way, the table while they run
//! ([`live`]), what came out ([`ending`]), and taking everything back ([`teardown`]).
//! Not here: assertions; those are the scenarios' ([`crate::scenario`]).

mod around;
mod changes;
mod colleague;
mod diagnosis;
mod ear;
mod ending;
mod files;
mod live;
mod model;
mod options;
mod plot;
mod row;
mod screen;
mod shop;
mod stage;
mod stop;
mod table;
mod teardown;
mod web;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use crd::ClaudeTask;
use jiff::Timestamp;

use crate::cluster::{Cluster, Progress, Target};
use model::Model;
pub use options::Options;
use plot::plots;
use screen::{Screen, complain};
use stage::Stage;
use stop::{INTERRUPTED, Stop};

/// Plays the demo; success only if both tasks succeeded.
pub async fn demo(options: Options) -> ExitCode {
    let stop = match Stop::listen() {
        Ok(stop) => stop,
        Err(error) => return failed(&error),
    };
    match play(&options, &stop).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if stop.is_asked() => INTERRUPTED.into(),
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

async fn play(options: &Options, stop: &Stop) -> Result<bool> {
    let target = options.target()?;
    let model = Model::from_env();
    let progress = Progress::new(|line| Screen::stdout().say(line));
    progress.say("A demo of ClaudeTask: two tasks on a real Kubernetes.");
    progress.say(model.described());
    let cluster = match bring_up(target, &progress, stop).await {
        // A program that was started for this step has heard Ctrl-C too, and failed by it.
        Err(_) if stop.is_asked() => return Ok(false),
        brought => brought?,
    };
    let run = format!("{:05x}", Timestamp::now().as_second() & 0xf_ffff);
    // Held to the end: the addresses that are shown are good as long as this lives.
    let (stage, good) = match show(&cluster, model, &run, &progress, stop).await {
        Ok((stage, tasks, good)) => {
            if !options.once() {
                around::tell(&stage, &tasks, &progress);
            }
            (Some(stage), good)
        }
        Err(error) => {
            if !stop.is_asked() {
                failed(&error);
            }
            (None, false)
        }
    };
    if !options.once() && !stop.is_asked() {
        stay(stage.is_some(), &cluster, &progress, stop).await;
    }
    drop(stage);
    tokio::task::spawn_blocking(move || teardown::end(cluster, &plots(&run), &progress)).await??;
    Ok(good)
}

async fn stay(is_set: bool, cluster: &Cluster, progress: &Progress, stop: &Stop) {
    if !is_set {
        progress.say(format!("For a look: export KUBECONFIG={}", cluster.kubeconfig().display()));
    }
    progress.say("The demo stays up until you press Ctrl-C, which removes everything again.");
    stop.asked().await;
}

/// Brings the cluster up and claims the demo's namespaces in it; what fails leaves nothing behind.
async fn bring_up(target: Target, progress: &Progress, stop: &Stop) -> Result<Arc<Cluster>> {
    let (wanted, say) = (target.clone(), progress.clone());
    let cluster = match stop.or(move || Cluster::up(&wanted, &say)).await {
        Ok(cluster) => cluster,
        Err(error) => {
            let say = progress.clone();
            let ended = move || teardown::end_half_started(&target, &say);
            tokio::task::spawn_blocking(ended).await??;
            return Err(error);
        }
    };
    let Err(error) = teardown::claim(&cluster).await else { return Ok(Arc::new(cluster)) };
    let say = progress.clone();
    tokio::task::spawn_blocking(move || cluster.down(&say)).await??;
    Err(error)
}

/// Sets the stage, plays both tasks and tells what came out; true when both succeeded.
async fn show(
    cluster: &Arc<Cluster>,
    model: Model,
    run: &str,
    progress: &Progress,
    stop: &Stop,
) -> Result<(Stage, Vec<ClaudeTask>, bool)> {
    let stage = Stage::set(cluster, model, run, progress, stop).await?;
    stage.apply(progress, stop).await?;
    let mut screen = Screen::stdout();
    let tasks = match live::show(&stage, &mut screen, stop).await {
        Ok(tasks) => tasks,
        Err(error) => {
            if !stop.is_asked() {
                diagnosis::write_all(&stage, &mut screen).await?;
            }
            return Err(error);
        }
    };
    let good = ending::tell(&stage, &tasks, &mut screen).await?;
    Ok((stage, tasks, good))
}
