//! An apiserver with one Secret that can be read, watched and patched, and that can be away.
//!
//! Not here: what is tried with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body as Sent;
use bytes::Bytes;
use futures::stream::unfold;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::service_fn;

use super::{HOUR, Sessions, Store};

/// How the apiserver is away.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Refuses,
    Hangs,
}

/// What there is.
#[derive(Default)]
pub struct Cluster {
    /// Values of the Secret, in base64.
    pub data: BTreeMap<String, String>,
    pub is_deleted: bool,
    pub fault: Option<Fault>,
    /// Requests so far.
    pub asked: usize,
    version: u64,
}

/// The cluster, which outlives webs.
#[derive(Clone)]
pub struct Fake {
    cluster: Arc<Mutex<Cluster>>,
    changed: watch::Sender<()>,
}

impl Default for Fake {
    fn default() -> Self {
        let cluster = Cluster { version: 9, ..Cluster::default() };
        Self { cluster: Arc::new(Mutex::new(cluster)), changed: watch::Sender::new(()) }
    }
}

impl Fake {
    pub fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }

    /// Changes something, and tells those who watch.
    pub fn change(&self, change: impl FnOnce(&mut Cluster)) {
        let mut cluster = self.lock();
        change(&mut cluster);
        cluster.version += 1;
        self.changed.send_replace(());
    }

    /// A web that keeps its sessions there.
    pub fn web(&self) -> Arc<Sessions> {
        let fake = self.clone();
        let serve = service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        let store = Store::new(Client::new(serve, "default"), "system", "sessions");
        let sessions = Arc::new(Sessions::new(HOUR, true, Some(store)));
        let kept = Arc::clone(&sessions);
        tokio::spawn(async move { kept.keep().await });
        sessions
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Sent>, std::io::Error> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        self.lock().asked += 1;
        let fault = self.lock().fault;
        match fault {
            Some(Fault::Refuses) => return Err(std::io::Error::other("down")),
            Some(Fault::Hangs) => std::future::pending().await,
            None => {}
        }
        let of_all = "/api/v1/namespaces/system/secrets";
        let query = uri.query().unwrap_or_default();
        let body = if method == Method::PATCH {
            assert_eq!(uri.path(), format!("{of_all}/sessions"));
            self.change(|cluster| cluster.patch(&sent));
            Sent::from(self.lock().secret().to_string())
        } else {
            assert_eq!((method, uri.path()), (Method::GET, of_all));
            assert!(query.contains("fieldSelector=metadata.name%3Dsessions"), "{query}");
            if query.contains("watch=true") {
                self.watch(version_in(query))
            } else {
                Sent::from(self.lock().list().to_string())
            }
        };
        Ok(Response::new(body))
    }

    /// Tells all changes after this version; ends when the cluster is away.
    fn watch(&self, after: u64) -> Sent {
        let state = (self.clone(), self.changed.subscribe(), after);
        let events = unfold(state, |(fake, mut changed, after)| async move {
            loop {
                let event = {
                    let cluster = fake.lock();
                    match cluster.fault {
                        Some(Fault::Refuses) => return None,
                        None if cluster.version > after => Some((cluster.event(), cluster.version)),
                        _ => None,
                    }
                };
                if let Some((event, version)) = event {
                    let bytes = Bytes::from(format!("{event}\n"));
                    return Some((Ok::<_, Infallible>(bytes), (fake, changed, version)));
                }
                changed.changed().await.ok()?;
            }
        });
        Sent::from_stream(events)
    }
}

impl Cluster {
    fn patch(&mut self, sent: &[u8]) {
        let change: Value = serde_json::from_slice(sent).unwrap();
        for (name, value) in change["data"].as_object().unwrap() {
            match value.as_str() {
                Some(text) => self.data.insert(name.clone(), text.to_owned()),
                None => self.data.remove(name),
            };
        }
    }

    fn secret(&self) -> Value {
        let metadata = json!({"name": "sessions", "namespace": "system",
            "resourceVersion": self.version.to_string()});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": self.data})
    }

    fn list(&self) -> Value {
        let items = if self.is_deleted { vec![] } else { vec![self.secret()] };
        json!({"apiVersion": "v1", "kind": "SecretList",
            "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
    }

    fn event(&self) -> Value {
        let kind = if self.is_deleted { "DELETED" } else { "MODIFIED" };
        json!({"type": kind, "object": self.secret()})
    }
}

fn version_in(query: &str) -> u64 {
    let found = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
    found.unwrap().parse().unwrap()
}
