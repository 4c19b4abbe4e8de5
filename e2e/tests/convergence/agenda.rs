//! What happens at a time of its own: people, colleagues, nodes, operators that start.
//!
//! Not here: faults at the operator's writes ([`crate::strike`]).

use serde_json::json;

use crate::cluster;
use crate::dice::Dice;
use crate::process::Process;
use crate::store::{Kind, Store};
use crate::workload::Workload;
use crate::world::World;

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody sets `spec.cancel`.
    Cancel,
    /// Somebody deletes the Pod that is there.
    DeletePod,
    /// A colleague pushes to a branch.
    Colleague(&'static str, bool),
    /// The node of this Pod is heard of again.
    Return(String),
    /// The node of this Pod is deleted, and the Pod with it.
    NodeDeleted(String),
    /// The node of this Pod does not answer: the taint drives its Pods away.
    Tainted(String),
    /// The operator in this place starts.
    Start(usize, usize),
}

/// What happens to a task of this kind without any fault.
pub fn story(workload: Workload, dice: &mut Dice) -> Vec<(i64, Happening)> {
    match workload {
        Workload::Conflict => {
            vec![(dice.between(1_000, 30_000), Happening::Colleague("main", true))]
        }
        Workload::Race => (0..3)
            .map(|_| (dice.between(5_000, 120_000), Happening::Colleague("main", dice.percent(30))))
            .collect(),
        Workload::Moved => {
            vec![(dice.between(5_000, 60_000), Happening::Colleague("feature", false))]
        }
        Workload::Cancel => vec![(dice.between(0, 130_000), Happening::Cancel)],
        Workload::LostPod => vec![(dice.between(3_000, 130_000), Happening::DeletePod)],
        _ => Vec::new(),
    }
}

impl World {
    pub fn happen(&mut self, happening: Happening) {
        self.say(|| format!("{happening:?}"));
        match happening {
            Happening::Cancel => self.store.change(Kind::Task, "login", |task| {
                task["spec"]["cancel"] = json!(true);
                task["metadata"]["generation"] = json!(2);
            }),
            Happening::DeletePod => self.delete_pod(),
            Happening::Colleague(branch, clashes) => self.remote.move_on(branch, clashes),
            Happening::Return(pod) => self.reconnect(&pod),
            Happening::NodeDeleted(pod) => self.store.remove(Kind::Pod, &pod),
            Happening::Tainted(pod) => {
                disrupt(&mut self.store, &pod);
                cluster::let_go(&mut self.store, &pod, self.now);
            }
            Happening::Start(place, position) => {
                let position = position.min(self.store.history.len());
                self.operators[place] = Some(Process::start(&self.store, position));
            }
        }
    }

    /// Somebody deletes the newest Pod.
    pub fn delete_pod(&mut self) {
        if let Some(machine) = self.machines.last().filter(|machine| !machine.is_over()) {
            cluster::let_go(&mut self.store, &machine.pod, self.now);
        }
    }

    fn reconnect(&mut self, pod: &str) {
        for machine in self.machines.iter_mut().filter(|machine| machine.pod == pod) {
            machine.cut_off = false;
            machine.next = machine.next.min(self.now + 300);
            machine.tell(&mut self.store);
        }
    }
}

/// The condition that tells of a loss by no fault of the Pod.
fn disrupt(store: &mut Store, pod: &str) {
    store.change(Kind::Pod, pod, |pod| {
        pod["status"]["conditions"] = json!([{"type": "DisruptionTarget", "status": "True",
            "reason": "DeletionByTaintManager", "message": "the node does not answer"}]);
    });
}
