//! The admin interface as tests use it.

use std::time::Duration;

use axum::http::Method;

use super::admin::RuleId;
use super::journal::Entry;
use super::repository::Push;
use super::request::Call;
use super::rules::{Rule, RuleState};
use super::state::Redirect;
use crate::http::Client;
use crate::wait::until;

/// A git server's admin.
#[derive(Clone)]
pub struct Admin(Client);

impl Admin {
    /// `base` is the server's address, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, password: &str) -> Self {
        Self(Client::new(base, password))
    }

    /// Makes an empty repository (`acme/shop`); an existing one stays as it is.
    pub async fn create_repo(&self, repo: &str) -> anyhow::Result<()> {
        self.0.send(Method::PUT, &format!("/_admin/repos/{repo}"), None::<&()>).await
    }

    /// Removes a repository.
    pub async fn remove_repo(&self, repo: &str) -> anyhow::Result<()> {
        self.0.send(Method::DELETE, &format!("/_admin/repos/{repo}"), None::<&()>).await
    }

    /// The pushes that a repository accepted, oldest first.
    pub async fn pushes(&self, repo: &str) -> anyhow::Result<Vec<Push>> {
        self.0.get(&format!("/_admin/pushes/{repo}")).await
    }

    /// Puts a rule in force.
    pub async fn add_rule(&self, rule: &Rule) -> anyhow::Result<u64> {
        let made: RuleId = self.0.call(Method::POST, "/_admin/rules", Some(rule)).await?;
        Ok(made.id)
    }

    /// Every rule and how it stands.
    pub async fn rules(&self) -> anyhow::Result<Vec<RuleState>> {
        self.0.get("/_admin/rules").await
    }

    /// Ends a rule and lets go of what it holds.
    pub async fn release(&self, rule: u64) -> anyhow::Result<()> {
        self.0.send(Method::DELETE, &format!("/_admin/rules/{rule}"), None::<&()>).await
    }

    /// Ends every rule.
    pub async fn release_all(&self) -> anyhow::Result<()> {
        self.0.send(Method::DELETE, "/_admin/rules", None::<&()>).await
    }

    /// Returns when a rule holds a request.
    pub async fn wait_until_holding(&self, rule: u64, limit: Duration) -> anyhow::Result<()> {
        let what = format!("a request held by rule {rule}");
        let holds = |state: &RuleState| state.id == rule && state.holding > 0;
        until(&what, limit, async || Ok(self.rules().await?.iter().any(holds).then_some(()))).await
    }

    /// Sends `/redirect/<name>/…` to another address.
    pub async fn set_redirect(&self, name: &str, redirect: &Redirect) -> anyhow::Result<()> {
        self.0.send(Method::PUT, &format!("/_admin/redirects/{name}"), Some(redirect)).await
    }

    /// Every request so far, oldest first.
    pub async fn requests(&self) -> anyhow::Result<Vec<Entry>> {
        self.0.get("/_admin/requests").await
    }

    /// Where the proxy's tunnels led so far: host and port of each.
    pub async fn tunnels(&self) -> anyhow::Result<Vec<String>> {
        self.0.get("/_admin/tunnels").await
    }

    /// How often a call to a repository got past the account check.
    pub async fn count(&self, repo: &str, call: Call) -> anyhow::Result<usize> {
        let counts = |entry: &&Entry| {
            entry.repo.as_deref() == Some(repo)
                && entry.call == Some(call)
                && !matches!(entry.status, Some(401 | 403 | 404))
        };
        Ok(self.requests().await?.iter().filter(counts).count())
    }
}
