//! Passes of the lifecycle against a scripted apiserver: what a cancel, a verdict and the end of a
//! time to live send, and what a refusal of it leads to.

use std::sync::Arc;

use axum::http::Method;
use kube::Client;
use kube::runtime::controller::Action;
use kube::runtime::watcher::Event;
use operator::controller::{Context, Error, pass};
use operator::observe::Caches;
use operator::watches::Guarded;
use serde_json::{Value, json};

use crate::fake::{Apiserver, LIMIT};
use crate::sample::{JOB, Pod, job_json, settings, task_json};

const TASK: &str = "/apis/claudetask.dev/v1alpha1/namespaces/demo/claudetasks/login";
const STATUS: &str = "/apis/claudetask.dev/v1alpha1/namespaces/demo/claudetasks/login/status";
const JOBS: &str = "/apis/batch/v1/namespaces/demo/jobs";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/demo/events";
const POD: &str = "/api/v1/namespaces/demo/pods/login-0b5e8a5e-1-x7x7x";

type Pass = tokio::task::JoinHandle<Result<Action, Error>>;

fn start(client: Client, task: &Value, caches: Caches) -> Pass {
    let task: Guarded = serde_json::from_value(task.clone()).unwrap();
    let context = Arc::new(Context {
        caches: Arc::new(caches),
        settings: settings(),
        clock: jiff::Timestamp::now,
    });
    tokio::spawn(async move { pass(&client, &task, &context).await })
}

async fn end(pass: Pass, server: Apiserver) -> Result<Action, Error> {
    let ended = tokio::time::timeout(LIMIT, pass).await.expect("the pass ends").unwrap();
    tokio::time::timeout(LIMIT, server.rest()).await.expect("the client is dropped");
    ended
}

/// Caches with a Job that has just been made, and this Pod of it.
fn caches(pod: &Pod) -> Caches {
    let mut job = job_json();
    job["metadata"]["creationTimestamp"] = json!(jiff::Timestamp::now());
    job["metadata"]["annotations"] = json!({});
    let caches = Caches::default();
    caches.jobs.apply(Event::Apply(serde_json::from_value(job).unwrap()));
    caches.pods.apply(Event::Apply(pod.view()));
    caches
}

fn cancelled() -> Value {
    let mut task = task_json();
    task["spec"]["cancel"] = json!(true);
    task
}

fn finished(ago: jiff::SignedDuration) -> Value {
    let at = jiff::Timestamp::now() - ago;
    let mut task = task_json();
    task["status"] = json!({"phase": "Failed", "finishedAt": at, "conditions": [{
        "type": "Succeeded", "status": "False", "reason": "Lost", "lastTransitionTime": at}]});
    task
}

#[tokio::test]
async fn a_cancelled_pod_is_asked_by_its_annotation_and_by_its_uid() {
    for refusal in [None, Some((404, "NotFound")), Some((422, "Invalid"))] {
        let (client, mut server) = Apiserver::new();
        let pass = start(client, &cancelled(), caches(&Pod::new().running("clone", 1)));
        let status = server.expect(Method::PUT, STATUS).await;
        assert_eq!(status.body["status"]["conditions"][0]["reason"], "Cancelled");
        assert_eq!(status.body["status"]["conditions"][0]["status"], "Unknown");
        status.ok(&task_json());
        for _ in ["Cloning", "Cancelled"] {
            server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
        }
        let patch = server.expect(Method::PATCH, POD).await;
        assert_eq!(patch.body["metadata"]["uid"], "pod-1");
        let request = patch.body["metadata"]["annotations"]["claudetask.dev/stop"].clone();
        assert!(request.as_str().unwrap().starts_with("Cancelled 20"), "{request}");
        match refusal {
            None => patch.ok(&Pod::new().0),
            Some((code, reason)) => patch.refuse(code, reason),
        }
        assert_ne!(end(pass, server).await.unwrap(), Action::await_change());
    }
}

