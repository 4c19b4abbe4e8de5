//! The hub behind one route, as the program will have it.
//!
//! Not here: who may see the log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt;
use crd::ClaudeTask;
use futures::StreamExt;
use kube::{Client, Config};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use web_proxy::logs::{Limits, Logs};
use web_proxy::patience::PatientListener;

use super::Outcome;
use super::apiserver::TASK;

/// The task as the proxy's watch has it.
pub struct Task(Arc<watch::Sender<Option<Arc<ClaudeTask>>>>);

impl Task {
    /// Gives it a verdict.
    pub fn finish(&self) {
        self.0.send_replace(task("True"));
    }
}

#[derive(Clone)]
struct Hub {
    logs: Arc<Logs>,
    task: Arc<watch::Sender<Option<Arc<ClaudeTask>>>>,
}

/// Begins to serve the log of the task in this cluster; returns the address.
pub async fn serve(upstream: SocketAddr, batch: u64) -> Outcome<(SocketAddr, Task)> {
    let client = Client::try_from(Config::new(format!("http://{upstream}").parse()?))?;
    let limits = Limits { batch: Duration::from_millis(batch), ..Limits::default() };
    let task = Arc::new(watch::Sender::new(task("Unknown")));
    let hub = Hub { logs: Logs::new(client, limits), task: Arc::clone(&task) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = PatientListener::new(listener.tap_io(at_once), limits.patience);
    let router = Router::new().route("/logs", get(follow)).with_state(hub);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((address, Task(task)))
}

/// A chunk is whole when it is written; there is nothing to wait for.
fn at_once(connection: &mut TcpStream) {
    let _ = connection.set_nodelay(true);
}

async fn follow(State(hub): State<Hub>, headers: HeaderMap) -> impl IntoResponse {
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let events = hub.logs.follow(hub.task.subscribe(), after);
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body)
}

fn task(verdict: &str) -> Option<Arc<ClaudeTask>> {
    let condition = json!({"type": "Succeeded", "status": verdict, "reason": "Pushed",
        "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let task = json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
        "metadata": {"namespace": "demo", "name": "t", "uid": TASK},
        "spec": {"repository": {"url": "https://example.com/r.git"}, "prompt": "p"},
        "status": {"conditions": [condition]}});
    serde_json::from_value(task).ok().map(Arc::new)
}
