//! A toy apiserver: exactly the requests that the operator makes, with the apiserver's semantics.
//!
//! Not here: faults ([`crate::fault`]), and what follows from an object ([`crate::cluster`]).

use axum::http::Method;
use serde_json::{Value, json};

use crate::store::{Kind, Object, Store, name};
use crate::time::at;

/// A request of the operator.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub body: Value,
}

/// Code and object.
pub type Answer = (u16, Value);

const TASKS: &str = "/apis/claudetask.dev/v1alpha1/namespaces/demo/claudetasks";
const JOBS: &str = "/apis/batch/v1/namespaces/demo/jobs";
const PODS: &str = "/api/v1/namespaces/demo/pods";
const NOTES: &str = "/apis/events.k8s.io/v1/namespaces/demo/events";
const EVENTS: &str = "/api/v1/namespaces/demo/events";

impl Request {
    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    pub fn creates_job(&self) -> bool {
        self.method == Method::POST && self.path == JOBS
    }

    pub fn writes_status(&self) -> bool {
        self.method == Method::PUT && self.path.ends_with("/status")
    }

    /// Events are for people; a plan of actions never rests on one.
    pub fn tells(&self) -> bool {
        self.path == NOTES
    }
}

pub fn refusal(code: u16, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": reason, "message": format!("{reason}: the toy apiserver says so")});
    (code, status)
}

/// Performs `request`.
pub fn answer(store: &mut Store, request: &Request, now: i64) -> Answer {
    let (path, method) = (request.path.as_str(), request.method.as_str());
    let under = |root: &str| path.strip_prefix(root)?.strip_prefix('/').map(str::to_owned);
    if let Some(task) = under(TASKS) {
        return match (method, task.split_once('/')) {
            ("PUT", Some((task, "status"))) => put_status(store, task, &request.body),
            (method, None) => on_object(store, Kind::Task, method, &task, &request.body, now),
            _ => unknown(request),
        };
    }
    if let Some(job) = under(JOBS) {
        return on_object(store, Kind::Job, method, &job, &request.body, now);
    }
    if let Some(pod) = under(PODS) {
        return on_object(store, Kind::Pod, method, &pod, &request.body, now);
    }
    match (method, path) {
        ("POST", JOBS) => create_job(store, &request.body, now),
        ("POST", NOTES) => (201, json!({"metadata": {"name": name(&request.body)}})),
        ("GET", EVENTS) => (200, json!({"kind": "EventList", "metadata": {}, "items": []})),
        ("GET", PODS) => list_pods(store, &request.query),
        _ => unknown(request),
    }
}

fn unknown(request: &Request) -> Answer {
    panic!("the toy apiserver does not know {} {}", request.method, request.path)
}

fn on_object(
    store: &mut Store,
    kind: Kind,
    method: &str,
    name: &str,
    body: &Value,
    now: i64,
) -> Answer {
    let Some(object) = store.get(kind, name) else { return refusal(404, "NotFound") };
    let object = (**object).clone();
    match method {
        "GET" => (200, object),
        "PATCH" => patch(store, kind, object, body),
        "DELETE" => delete(store, kind, object, body, now),
        _ => panic!("the toy apiserver does not know {method} of {kind:?}"),
    }
}

fn put_status(store: &mut Store, task: &str, body: &Value) -> Answer {
    let Some(stored) = store.get(Kind::Task, task) else { return refusal(404, "NotFound") };
    let mut object = (**stored).clone();
    if let Some(refused) = check(&object, &body["metadata"]) {
        return refused;
    }
    object["status"] = body["status"].clone();
    (200, (*store.put(Kind::Task, object)).clone())
}

/// A version or UID that is named must be that of the object.
fn check(object: &Value, named: &Value) -> Option<Answer> {
    let differs =
        |field: &str| !named[field].is_null() && named[field] != object["metadata"][field];
    (differs("uid") || differs("resourceVersion")).then(|| refusal(409, "Conflict"))
}

fn patch(store: &mut Store, kind: Kind, mut object: Value, body: &Value) -> Answer {
    let named = &body["metadata"];
    if !named["uid"].is_null() && named["uid"] != object["metadata"]["uid"] {
        return refusal(409, "Conflict");
    }
    if let Some(refused) = check(&object, named) {
        return refused;
    }
    for (key, value) in named["annotations"].as_object().into_iter().flatten() {
        object["metadata"]["annotations"][key] = value.clone();
    }
    (200, (*store.put(kind, object)).clone())
}

/// The Job controller and the collector of garbage do the rest.
fn delete(store: &mut Store, kind: Kind, mut object: Value, body: &Value, now: i64) -> Answer {
    if let Some(refused) = check(&object, &body["preconditions"]) {
        return refused;
    }
    let policy = body["propagationPolicy"].as_str();
    assert!(policy.is_some(), "the propagation is always named");
    if policy == Some("Foreground") {
        if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!(at(now));
        }
        store.put(kind, object.clone());
    } else {
        store.remove(kind, name(&object));
    }
    (200, object)
}

fn create_job(store: &mut Store, body: &Value, now: i64) -> Answer {
    if store.get(Kind::Job, name(body)).is_some() {
        return refusal(409, "AlreadyExists");
    }
    let mut job = body.clone();
    let count = store.history.len();
    job["metadata"]["uid"] = json!(format!("job-{count}"));
    job["metadata"]["creationTimestamp"] = json!(at(now));
    job["status"] = json!({});
    (201, (*store.put(Kind::Job, job)).clone())
}

fn list_pods(store: &Store, query: &str) -> Answer {
    let wanted = query.rsplit("%3D").next().unwrap_or_default().split('&').next();
    let is_wanted =
        |pod: &&Object| pod["metadata"]["labels"]["claudetask.dev/task-uid"].as_str() == wanted;
    let pods: Vec<_> = store.all(Kind::Pod).filter(is_wanted).map(|pod| (**pod).clone()).collect();
    (200, json!({"kind": "PodList", "metadata": {}, "items": pods}))
}