#[tokio::test]
async fn a_cancelled_task_is_searched_for_a_job_before_it_ends_without_one() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &cancelled(), Caches::default());
    server.expect(Method::GET, TASK).await.ok(&cancelled());
    let mut job = job_json();
    job["metadata"]["creationTimestamp"] = json!(jiff::Timestamp::now());
    job["metadata"]["annotations"] = json!({});
    server.expect(Method::GET, &format!("{JOBS}/{JOB}")).await.ok(&job);
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["status"]["conditions"][0]["status"], "Unknown");
    status.ok(&task_json());
    for _ in ["Queued", "Cancelled"] {
        server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    }
    let delete = server.expect(Method::DELETE, &format!("{JOBS}/{JOB}")).await;
    assert_eq!(delete.body["propagationPolicy"], "Foreground");
    assert_eq!(delete.body["preconditions"]["uid"], job["metadata"]["uid"]);
    delete.ok(&job);
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn the_status_is_written_over_the_version_that_the_annotation_made() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), caches(&Pod::new().pushed()));
    let patch = server.expect(Method::PATCH, TASK).await;
    assert_eq!(patch.body["metadata"]["uid"], task_json()["metadata"]["uid"]);
    let text = patch.body["metadata"]["annotations"]["claudetask.dev/verdict"].as_str().unwrap();
    let noted: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&noted["namespace"], &noted["name"]), (&json!("demo"), &json!("login")));
    assert_eq!((&noted["reason"], &noted["phase"]), (&json!("Pushed"), &json!("Succeeded")));
    assert_eq!(noted["result"]["commit"], "c0ffee");
    let mut annotated = task_json();
    annotated["metadata"]["resourceVersion"] = json!("11");
    patch.ok(&annotated);
    let status = server.expect(Method::PUT, STATUS).await;
    assert_eq!(status.body["metadata"]["resourceVersion"], "11");
    status.ok(&annotated);
    server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn an_annotation_that_may_not_be_written_holds_up_no_verdict() {
    for (code, reason) in [(403, "Forbidden"), (422, "Invalid")] {
        let (client, mut server) = Apiserver::new();
        let pass = start(client, &task_json(), caches(&Pod::new().pushed()));
        server.expect(Method::PATCH, TASK).await.refuse(code, reason);
        let status = server.expect(Method::PUT, STATUS).await;
        assert_eq!(status.body["metadata"]["resourceVersion"], "10");
        status.ok(&task_json());
        server.expect(Method::POST, EVENTS).await.ok(&json!({"metadata": {}}));
        end(pass, server).await.unwrap();
    }
}

#[tokio::test]
async fn a_stale_verdict_is_noted_nowhere() {
    for (code, reason) in [(409, "Conflict"), (404, "NotFound")] {
        let (client, mut server) = Apiserver::new();
        let pass = start(client, &task_json(), caches(&Pod::new().pushed()));
        server.expect(Method::PATCH, TASK).await.refuse(code, reason);
        assert_ne!(end(pass, server).await.unwrap(), Action::await_change());
    }
}

#[tokio::test]
async fn an_annotation_that_fails_is_tried_again_before_the_status() {
    let (client, mut server) = Apiserver::new();
    let pass = start(client, &task_json(), caches(&Pod::new().pushed()));
    server.expect(Method::PATCH, TASK).await.refuse(500, "InternalError");
    assert!(end(pass, server).await.is_err());
}

#[tokio::test]
async fn a_task_is_deleted_only_as_it_was_observed() {
    for (answer, fine) in
        [(None, true), (Some((404, "NotFound")), true), (Some((409, "Conflict")), false)]
    {
        let (client, mut server) = Apiserver::new();
        let old = finished(jiff::SignedDuration::from_hours(721));
        let pass = start(client, &old, Caches::default());
        let delete = server.expect(Method::DELETE, TASK).await;
        let conditions = &delete.body["preconditions"];
        assert_eq!(conditions["uid"], old["metadata"]["uid"]);
        assert_eq!(conditions["resourceVersion"], "10");
        match answer {
            None => delete.ok(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
            Some((code, reason)) => delete.refuse(code, reason),
        }
        assert_eq!(end(pass, server).await.unwrap() == Action::await_change(), fine, "{answer:?}");
    }
}

#[tokio::test]
async fn the_job_of_a_task_that_ended_a_day_ago_is_deleted_with_its_pod() {
    let (client, mut server) = Apiserver::new();
    let caches = Caches::default();
    caches.jobs.apply(Event::Apply(crate::sample::job_failed()));
    let pass = start(client, &finished(jiff::SignedDuration::from_hours(25)), caches);
    let delete = server.expect(Method::DELETE, &format!("{JOBS}/{JOB}")).await;
    assert_eq!(delete.body["propagationPolicy"], "Background");
    delete.ok(&job_json());
    end(pass, server).await.unwrap();
}

#[tokio::test]
async fn a_finished_task_whose_time_has_not_come_is_not_worth_a_call() {
    let (client, server) = Apiserver::new();
    let fresh = finished(jiff::SignedDuration::from_hours(1));
    let caches = Caches::default();
    caches.jobs.apply(Event::Apply(crate::sample::job_failed()));
    let pass = start(client, &fresh, caches);
    assert_ne!(end(pass, server).await.unwrap(), Action::await_change());
}
