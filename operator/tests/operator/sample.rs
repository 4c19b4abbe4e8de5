//! Tasks, Jobs and Pods as an apiserver would give them, for tests.
//!
//! Time zero is the creation of all of them; `at(n)` is n seconds later.

use std::sync::{Arc, LazyLock};

use clap::Parser;
use crd::fold::Ending;
use crd::status::Again;
use crd::{ClaudeTask, ClaudeTaskStatus, Outcome, Phase, Reason, Report};
use jiff::{SignedDuration, Timestamp};
use operator::config::Settings;
use operator::view::{EventView, JobSeen, JobView, Observed, PodSeen, PodView};
use serde_json::{Value, json};

pub const UID: &str = "0b5e8a5e-6f0e-4f6e-9c62-1d6f3f0f7a11";
pub const JOB: &str = "login-0b5e8a5e-1";
pub const JOB_UID: &str = "77777777-0000-4000-8000-000000000001";

pub fn at(seconds: i64) -> Timestamp {
    let zero: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    zero + SignedDuration::from_secs(seconds)
}

/// The defaults; parsed once, which is slower than a decision.
pub fn settings() -> Settings {
    static DEFAULTS: LazyLock<Settings> = LazyLock::new(|| {
        Settings::parse_from(["operator", "--runner-image=localhost/claudetask/runner:dev"])
    });
    DEFAULTS.clone()
}

pub fn task_json() -> Value {
    json!({
        "apiVersion": "claudetask.dev/v1alpha1",
        "kind": "ClaudeTask",
        "metadata": {
            "name": "login", "namespace": "demo", "uid": UID, "resourceVersion": "10",
            "generation": 1, "creationTimestamp": at(0),
        },
        "spec": {
            "repository": {
                "url": "https://git.example.com/acme/shop.git",
                "credentialsSecret": {"name": "shop-git"},
            },
            "prompt": "Add input validation to the login form.",
            "claude": {"credentialsSecret": {"name": "claude-api"}},
        },
    })
}

pub fn task() -> ClaudeTask {
    serde_json::from_value(task_json()).unwrap()
}

pub fn task_with(status: ClaudeTaskStatus) -> ClaudeTask {
    ClaudeTask { status: Some(status), ..task() }
}

/// A task that may have no further attempt: how this one ends is the verdict.
pub fn last_attempt() -> ClaudeTask {
    let again = Again { disruptions: 3, waits: 20, races: 5, retries: 0 };
    task_with(ClaudeTaskStatus { again, ..ClaudeTaskStatus::default() })
}

pub fn job_json() -> Value {
    json!({
        "metadata": {
            "name": JOB, "namespace": "demo", "uid": JOB_UID, "creationTimestamp": at(0),
            "labels": labels(),
            "annotations": {"claudetask.dev/not-after": at(3600)},
            "ownerReferences": [{
                "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask", "name": "login",
                "uid": UID, "controller": true,
            }],
        },
        "status": {},
    })
}

pub fn job() -> JobView {
    serde_json::from_value(job_json()).unwrap()
}

pub fn job_leaving() -> JobView {
    let mut job = job_json();
    job["metadata"]["deletionTimestamp"] = json!(at(1));
    serde_json::from_value(job).unwrap()
}

pub fn job_failed() -> JobView {
    let mut job = job_json();
    job["status"]["conditions"] = json!([{"type": "Failed", "status": "True"}]);
    serde_json::from_value(job).unwrap()
}

fn labels() -> Value {
    json!({
        "app.kubernetes.io/managed-by": "claudetask-operator",
        "claudetask.dev/task": "login",
        "claudetask.dev/task-uid": UID,
        "claudetask.dev/attempt": "1",
    })
}

/// A Pod in the making.
#[derive(Debug, Clone)]
pub struct Pod(pub Value);

