//! What the server's handlers share: scripts, gates and what was asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::record::Record;
use super::stage::Stage;

/// How a server is set up.
#[derive(Clone)]
pub struct Settings {
    /// Password of the admin interface, whose user is `admin`.
    pub admin_password: String,
    /// The only credential that is let in, as API key or bearer token; any when absent.
    pub api_key: Option<String>,
}

/// A gate as the admin interface shows it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GateState {
    /// The name that steps wait for.
    pub name: String,
    /// Whether requests pass.
    pub open: bool,
    /// Requests that wait at it right now.
    pub waiting: usize,
}

/// Settings and everything that changes while the server runs.
pub struct State {
    /// How the server is set up.
    pub settings: Settings,
    stage: Mutex<Stage>,
    gates: Mutex<BTreeMap<String, watch::Sender<bool>>>,
    records: Mutex<Vec<Record>>,
    bodies: Mutex<BTreeMap<String, Bytes>>,
}

impl State {
    /// A server that nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            stage: Mutex::default(),
            gates: Mutex::default(),
            records: Mutex::default(),
            bodies: Mutex::default(),
        }
    }

    /// The scripts in force.
    pub fn stage(&self) -> MutexGuard<'_, Stage> {
        locked(&self.stage)
    }

    /// Notes a request; the number names it and is different for each.
    pub fn begin(&self, record: Record, body: &Bytes) -> usize {
        if let Some(scenario) = &record.scenario {
            locked(&self.bodies).insert(scenario.clone(), body.clone());
        }
        let mut records = locked(&self.records);
        records.push(record);
        records.len() - 1
    }

    /// Notes the status of an answer.
    pub fn end(&self, number: usize, status: u16) {
        if let Some(record) = locked(&self.records).get_mut(number) {
            record.status = Some(status);
        }
    }

    /// Every request so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        locked(&self.records).clone()
    }

    /// The newest request body of a scenario.
    pub fn body(&self, scenario: &str) -> Option<Bytes> {
        locked(&self.bodies).get(scenario).cloned()
    }

    /// Returns when the gate is open.
    pub async fn pass(&self, gate: &str) {
        let mut gate = self.gate(gate).subscribe();
        // The sender lives as long as the state, so the only end is an open gate.
        let _ = gate.wait_for(|open| *open).await;
    }

    /// Opens or closes a gate; a gate that nobody has opened is closed.
    pub fn set_gate(&self, name: &str, open: bool) {
        self.gate(name).send_replace(open);
    }

    /// Every gate that a step or a test has named.
    pub fn gates(&self) -> Vec<GateState> {
        let state = |(name, gate): (&String, &watch::Sender<bool>)| GateState {
            name: name.clone(),
            open: *gate.borrow(),
            waiting: gate.receiver_count(),
        };
        locked(&self.gates).iter().map(state).collect()
    }

    /// Forgets scripts and requests and opens every gate, so that nothing waits any more.
    pub fn reset(&self) {
        self.stage().clear();
        locked(&self.records).clear();
        locked(&self.bodies).clear();
        for (_, gate) in std::mem::take(&mut *locked(&self.gates)) {
            gate.send_replace(true);
        }
    }

    fn gate(&self, name: &str) -> watch::Sender<bool> {
        let mut gates = locked(&self.gates);
        gates.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(false)).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
