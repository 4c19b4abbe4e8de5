//! What viewers of a task see, whatever happens to the cluster, the connection and themselves: a
//! scripted cluster with a hub before it.
//!
//! Not here: whose a Pod is ([`super::cluster`], [`super::owner`]).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crd::{ClaudeTask, Phase};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::position::Step;
use super::script::{Play, Script};
use super::{Limits, Logs, Position};

mod ear;
mod kept;
mod upstream;
mod viewers;

/// A test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    name: String,
    id: Option<Position>,
    data: Value,
}

struct Stage {
    script: Arc<Script>,
    logs: Arc<Logs>,
    task: watch::Sender<Option<Arc<ClaudeTask>>>,
}

fn quick() -> Limits {
    Limits {
        batch: Duration::from_millis(1),
        look: Duration::from_millis(5),
        pause: Duration::from_micros(100),
        grace: Duration::from_millis(100),
        ..Limits::default()
    }
}

fn task(uid: &str, verdict: &str) -> Arc<ClaudeTask> {
    let condition = json!({"type": "Succeeded", "status": verdict, "reason": "Pushed",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let task = json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
        "metadata": {"namespace": "demo", "name": "t", "uid": uid},
        "spec": {"repository": {"url": "https://example.com/r.git"}, "prompt": "p"},
        "status": {"conditions": [condition]}});
    Arc::new(serde_json::from_value(task).unwrap())
}

impl Stage {
    fn new(limits: Limits) -> Self {
        let script = Arc::new(Script::default());
        let logs = Logs::of(Arc::new(Play(Arc::clone(&script))), limits);
        Self { script, logs, task: watch::Sender::new(Some(task("a", "Unknown"))) }
    }

    /// The same cluster seen by a proxy that has just started.
    fn restarted(&self) -> Self {
        let logs = Logs::of(Arc::new(Play(Arc::clone(&self.script))), quick());
        Self { script: Arc::clone(&self.script), logs, task: self.task.clone() }
    }

    fn finish(&self) {
        self.task.send_replace(Some(task("a", "True")));
    }

    fn view(&self, after: Option<&str>) -> impl Stream<Item = Bytes> + Send + use<> {
        self.logs.follow(self.task.subscribe(), after.map(|id| id.parse().unwrap()))
    }

    async fn all(&self, after: Option<&str>) -> Vec<Event> {
        all(self.view(after)).await
    }

    /// A task of one container that has written this and ended.
    fn over(limits: Limits, text: &str) -> Self {
        let stage = Self::new(limits);
        stage.script.write(RUN, text);
        stage.script.end(RUN);
        stage.finish();
        stage
    }
}

const RUN: Step = Step { attempt: 1, phase: Phase::Run };

async fn all(stream: impl Stream<Item = Bytes>) -> Vec<Event> {
    let bytes = timeout(DEADLINE, stream.collect::<Vec<Bytes>>()).await.expect("an end");
    events(&bytes.concat())
}

fn events(bytes: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = text.strip_prefix("retry: 1000\n\n").expect("retry first");
    let blocks = text.split_terminator("\n\n").filter(|block| *block != ": ");
    let field = |block: &str, name: &str| {
        block.lines().find_map(|row| row.strip_prefix(name).map(str::to_owned))
    };
    let event = |block: &str| Event {
        name: field(block, "event: ").unwrap(),
        id: field(block, "id: ").map(|id| id.parse().unwrap()),
        data: serde_json::from_str(&field(block, "data: ").unwrap()).unwrap(),
    };
    blocks.map(event).collect()
}

/// Ids of numbered lines, kinds or names of the others.
fn seen(events: &[Event]) -> Vec<String> {
    let shown = |event: &Event| match (&event.id, event.name.as_str()) {
        (Some(id), _) => id.to_string(),
        (None, "line") => event.data["text"].as_str().unwrap().to_owned(),
        (None, "gap") => format!("gap {}", event.data["from"]),
        (None, name) => format!("{name} {}", event.data),
    };
    events.iter().map(shown).collect()
}

fn ids(container: &str, seqs: std::ops::RangeInclusive<u64>) -> Vec<String> {
    seqs.map(|seq| format!("1.{container}.{seq}")).collect()
}

/// What a viewer sees who gets these lines of Run and the end.
fn whole(seqs: std::ops::RangeInclusive<u64>) -> Vec<String> {
    [ids("run", seqs), vec!["end {}".to_owned()]].concat()
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, wait).await.expect("the condition");
}
