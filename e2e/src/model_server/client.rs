//! The admin interface as tests use it.

use std::time::Duration;

use axum::http::Method;
use serde_json::Value;

use super::record::Record;
use super::script::Script;
use super::state::GateState;
use crate::http::Client;
use crate::wait::until;

/// A model server's admin.
#[derive(Clone)]
pub struct Admin(Client);

impl Admin {
    /// `base` is the server's address, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, password: &str) -> Self {
        Self(Client::new(base, password))
    }

    /// Registers a script, in place of one under the same name.
    pub async fn register(&self, scenario: &str, script: &Script) -> anyhow::Result<()> {
        self.0.send(Method::PUT, &format!("/_admin/scenarios/{scenario}"), Some(script)).await
    }

    /// Ends a script.
    pub async fn remove(&self, scenario: &str) -> anyhow::Result<()> {
        self.0.send(Method::DELETE, &format!("/_admin/scenarios/{scenario}"), None::<&()>).await
    }

    /// The requests whose prompt names a scenario, oldest first; retries count each.
    pub async fn requests(&self, scenario: &str) -> anyhow::Result<Vec<Record>> {
        self.0.get(&format!("/_admin/scenarios/{scenario}/requests")).await
    }

    /// Every request so far, oldest first.
    pub async fn all_requests(&self) -> anyhow::Result<Vec<Record>> {
        self.0.get("/_admin/requests").await
    }

    /// The newest request of a scenario as the CLI sent it.
    pub async fn newest_body(&self, scenario: &str) -> anyhow::Result<Value> {
        self.0.get(&format!("/_admin/scenarios/{scenario}/body")).await
    }

    /// Every gate that a step or a test has named.
    pub async fn gates(&self) -> anyhow::Result<Vec<GateState>> {
        self.0.get("/_admin/gates").await
    }

    /// Opens a gate for good.
    pub async fn open(&self, gate: &str) -> anyhow::Result<()> {
        self.0.send(Method::PUT, &format!("/_admin/gates/{gate}"), None::<&()>).await
    }

    /// Closes a gate again.
    pub async fn close(&self, gate: &str) -> anyhow::Result<()> {
        self.0.send(Method::DELETE, &format!("/_admin/gates/{gate}"), None::<&()>).await
    }

    /// Returns when a request waits at a gate.
    pub async fn wait_until_waiting(&self, gate: &str, limit: Duration) -> anyhow::Result<()> {
        let what = format!("a request at gate {gate}");
        let waits = |state: &GateState| state.name == gate && state.waiting > 0;
        until(&what, limit, async || Ok(self.gates().await?.iter().any(waits).then_some(()))).await
    }

    /// Forgets scripts and requests and lets go of everything that waits.
    pub async fn reset(&self) -> anyhow::Result<()> {
        self.0.send(Method::POST, "/_admin/reset", None::<&()>).await
    }
}
