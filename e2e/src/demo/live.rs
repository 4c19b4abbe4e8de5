//! Both tasks while they run: watched, listened to, and shown.
//!
//! Not here: how a row is made ([`super::row`]) and looks ([`super::table`], [`super::changes`]).

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use crd::status::PhaseState;
use crd::{ClaudeTask, ClaudeTaskStatus};
use futures::StreamExt;
use futures::future::OptionFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::ear::{Ear, Heard, Place};
use super::plot::NAMESPACE;
use super::row::Row;
use super::screen::Screen;
use super::stage::Stage;
use super::stop::{Stop, Stopped};
use super::{changes, colleague, screen, table};

/// Longest time until both verdicts: beyond the operator's own deadline.
const LIMIT: Duration = Duration::from_mins(25);
/// Times in the table are told in seconds.
const TICK: Duration = Duration::from_secs(1);

struct Live<'a> {
    screen: &'a mut Screen,
    pods: Api<Pod>,
    ears: BTreeMap<String, Ear>,
    hears: UnboundedSender<Heard>,
    names: Vec<String>,
    tasks: BTreeMap<String, ClaudeTask>,
    heard: BTreeMap<String, String>,
    rows: Vec<Row>,
}

/// Shows both tasks until each has its verdict, and gives them as they are then.
pub async fn show(stage: &Stage, screen: &mut Screen, stop: &Stop) -> Result<Vec<ClaudeTask>> {
    let (hears, hearing) = unbounded_channel();
    let mut live = Live {
        screen,
        pods: Api::namespaced(stage.client.clone(), NAMESPACE),
        ears: BTreeMap::new(),
        hears,
        names: stage.plots.iter().map(|plot| plot.name.clone()).collect(),
        tasks: BTreeMap::new(),
        heard: BTreeMap::new(),
        rows: Vec::new(),
    };
    let watched = tokio::time::timeout(LIMIT, live.follow(stage, hearing, stop)).await;
    live.screen.settle();
    watched.with_context(|| {
        format!("no verdict on both tasks in {} minutes", LIMIT.as_secs() / 60)
    })??;
    let mut tasks = live.tasks;
    Ok(live.names.iter().filter_map(|name| tasks.remove(name)).collect())
}

impl Live<'_> {
    async fn follow(
        &mut self,
        stage: &Stage,
        mut hearing: tokio::sync::mpsc::UnboundedReceiver<Heard>,
        stop: &Stop,
    ) -> Result<()> {
        let tasks: Api<ClaudeTask> = Api::namespaced(stage.client.clone(), NAMESPACE);
        let mut events = pin!(watcher(tasks, watcher::Config::default()).default_backoff());
        let mut colleague = pin!(OptionFuture::from(Some(colleague::push(stage))));
        let mut is_waiting = true;
        let mut tick = tokio::time::interval(TICK);
        while !self.all_finished() {
            tokio::select! {
                event = events.next() => self.take(event.context("the watch has ended")?)?,
                Some(heard) = hearing.recv() => drop(self.heard.insert(heard.task, heard.activity)),
                Some(said) = &mut colleague, if is_waiting => {
                    is_waiting = false;
                    let text = |error| format!("The colleague could not push to main: {error:#}");
                    self.screen.say(&said.unwrap_or_else(text));
                }
                _ = tick.tick(), if self.screen.is_terminal() => (),
                () = stop.asked() => return Err(Stopped.into()),
            }
            self.draw();
        }
        Ok(())
    }

    fn take(&mut self, event: watcher::Result<Event<ClaudeTask>>) -> Result<()> {
        // What fails is tried again by the watcher itself; the limit is the end of that.
        let Ok(event) = event else { return Ok(()) };
        let (task, gone) = match event {
            Event::Apply(task) | Event::InitApply(task) => (task, false),
            Event::Delete(task) => (task, true),
            Event::Init | Event::InitDone => return Ok(()),
        };
        let name = task.metadata.name.clone().unwrap_or_default();
        if !self.names.contains(&name) {
            return Ok(());
        }
        if gone {
            bail!("somebody deleted the task {name}");
        }
        if let Some(place) = task.status.as_ref().and_then(place) {
            let ear = self.ears.entry(name.clone()).or_default();
            ear.turn_to(place, &name, &self.pods, &self.hears);
        }
        self.tasks.insert(name, task);
        Ok(())
    }

    fn all_finished(&self) -> bool {
        let finished = |name: &String| self.status(name).is_some_and(ClaudeTaskStatus::is_finished);
        self.names.iter().all(finished)
    }

    fn status(&self, name: &str) -> Option<&ClaudeTaskStatus> {
        self.tasks.get(name)?.status.as_ref()
    }

    fn draw(&mut self) {
        let now = Timestamp::now();
        let row = |name: &String| {
            let heard = self.heard.get(name).map(String::as_str).unwrap_or_default();
            Row::new(name, self.status(name), heard, now)
        };
        let rows: Vec<Row> = self.names.iter().map(row).collect();
        if self.screen.is_terminal() {
            let (width, colour) = (screen::width(), self.screen.colour());
            let mut lines = vec![String::new()];
            lines.extend(table::lines(&rows, width, colour));
            lines.extend([String::new(), table::legend(colour)]);
            self.screen.draw(&lines);
        } else {
            for (index, row) in rows.iter().enumerate() {
                for line in changes::lines(self.rows.get(index), row) {
                    self.screen.say(&line);
                }
            }
        }
        self.rows = rows;
    }
}

/// The log of the phase that runs.
fn place(status: &ClaudeTaskStatus) -> Option<Place> {
    let runs = status.phases.iter().find(|phase| phase.state == PhaseState::Running)?;
    Some(Place { pod: status.pod_name.clone()?, container: runs.name.container() })
}
