//! Whole passes against a scripted apiserver: which calls are made, and what a refusal leads to.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::watcher::Event;
use operator::controller::{Context, Error, pass};
use operator::observe::Caches;
use operator::watches::Guarded;
use serde_json::{Value, json};

use crate::fake::{Apiserver, LIMIT};
use crate::sample::{JOB, Pod, at, job, job_json, settings, task_json};

const TASK: &str = "/apis/claudetask.dev/v1alpha1/namespaces/demo/claudetasks/login";
const STATUS: &str = "/apis/claudetask.dev/v1alpha1/namespaces/demo/claudetasks/login/status";
const JOBS: &str = "/apis/batch/v1/namespaces/demo/jobs";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/demo/events";

fn context(caches: Caches) -> Arc<Context> {
    Arc::new(Context { caches: Arc::new(caches), settings: settings(), clock: Timestamp::now })
}

type Pass = tokio::task::JoinHandle<Result<Action, Error>>;

fn start(client: Client, task: &Value, context: &Arc<Context>) -> Pass {
    let task: Guarded = serde_json::from_value(task.clone()).unwrap();
    let context = Arc::clone(context);
    tokio::spawn(async move { pass(&client, &task, &context).await })
}

async fn end(pass: Pass, server: Apiserver) -> Result<Action, Error> {
    let ended = tokio::time::timeout(LIMIT, pass).await.expect("the pass ends").unwrap();
    tokio::time::timeout(LIMIT, server.rest()).await.expect("the client is dropped");
    ended
}

fn job_path() -> String {
    format!("{JOBS}/{JOB}")
}

/// A Job that has just been made: these tests run by the real clock.
fn fresh_job() -> Value {
    let mut job = job_json();
    job["metadata"]["creationTimestamp"] = json!(jiff::Timestamp::now());
    job["metadata"]["annotations"] = json!({});
    job
}

/// The annotation with the verdict is written over version 10 and makes it version 10a.
async fn noted(server: &mut Apiserver) -> Value {
    let patch = server.expect(Method::PATCH, TASK).await;
    assert_eq!(patch.body["metadata"]["resourceVersion"], "10");
    let text = patch.body["metadata"]["annotations"]["claudetask.dev/verdict"].clone();
    patch.ok(&with_status(&task_json(), "10a"));
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

fn with_status(object: &Value, version: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = json!(version);
    object
}

#[tokio::test]
async fn a_new_task_is_read_live_then_gets_job_status_and_event() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&task_json());
    let create = server.expect(Method::POST, JOBS).await;
    assert_eq!(create.body["metadata"]["name"], JOB);
    assert_eq!(create.body["spec"]["backoffLimit"], 0);
    create.ok(&job_json());
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["metadata"]["resourceVersion"], "10");
    assert_eq!(status.body["metadata"]["uid"], task_json()["metadata"]["uid"]);
    assert_eq!(status.body["status"]["phase"], "Queued");
    assert!(status.body.get("spec").is_none());
    status.ok(&with_status(&task_json(), "11"));
    let event = server.expect(Method::POST, EVENTS).await;
    assert_eq!(event.body["regarding"]["name"], "login");
    event.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn a_task_that_was_deleted_and_created_again_is_not_confused_with_the_old_one() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    let mut other = task_json();
    other["metadata"]["uid"] = json!("another");
    server.expect(Method::GET, TASK).await.ok(&other);
    assert_eq!(end(pass, server).await.unwrap(), Action::await_change());
}

#[tokio::test]
async fn a_stale_cache_does_not_start_a_finished_task() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    let mut finished = task_json();
    finished["status"] = json!({"conditions": [{"type": "Succeeded", "status": "True",
        "reason": "Pushed", "lastTransitionTime": jiff::Timestamp::now()}]});
    server.expect(Method::GET, TASK).await.ok(&finished);
    end(pass, server).await.expect("nothing more is called");
}

#[tokio::test]
async fn already_exists_adopts_a_job_of_the_same_owner() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&task_json());
    server.expect(Method::POST, JOBS).await.refuse(409, "AlreadyExists");
    server.expect(Method::GET, &job_path()).await.ok(&fresh_job());
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["jobName"], JOB);
    assert_eq!(status.body["status"]["conditions"][0]["status"], "Unknown");
    status.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn already_exists_refuses_a_job_of_another_owner() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&task_json());
    server.expect(Method::POST, JOBS).await.refuse(409, "AlreadyExists");
    let mut foreign = job_json();
    foreign["metadata"]["ownerReferences"][0]["uid"] = json!("an older task of that name");
    server.expect(Method::GET, &job_path()).await.ok(&foreign);
    noted(&mut server).await;
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["conditions"][0]["reason"], "InvalidSpec");
    status.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    assert_eq!(end(pass, server).await.unwrap(), Action::await_change(), "no permanent spin");
}

#[tokio::test]
async fn a_job_that_can_never_be_accepted_is_the_verdict() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&task_json());
    server.expect(Method::POST, JOBS).await.refuse(422, "Invalid");
    noted(&mut server).await;
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["conditions"][0]["reason"], "InvalidSpec");
    status.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

