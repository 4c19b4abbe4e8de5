//! As much of an apiserver as one log needs: a Pod, its Job, and a container that writes.
//!
//! Not here: refusals, rotation, streams that break off (the tests of the crate have those).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use futures::stream::unfold;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, interval};

/// UID of the task.
pub const TASK: &str = "c0ffee00-0000-4000-8000-000000000001";

/// What a line says, about as long as a real one.
const TEXT: &str = "test logs::viewer::a_slow_reader_is_cut_and_goes_on ... ok";

/// The container and how often it was read.
pub struct Apiserver {
    text: Mutex<Vec<u8>>,
    lines: watch::Sender<u64>,
    count: u64,
    reads: AtomicUsize,
    looks: AtomicUsize,
}

impl Apiserver {
    /// A container that will write so many lines.
    pub fn new(count: u64) -> Self {
        let (reads, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { text: Mutex::default(), lines: watch::Sender::new(0), count, reads, looks }
    }

    /// How often the log was opened to be followed.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// How often its end was looked at.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    /// Writes all lines, evenly.
    pub async fn write(&self, rate: u64) {
        let begun = Instant::now();
        let mut ticks = interval(Duration::from_millis(2));
        let mut seq = 0;
        while seq < self.count {
            ticks.tick().await;
            let due = begun.elapsed().as_micros() * u128::from(rate) / 1_000_000;
            while seq < self.count && u128::from(seq) < due {
                seq += 1;
                self.append(seq);
            }
            self.lines.send_replace(seq);
        }
    }

    fn append(&self, seq: u64) {
        let line = json!({"seq": seq, "time": Timestamp::now(), "phase": "run", "kind": "output",
            "turn": 14, "text": TEXT});
        let line = format!("{line}\n");
        self.text.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line.as_bytes());
    }

    fn after(&self, offset: usize) -> Bytes {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::copy_from_slice(&text[offset..])
    }

    fn is_over(&self) -> bool {
        *self.lines.borrow() == self.count
    }
}

/// Begins to serve; returns the address.
pub async fn serve(apiserver: Arc<Apiserver>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/api/v1/namespaces/demo/pods", get(pods))
        .route("/api/v1/namespaces/demo/pods/p", get(one))
        .route("/api/v1/namespaces/demo/pods/p/log", get(log))
        .route("/apis/batch/v1/namespaces/demo/jobs/j", get(async || Json(job())))
        .with_state(apiserver);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn pods(state: State<Arc<Apiserver>>) -> Json<Value> {
    Json(json!({"metadata": {}, "items": [pod(&state)]}))
}

async fn one(state: State<Arc<Apiserver>>) -> Json<Value> {
    Json(pod(&state))
}

async fn log(State(apiserver): State<Arc<Apiserver>>, RawQuery(query): RawQuery) -> Body {
    if !query.unwrap_or_default().contains("follow=true") {
        apiserver.looks.fetch_add(1, Ordering::Relaxed);
        let text = apiserver.after(0);
        let last = text.trim_ascii_end().rsplit(|one| *one == b'\n').next();
        return Body::from(last.unwrap_or_default().to_vec());
    }
    apiserver.reads.fetch_add(1, Ordering::Relaxed);
    let changed = apiserver.lines.subscribe();
    Body::from_stream(unfold(
        (apiserver, changed, 0),
        |(apiserver, mut changed, offset)| async move {
            loop {
                // Looked at before the text: what is written in between is not lost.
                let is_over = apiserver.is_over();
                changed.borrow_and_update();
                let more = apiserver.after(offset);
                if !more.is_empty() {
                    let offset = offset + more.len();
                    return Some((Ok::<_, std::io::Error>(more), (apiserver, changed, offset)));
                }
                if is_over || changed.changed().await.is_err() {
                    return None;
                }
            }
        },
    ))
}

fn pod(apiserver: &Apiserver) -> Value {
    let state = if apiserver.is_over() {
        json!({"terminated": {"exitCode": 0}})
    } else {
        json!({"running": {}})
    };
    let run = json!({"name": "run", "state": state, "image": "", "imageID": "", "ready": true,
        "restartCount": 0});
    json!({"metadata": {"namespace": "demo", "name": "p", "uid": "pod",
            "ownerReferences": [owner("batch/v1", "Job", "j", "job")]},
        "status": {"initContainerStatuses": [run]}})
}

fn job() -> Value {
    json!({"metadata": {"namespace": "demo", "name": "j", "uid": "job",
        "labels": {crd::names::LABEL_ATTEMPT: "1"},
        "ownerReferences": [owner("claudetask.dev/v1alpha1", "ClaudeTask", "t", TASK)]}})
}

fn owner(version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true})
}
