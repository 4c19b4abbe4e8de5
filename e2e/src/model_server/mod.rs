//! A scripted Messages API that the real Claude Code CLI talks to.
//!
//! [`script`] is the format ([`compose`] writes it), [`conversation`] reads a request, [`stage`] chooses the reply,
//! [`message`] puts it into events, [`serve`] sends it; [`admin`] is how tests register scripts
//! and open gates, and [`Admin`] is its client. Only `POST /v1/messages` is served: the CLI asks
//! for nothing else.

pub mod admin;
pub mod client;
pub mod compose;
pub mod conversation;
pub mod message;
pub mod record;
pub mod script;
pub mod serve;
pub mod stage;
pub mod state;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use client::Admin;
pub use conversation::ToolResult;
pub use record::{Record, sha256};
pub use script::{Fault, FaultKind, Script, Step, ToolCall, Usage};
pub use state::{GateState, Settings};

/// The whole server as one router.
pub fn router(settings: Settings) -> Router {
    let state = Arc::new(state::State::new(settings));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/v1/messages", post(serve::messages))
        .nest("/_admin", admin::routes(&state))
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

/// Serves in the background on a free loopback port as long as the runtime lives.
pub async fn start(settings: Settings) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router(settings)).await });
    Ok(address)
}
