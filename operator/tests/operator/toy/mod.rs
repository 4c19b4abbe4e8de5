//! A toy cluster with a toy remote: Jobs, Pods and a task that decisions are performed on.
//!
//! What must hold at every step is asserted here, at the write that would break it. Not here: the
//! stories ([`crate::convergence`]).

mod apiserver;
mod kubelet;

pub use apiserver::ALL;
use crd::ClaudeTask;
use crd::Reason;
use operator::view::JobView;
use serde_json::{Value, json};

use crate::sample::{Pod, at, task_json};

/// Seconds that the sample task has in all.
pub const TIMEOUT: i64 = 3600;

/// A small generator: the same seed gives the same story.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// How the containers of an attempt end, if nobody interferes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// With a push.
    Pushes,
    /// Claude fails; the work so far is saved.
    ClaudeFails(Reason),
    /// The push loses a race that only a new attempt can follow.
    LosesRace,
}

/// Job and Pod of one attempt, and how far its containers got.
#[derive(Default)]
pub struct Attempt {
    pub number: u32,
    pub job: Option<JobView>,
    pub pod: Option<Pod>,
    /// The operator remembers a Pod that is gone, until it dies.
    pub tombstone: Option<Pod>,
    /// Phases that have ended; the next one runs when `running`.
    pub done: usize,
    pub running: bool,
    pub health: Health,
    /// Seconds that the kubelet gives the Pod.
    pub limit: i64,
    /// Made by an operator that was behind; only the remote fences it.
    pub stray: bool,
}

/// How an attempt gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// One thing after the other.
    #[default]
    Well,
    /// Nothing goes on in the container that runs.
    Hangs,
    /// The node does not answer.
    Dead,
}

/// Everything outside the operator.
pub struct World {
    pub dice: Dice,
    pub now: i64,
    pub task: ClaudeTask,
    pub attempts: Vec<Attempt>,
    /// Of the attempts in order; those beyond push.
    pub scripts: Vec<Script>,
    /// Containers do not look whether they are asked to stop.
    pub deaf: bool,
    /// Pushes to the branch.
    pub pushes: usize,
    /// Whole runs of Claude.
    pub runs: usize,
    /// Finished work is on the checkpoint.
    pub saved: bool,
    /// Writes to the task: status and annotation.
    pub writes: usize,
    pub verdict: Option<String>,
    /// The task was deleted.
    pub deleted: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::of(seed, &[], &json!({}))
    }

    /// A world with a script for each attempt and some fields of the spec.
    pub fn of(seed: u64, scripts: &[Script], spec: &Value) -> Self {
        let mut task = task_json();
        for (field, value) in spec.as_object().unwrap() {
            task["spec"][field] = value.clone();
        }
        Self {
            dice: Dice(seed),
            now: 0,
            task: serde_json::from_value(task).unwrap(),
            attempts: Vec::new(),
            scripts: scripts.to_vec(),
            deaf: false,
            pushes: 0,
            runs: 0,
            saved: false,
            writes: 0,
            verdict: None,
            deleted: false,
        }
    }

    /// The attempt that the status names.
    pub fn current(&self) -> usize {
        let number = crd::attempts::current(&self.task);
        let place = self.attempts.iter().position(|attempt| attempt.number == number);
        place.unwrap_or(self.attempts.len())
    }

    /// The last moment that counts: the deadline and what is granted after it.
    pub fn is_past_the_end(&self) -> bool {
        let deadline = self.task.status.as_ref().and_then(|status| status.deadline);
        deadline.is_some_and(|deadline| at(self.now - 60) >= deadline)
    }

    /// Somebody sets `spec.cancel`.
    pub fn cancel(&mut self) {
        if !self.deleted && !self.task.spec.cancel {
            self.task.spec.cancel = true;
            self.bump();
        }
    }

    pub fn ending(&self) -> String {
        self.verdict.clone().unwrap_or_else(|| panic!("no verdict after {} s", self.now))
    }

    fn bump(&mut self) {
        let version: u64 = self.version().parse().unwrap();
        self.task.metadata.resource_version = Some((version + 1).to_string());
    }

    fn version(&self) -> &str {
        self.task.metadata.resource_version.as_deref().unwrap()
    }
}

impl Attempt {
    /// True while a container of it could still do something, as far as anybody can know.
    pub fn could_still_work(&self, now: i64) -> bool {
        match (&self.pod, &self.job) {
            (Some(pod), _) => !is_over(pod) && !is_lost(pod, now),
            (None, Some(job)) => job.metadata.deletion_timestamp.is_none() && !job.is_finished(),
            (None, None) => false,
        }
    }
}

fn is_over(pod: &Pod) -> bool {
    pod.0["status"]["phase"] == "Failed" || pod.0["status"]["phase"] == "Succeeded"
}

/// Driven from a node that did not answer until a minute after the Pod's end.
fn is_lost(pod: &Pod, now: i64) -> bool {
    let gone_by = &pod.0["metadata"]["deletionTimestamp"];
    let driven = pod.0["status"]["conditions"][0]["reason"] == "DeletionByTaintManager";
    driven && gone_by.as_str().is_some_and(|text| at(now - 60) >= text.parse().unwrap())
}
