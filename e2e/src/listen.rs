//! Listening until a signal comes, for the programs that serve the test parts.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Serves `router` until SIGTERM or SIGINT, then ends at once: a held answer must not keep the
/// program alive.
pub async fn serve(name: &str, address: SocketAddr, router: Router) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    println!("{name}: listening on http://{}", listener.local_addr()?);
    tokio::select! {
        served = axum::serve(listener, router) => served.context("serving"),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
