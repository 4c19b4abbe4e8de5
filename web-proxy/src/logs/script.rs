//! A cluster that tests play by hand: containers that write, break off, rotate and end.
//!
//! Not here: the tests.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard};

use crd::Phase;
use futures::future::BoxFuture;
use futures::stream::unfold;
use futures::{FutureExt, TryStreamExt};
use serde_json::json;
use tokio::sync::watch;

use super::order::{PodFacts, State, Target};
use super::position::Step;
use super::upstream::{Body, TaskRef, Unreadable, Upstream};

/// Bytes that a read hands out at once.
const PIECE: usize = 100;

#[derive(Default)]
pub struct Script {
    containers: Mutex<BTreeMap<Step, Container>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Container {
    text: Vec<u8>,
    /// Where the newest file begins.
    begin: usize,
    ended: bool,
    /// Reads end after so many bytes, one after the other; then they go to the end.
    cuts: VecDeque<usize>,
    /// Reads that began before this count have broken off.
    broken: usize,
    /// New lines are shown to new reads only.
    hangs: bool,
    opened: usize,
}

pub fn step(attempt: u32, phase: Phase) -> Step {
    Step { attempt, phase }
}

/// A line as the runner writes it.
pub fn line(seq: u64) -> String {
    let line = json!({"seq": seq, "time": "2026-01-01T00:00:00Z", "phase": "run",
        "kind": "output", "text": format!("line {seq}")});
    format!("{line}\n")
}

pub fn lines(seqs: std::ops::RangeInclusive<u64>) -> String {
    seqs.map(line).collect()
}

impl Script {
    pub fn write(&self, step: Step, text: &str) {
        self.change(step, |container| container.text.extend_from_slice(text.as_bytes()));
    }

    pub fn end(&self, step: Step) {
        self.change(step, |container| container.ended = true);
    }

    /// A new file begins here.
    pub fn rotate(&self, step: Step) {
        self.change(step, |container| container.begin = container.text.len());
    }

    pub fn cut(&self, step: Step, cuts: &[usize]) {
        self.change(step, |container| container.cuts = cuts.iter().copied().collect());
    }

    /// Ends the reads that are open.
    pub fn break_off(&self, step: Step) {
        self.change(step, |container| container.broken = container.opened);
    }

    pub fn hang(&self, step: Step, hangs: bool) {
        self.change(step, |container| container.hangs = hangs);
    }

    pub fn remove_pods(&self) {
        self.lock().clear();
        self.changed.send_replace(());
    }

    /// How often the log was opened.
    pub fn opened(&self, step: Step) -> usize {
        self.lock().get(&step).map_or(0, |container| container.opened)
    }

    fn change(&self, step: Step, change: impl FnOnce(&mut Container)) {
        change(self.lock().entry(step).or_default());
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Step, Container>> {
        self.containers.lock().unwrap()
    }

    fn open(self: &Arc<Self>, step: Step) -> Result<Body, Unreadable> {
        let (number, begin, cut) = {
            let mut containers = self.lock();
            let container = containers.get_mut(&step).ok_or_else(gone)?;
            container.opened += 1;
            let cut = container.cuts.pop_front().unwrap_or(usize::MAX);
            (container.opened, container.begin, container.begin.saturating_add(cut))
        };
        let read = Read { script: Arc::clone(self), step, number, at: begin, cut };
        let pieces = unfold(read, |mut read| async {
            read.piece().await.map(|piece| (Ok::<_, std::io::Error>(piece), read))
        });
        Ok(Box::pin(Box::pin(pieces).into_async_read()))
    }
}

fn gone() -> Unreadable {
    Unreadable::Broken(ErrorKind::NotFound.into())
}

struct Read {
    script: Arc<Script>,
    step: Step,
    number: usize,
    at: usize,
    cut: usize,
}

impl Read {
    async fn piece(&mut self) -> Option<Vec<u8>> {
        let mut changed = self.script.changed.subscribe();
        loop {
            match self.now() {
                Now::Piece(piece) => return Some(piece),
                Now::End => return None,
                Now::Nothing => {}
            }
            changed.changed().await.ok()?;
        }
    }

    fn now(&mut self) -> Now {
        let containers = self.script.lock();
        let Some(container) = containers.get(&self.step) else { return Now::End };
        let end = container.text.len().min(self.cut).min(self.at + PIECE);
        if container.broken >= self.number || self.at >= self.cut {
            return Now::End;
        }
        if container.hangs {
            return Now::Nothing;
        }
        if self.at < end {
            let piece = container.text[self.at..end].to_vec();
            self.at = end;
            return Now::Piece(piece);
        }
        if container.ended { Now::End } else { Now::Nothing }
    }
}

enum Now {
    Piece(Vec<u8>),
    End,
    Nothing,
}

/// The script as the hub reads it.
pub struct Play(pub Arc<Script>);

impl Upstream for Play {
    fn pods<'a>(
        &'a self,
        _task: &'a TaskRef,
        _known: &'a [PodFacts],
    ) -> BoxFuture<'a, Result<Vec<PodFacts>, Unreadable>> {
        let mut pods: Vec<PodFacts> = Vec::new();
        for (step, container) in &*self.0.lock() {
            let state = if container.ended { State::Ended } else { State::Running };
            if pods.last().is_none_or(|pod| pod.attempt != step.attempt) {
                let name = format!("pod-{}", step.attempt);
                let (namespace, attempt) = ("demo".to_owned(), step.attempt);
                let uid = name.clone();
                pods.push(PodFacts { namespace, name, uid, attempt, containers: Vec::new() });
            }
            pods.last_mut().unwrap().containers.push((step.phase, state));
        }
        async { Ok(pods) }.boxed()
    }

    fn state<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Option<State>, Unreadable>> {
        let containers = self.0.lock();
        let state = containers.get(&target.step);
        let state = state.map(|one| if one.ended { State::Ended } else { State::Running });
        async move { Ok(state) }.boxed()
    }

    fn follow<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>> {
        let body = self.0.open(target.step);
        async { body }.boxed()
    }

    fn last_line<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>> {
        let containers = self.0.lock();
        let Some(container) = containers.get(&target.step) else {
            return async { Err(gone()) }.boxed();
        };
        let file = &container.text[container.begin..];
        let mut lines = file.split_inclusive(|one| *one == b'\n');
        let last = lines.next_back().unwrap_or_default().to_vec();
        async { Ok(Box::pin(futures::io::Cursor::new(last)) as Body) }.boxed()
    }
}
