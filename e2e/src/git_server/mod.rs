//! A real git server over HTTP for tests: git's own `http-backend` behind accounts.
//!
//! A request goes [`request`] → [`accounts`] → [`rules`] → [`cgi`]; [`admin`] is how tests make
//! repositories, misbehaviour and redirects, and [`Admin`] is its client. [`ssh`] is the same
//! behind OpenSSH's server; beside it stands a forward [`proxy`]. Not here: https
//! ([`crate::tls`]).

pub mod accounts;
pub mod admin;
pub mod cgi;
pub mod client;
pub mod journal;
pub mod proxy;
pub mod repository;
pub mod request;
pub mod rules;
pub mod serve;
pub mod ssh;
pub mod state;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::routing::{any, get};
use tokio::net::TcpListener;

pub use accounts::{Access, Account, Accounts};
pub use client::Admin;
pub use journal::Entry;
pub use repository::{Push, Update};
pub use request::Call;
pub use rules::{Action, Rule, RuleState};
pub use state::{Redirect, Settings, State};

/// What the server's ends share; prepares the repositories' directory.
pub fn open(settings: Settings) -> anyhow::Result<Arc<State>> {
    let root = &settings.root;
    repository::prepare(root).with_context(|| format!("preparing {}", root.display()))?;
    Ok(Arc::new(State::new(settings)))
}

/// The http end.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/redirect/{name}/{*rest}", any(serve::redirect))
        .nest("/_admin", admin::routes(&state))
        .fallback(serve::git)
        .with_state(state)
}

/// Serves in the background on a free loopback port as long as the runtime lives.
pub async fn start(settings: Settings) -> anyhow::Result<SocketAddr> {
    let router = router(open(settings)?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