impl Pod {
    /// A Pod whose containers have not started.
    pub fn new() -> Self {
        Self(json!({
            "metadata": {
                "name": "login-0b5e8a5e-1-x7x7x", "namespace": "demo", "uid": "pod-1",
                "creationTimestamp": at(0), "labels": labels(),
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "Job", "name": JOB, "uid": JOB_UID,
                    "controller": true,
                }],
            },
            "status": {"phase": "Pending", "initContainerStatuses": [], "containerStatuses": []},
        }))
    }

    /// With a field of the status set.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0["status"][field] = value.into();
        self
    }

    /// With a state of one container.
    pub fn state(mut self, container: &str, state: &Value) -> Self {
        let list = if container == "push" { "containerStatuses" } else { "initContainerStatuses" };
        let list = self.0["status"][list].as_array_mut().unwrap();
        list.retain(|other| other["name"] != container);
        list.push(json!({"name": container, "state": state}));
        self
    }

    pub fn running(self, container: &str, since: i64) -> Self {
        self.state(container, &json!({"running": {"startedAt": at(since)}}))
    }

    pub fn waiting(self, container: &str, reason: &str, message: &str) -> Self {
        self.state(container, &json!({"waiting": {"reason": reason, "message": message}}))
    }

    /// Ended with this exit code, reason and message.
    pub fn ended(
        self,
        container: &str,
        times: (i64, i64),
        exit: i32,
        reason: &str,
        said: &str,
    ) -> Self {
        let (from, to) = (at(times.0), at(times.1));
        self.state(
            container,
            &json!({"terminated": {"exitCode": exit, "reason": reason, "message": said,
                "startedAt": from, "finishedAt": to}}),
        )
    }

    pub fn reported(self, times: (i64, i64), exit: i32, report: &Report) -> Self {
        let reason = if exit == 0 { "Completed" } else { "Error" };
        self.ended(report.phase.container(), times, exit, reason, &report.encode())
    }

    /// The first `count` phases have succeeded, one every ten seconds.
    pub fn succeeded(self, count: usize) -> Self {
        Phase::ALL.into_iter().take(count).fold(self, |pod, phase| {
            let end = 10 * (phase as i64 + 1);
            let report = Report::new(phase, Outcome::Succeeded);
            pod.reported((end - 9, end), 0, &report)
        })
    }

    /// All phases have succeeded and the branch is pushed.
    pub fn pushed(self) -> Self {
        self.succeeded(4).reported((41, 50), 0, &pushed())
    }

    pub fn deleting(mut self) -> Self {
        self.0["metadata"]["deletionTimestamp"] = json!(at(1));
        self
    }

    pub fn condition(mut self, type_: &str, status: &str, reason: &str, message: &str) -> Self {
        self.0["status"]["conditions"] =
            json!([{"type": type_, "status": status, "reason": reason, "message": message}]);
        self
    }

    pub fn view(&self) -> PodView {
        serde_json::from_value(self.0.clone()).unwrap()
    }

    pub fn seen(&self) -> PodSeen {
        PodSeen { pod: Arc::new(self.view()), gone: false }
    }

    pub fn gone(&self) -> PodSeen {
        PodSeen { gone: true, ..self.seen() }
    }
}

/// The report of a push that succeeded.
pub fn pushed() -> Report {
    Report {
        reason: Some(Reason::Pushed),
        branch: Some("claude/login".into()),
        commit: Some("c0ffee".into()),
        ..Report::new(Phase::Push, Outcome::Succeeded)
    }
}

/// What is observed when Job and Pods are as given.
pub fn seen(job: JobView, pods: Vec<PodSeen>) -> Observed {
    Observed { job: JobSeen::Present(Arc::new(job)), pods, ..Observed::default() }
}

pub fn event(reason: &str, message: &str, seconds: i64) -> EventView {
    let warning = reason.starts_with("Failed");
    EventView {
        reason: reason.into(),
        message: message.into(),
        at: Some(at(seconds)),
        warning,
        container: None,
    }
}

/// The kubelet's event about a container that starts.
pub fn start_of(container: &str, seconds: i64) -> EventView {
    let container = Some(container.to_owned());
    EventView { container, ..event("Started", "Container started", seconds) }
}

pub fn because(reason: Reason, message: &str) -> Ending {
    Ending { reason, message: message.into() }
}
