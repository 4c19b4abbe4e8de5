//! A toy kubelet: starts the containers of a Pod one after the other, records what they did, and
//! stops them when it is told to.
//!
//! Its node may be cut off; then the containers go on and nobody sees it. Not here: what the
//! containers do ([`crate::runner`]).

use crd::{Phase, Reason, TaskDocument, names};
use serde_json::{Value, json};

use crate::runner::{Around, Ended, Runner};
use crate::store::{Kind, Store, is_leaving};
use crate::time::at;
use crate::workload::Script;

/// Nothing more will happen.
pub const NEVER: i64 = i64::MAX;

#[derive(Debug, Clone)]
enum Container {
    Pending,
    Running(i64),
    Ended(i64, i64, Box<Ended>),
}

/// A Pod on its node.
#[derive(Debug)]
pub struct Machine {
    pub pod: String,
    runner: Runner,
    containers: [Container; 5],
    /// When something happens next.
    pub next: i64,
    /// When the kubelet ends it.
    deadline: i64,
    /// `Failed` or `Succeeded`.
    over: Option<&'static str>,
    reason: Option<&'static str>,
    /// The apiserver and this node do not hear of each other.
    pub cut_off: bool,
    noticed: bool,
}

impl Machine {
    /// The Pod of `job`, which starts a little later.
    pub fn new(pod: &str, job: &Value, script: Script, next: i64) -> Self {
        let spec = &job["spec"]["template"]["spec"];
        let env = spec["initContainers"][0]["env"].as_array().unwrap();
        let document = env.iter().find(|env| env["name"] == names::ENV_DOCUMENT).unwrap();
        let document: TaskDocument =
            serde_json::from_str(document["value"].as_str().unwrap()).unwrap();
        let seconds = spec["activeDeadlineSeconds"].as_i64().unwrap();
        Self {
            pod: pod.to_owned(),
            runner: Runner::new(document, script),
            containers: std::array::from_fn(|_| Container::Pending),
            next,
            deadline: next + 1000 * seconds,
            over: None,
            reason: None,
            cut_off: false,
            noticed: false,
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Phase that runs, or is next.
    pub fn phase(&self) -> Option<Phase> {
        let ended = |container: &&Container| matches!(container, Container::Ended(..));
        Phase::ALL.get(self.containers.iter().take_while(ended).count()).copied()
    }

    /// The kubelet hears of what changed in the Pod, soon.
    pub fn notice(&mut self, store: &Store, now: i64) {
        if self.cut_off {
            return;
        }
        let Some(pod) = store.get(Kind::Pod, &self.pod) else {
            self.next = if self.over.is_some() { NEVER } else { self.next.min(now + 500) };
            return;
        };
        if is_leaving(pod) && !self.noticed {
            self.noticed = true;
            self.next = now + 700;
        }
        let request = pod["metadata"]["annotations"][names::ANNOTATION_STOP].as_str();
        let word = request.and_then(|request| request.split(' ').next());
        if self.runner.asked.is_none()
            && let Some(reason) = word.and_then(|word| word.parse::<Reason>().ok())
        {
            self.runner.asked = Some(reason);
            self.next = self.next.min(now + 300);
        }
    }

    /// One step, and its trace in the Pod's status.
    pub fn step(&mut self, store: &mut Store, around: &mut Around) {
        let told = if self.cut_off { None } else { Some(store.get(Kind::Pod, &self.pod).cloned()) };
        let leaving = told.as_ref().is_some_and(|pod| pod.as_ref().is_none_or(|p| is_leaving(p)));
        if self.over.is_some() {
            self.next = NEVER;
            if leaving {
                store.remove(Kind::Pod, &self.pod);
            }
        } else if leaving || around.now >= self.deadline {
            self.reason = (!leaving).then_some("DeadlineExceeded");
            self.stop(around);
            self.next = around.now + 300;
        } else {
            self.work(around);
        }
        self.tell(store);
    }

    /// The status as the kubelet would write it.
    pub fn tell(&self, store: &mut Store) {
        if !self.cut_off {
            let status = self.status();
            store.change(Kind::Pod, &self.pod, |pod| {
                let conditions = pod["status"]["conditions"].clone();
                pod["status"] = status;
                pod["status"]["conditions"] = match conditions {
                    Value::Null => json!([]),
                    conditions => conditions,
                };
            });
        }
    }

    fn work(&mut self, around: &mut Around) {
        let Some(phase) = self.phase() else { return };
        let place = phase as usize;
        let pause = match phase {
            Phase::Run => around.dice.between(5_000, 40_000),
            Phase::ConflictResolution => around.dice.between(2_000, 20_000),
            Phase::Push => around.dice.between(100, 2_000),
            _ => around.dice.between(500, 3_000),
        };
        self.next = around.now + pause;
        let Container::Running(since) = self.containers[place] else {
            self.containers[place] = Container::Running(around.now);
            return;
        };
        if let Some(ended) = self.runner.step(phase, around) {
            self.over = match (ended.exit, phase) {
                (0, Phase::Push) => Some("Succeeded"),
                (0, _) => None,
                _ => Some("Failed"),
            };
            self.containers[place] = Container::Ended(since, around.now, Box::new(ended));
            self.next = around.now + around.dice.between(200, 1_500);
        }
    }

    fn stop(&mut self, around: &mut Around) {
        self.over = Some("Failed");
        if let Some(phase) = self.phase()
            && let Container::Running(since) = self.containers[phase as usize]
        {
            let ended = self.runner.terminate(phase, around);
            if ended.exit == 0 {
                self.over = Some("Succeeded");
            }
            self.containers[phase as usize] = Container::Ended(since, around.now, Box::new(ended));
        }
    }

    fn status(&self) -> Value {
        let mut lists = [Vec::new(), Vec::new()];
        for (phase, container) in Phase::ALL.into_iter().zip(&self.containers) {
            let state = match container {
                Container::Pending => continue,
                Container::Running(since) => json!({"running": {"startedAt": at(*since)}}),
                Container::Ended(from, to, ended) => {
                    let message = ended.report.as_ref().map(crd::Report::encode);
                    json!({"terminated": {"exitCode": ended.exit, "message": message,
                        "reason": if ended.exit == 0 { "Completed" } else { "Error" },
                        "startedAt": at(*from), "finishedAt": at(*to)}})
                }
            };
            let list = usize::from(phase == Phase::Push);
            lists[list].push(json!({"name": phase.container(), "state": state}));
        }
        let running = self.phase() == Some(Phase::Push);
        let phase = self.over.unwrap_or(if running { "Running" } else { "Pending" });
        let [init, main] = lists;
        let mut status =
            json!({"phase": phase, "initContainerStatuses": init, "containerStatuses": main});
        if let Some(reason) = self.reason {
            status["reason"] = json!(reason);
        }
        status
    }
}