/// The words are those of quota, of a policy without a reason of its own, and of a webhook.
#[tokio::test]
async fn a_job_that_admission_refuses_is_told_and_tried_again() {
    let policy = "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no";
    for (code, reason, message) in [
        (403, "Forbidden", "jobs.batch \"x\" is forbidden: exceeded quota: q"),
        (422, "Invalid", policy),
        (400, "", "admission webhook \"w\" denied the request: no"),
    ] {
        let (client, mut server) = Apiserver::new();
        let pass = start(client, &task_json(), &context(Caches::default()));
        server.expect(Method::GET, TASK).await.ok(&task_json());
        server.expect(Method::POST, JOBS).await.refuse_saying(code, reason, message);
        let status = server.expect(Method::PUT, STATUS).await;
        let told = &status.body["status"]["conditions"][0];
        assert_eq!((&told["status"], &told["reason"]), (&json!("Unknown"), &json!("PodRejected")));
        assert!(told["message"].as_str().unwrap().ends_with(message), "{told}");
        status.ok(&with_status(&task_json(), "11"));
        for _ in ["Queued", "PodRejected"] {
            server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
        }
        assert_ne!(end(pass, server).await.unwrap(), Action::await_change(), "{message}");
    }
}

/// Caches that hold the Job and a Pod that has pushed.
fn pushed() -> Caches {
    let caches = Caches::default();
    caches.jobs.apply(Event::Apply(job()));
    caches.pods.apply(Event::Apply(Pod::new().pushed().view()));
    caches
}

#[tokio::test]
async fn a_stale_status_write_is_left_and_looked_at_again_soon() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(pushed()));
    noted(&mut server).await;
    server.expect(Method::PUT, STATUS).await.refuse(409, "Conflict");
    assert_eq!(end(pass, server).await.unwrap(), Action::requeue(Duration::from_millis(500)));
}

#[tokio::test]
async fn a_refused_status_falls_back_to_the_smallest_one() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(pushed()));
    noted(&mut server).await;
    let full = server.expect(Method::PUT, STATUS).await;
    assert!(full.body["status"]["phases"].is_array());
    full.refuse(422, "Invalid");
    let small = server.expect(Method::PUT, STATUS).await;
    assert!(small.body["status"]["phases"].is_null());
    assert_eq!(small.body["status"]["conditions"][0]["reason"], "Pushed");
    small.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    assert_eq!(end(pass, server).await.unwrap(), Action::await_change());
}

#[tokio::test]
async fn a_task_that_is_gone_by_now_is_no_failure() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(pushed()));
    noted(&mut server).await;
    server.expect(Method::PUT, STATUS).await.refuse(404, "NotFound");
    assert!(end(pass, server).await.is_ok());
}

#[tokio::test]
async fn an_event_that_cannot_be_sent_holds_nothing_up() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), &context(pushed()));
    noted(&mut server).await;
    server.expect(Method::PUT, STATUS).await.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.refuse(403, "Forbidden");
    assert_eq!(end(pass, server).await.unwrap(), Action::await_change());
}

#[tokio::test]
async fn the_next_pass_sees_what_the_last_one_wrote_although_the_cache_does_not() {
    let (client, mut server) = Apiserver::new();
    let context = context(pushed());
    let pass = start(client.clone(), &task_json(), &context);
    noted(&mut server).await;
    server.expect(Method::PUT, STATUS).await.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    pass.await.unwrap().unwrap();
    let again = start(client, &task_json(), &context);
    end(again, server).await.expect("and makes no call");
}

#[tokio::test]
async fn job_and_pods_are_read_live_before_they_are_called_gone() {
    let (client, mut server) = Apiserver::new();
    let mut begun = task_json();
    begun["status"] =
        json!({"jobName": JOB, "phase": "Running", "again": {"disruptions": 3}, "deadline": at(0)});
    let pass = start(client, &begun, &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&begun);
    server.expect(Method::GET, &job_path()).await.refuse(404, "NotFound");
    let pods = server.expect(Method::GET, "/api/v1/namespaces/demo/pods").await;
    pods.ok(&json!({"metadata": {}, "items": []}));
    noted(&mut server).await;
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["conditions"][0]["reason"], "Lost");
    status.ok(&with_status(&begun, "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn a_pod_of_another_owner_is_not_believed() {
    let (client, mut server) = Apiserver::new();
    let caches = Caches::default();
    caches.jobs.apply(Event::Apply(serde_json::from_value(fresh_job()).unwrap()));
    let mut forged = Pod::new().pushed();
    forged.0["metadata"]["ownerReferences"][0]["uid"] = json!("not the Job");
    caches.pods.apply(Event::Apply(forged.view()));
    let pass = start(client, &task_json(), &context(caches));
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["phase"], "Queued");
    status.ok(&with_status(&task_json(), "11"));
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn an_object_that_cannot_be_read_gets_invalid_spec() {
    let (client, mut server) = Apiserver::new();
    let mut broken = task_json();
    broken["spec"]["repository"] = json!("not an object");
    assert!(
        serde_json::from_value::<DeserializeGuard<crd::ClaudeTask>>(broken.clone())
            .unwrap()
            .0
            .is_err()
    );
    let pass = start(client, &broken, &context(Caches::default()));
    server.expect(Method::GET, TASK).await.ok(&broken);
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["conditions"][0]["reason"], "InvalidSpec");
    status.ok(&broken);
    assert_eq!(end(pass, server).await.unwrap(), Action::await_change());
}

#[tokio::test]
async fn an_object_that_cannot_be_read_keeps_its_verdict() {
    for status in [
        json!({"conditions": [{"type": "Succeeded", "status": "True", "reason": "FromTheFuture"}]}),
        json!({"jobName": JOB, "phase": "FromTheFuture"}),
    ] {
        let (client, mut server) = Apiserver::new();
        let mut newer = task_json();
        newer["status"] = status;
        let pass = start(client, &newer, &context(Caches::default()));
        server.expect(Method::GET, TASK).await.ok(&newer);
        assert_eq!(end(pass, server).await.unwrap(), Action::await_change());
    }
}
