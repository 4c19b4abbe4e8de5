//! What becomes of a finished task: its verdict stays, in the status and out of it; Jobs and task go
//! when their time has come.

use std::sync::Arc;

use crd::status::{ConditionStatus, DisplayPhase, SUCCEEDED};
use crd::{ClaudeTask, ClaudeTaskStatus, Phase, Reason, Report};
use operator::decide::{Action, Decision, Propagation, decide};
use operator::view::{JobView, Observed};
use serde_json::{Value, json};

use crate::sample::{Pod, at, job, job_failed, job_leaving, seen, settings, task, task_json};

const HOUR: i64 = 3600;

fn written(decision: &Decision) -> &ClaudeTaskStatus {
    let status = decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => Some(&**status),
        _ => None,
    });
    status.unwrap_or_else(|| panic!("nothing written: {decision:?}"))
}

/// A task as it is after a Pod like this at second 60, annotation included.
fn finished(pod: &Pod) -> ClaudeTask {
    let mut task = task();
    let decision = decide(&task, &seen(job_failed(), vec![pod.seen()]), &settings(), at(60));
    let Action::NoteVerdict(text) = &decision.actions[0] else { panic!("{decision:?}") };
    let annotations = task.metadata.annotations.get_or_insert_default();
    annotations.insert("claudetask.dev/verdict".to_owned(), text.clone());
    assert!(matches!(decision.actions[1], Action::WriteStatus(_)), "the annotation first");
    task.status = Some(written(&decision).clone());
    task
}

fn refused() -> Pod {
    let report = Report::failed(Phase::Clone, Reason::RefNotFound, "no branch `x`");
    Pod::new().with("phase", "Failed").reported((1, 2), 1, &report)
}

fn with_jobs(jobs: Vec<JobView>) -> Observed {
    Observed { jobs: jobs.into_iter().map(Arc::new).collect(), ..Observed::default() }
}

#[test]
fn a_restored_task_takes_its_verdict_from_the_annotation() {
    for (pod, reason) in [(Pod::new().pushed(), "Pushed"), (refused(), "RefNotFound")] {
        let old = finished(&pod);
        let mut restored = task();
        restored.metadata.uid = Some("11111111-6f0e-4f6e-9c62-1d6f3f0f7a11".into());
        restored.metadata.annotations.clone_from(&old.metadata.annotations);
        let decision = decide(&restored, &Observed::default(), &settings(), at(9999));
        assert!(matches!(decision.actions[0], Action::WriteStatus(_)), "{decision:?}");
        let (was, is) = (old.status.unwrap(), written(&decision));
        assert_eq!(is.condition(SUCCEEDED).unwrap().reason, reason);
        let of = |status: &ClaudeTaskStatus| {
            let verdict = status.condition(SUCCEEDED).unwrap();
            let verdict = (verdict.status, verdict.reason.clone(), verdict.message.clone());
            (verdict, status.phase, status.finished_at, status.result.clone())
        };
        assert_eq!(of(is), of(&was));
    }
}

#[test]
fn a_crash_between_annotation_and_status_changes_no_verdict() {
    let mut task = finished(&Pod::new().pushed());
    task.status = Some(ClaudeTaskStatus {
        job_name: Some("login-0b5e8a5e-1".into()),
        ..ClaudeTaskStatus::default()
    });
    for observed in [Observed::default(), seen(job_failed(), vec![refused().seen()])] {
        let decision = decide(&task, &observed, &settings(), at(70));
        let verdict = written(&decision).condition(SUCCEEDED).unwrap();
        assert_eq!((verdict.status, verdict.reason.as_str()), (ConditionStatus::True, "Pushed"));
        assert!(!decision.actions.iter().any(|act| matches!(act, Action::NoteVerdict(_))));
    }
}

fn with_annotation(text: &str) -> ClaudeTask {
    let mut task = task_json();
    task["metadata"]["annotations"] = json!({"claudetask.dev/verdict": text});
    serde_json::from_value(task).unwrap()
}

#[test]
fn a_copy_under_another_name_or_with_a_spoilt_annotation_runs() {
    let noted = json!({"namespace": "demo", "name": "login", "reason": "Pushed", "message": "",
        "phase": "Succeeded"});
    let other = |field: &str| {
        let mut other = noted.clone();
        other[field] = json!("other");
        other.to_string()
    };
    for text in [other("name"), other("namespace"), "not JSON".into(), "{}".into(), String::new()] {
        let decision = decide(&with_annotation(&text), &Observed::default(), &settings(), at(0));
        assert!(matches!(decision.actions[0], Action::CreateJob(_)), "{text}");
    }
    let own =
        decide(&with_annotation(&noted.to_string()), &Observed::default(), &settings(), at(0));
    assert!(written(&own).is_finished());
}

#[test]
fn a_verdict_of_a_newer_version_is_a_verdict() {
    for (phase, reason) in [("Succeeded", "AlreadyPushed"), ("Failed", "Lost"), ("New", "Lost")] {
        let text = json!({"namespace": "demo", "name": "login", "reason": "FromTheFuture",
            "message": "well", "phase": phase, "more": 1});
        let task = with_annotation(&text.to_string());
        let decision = decide(&task, &Observed::default(), &settings(), at(0));
        let verdict = written(&decision).condition(SUCCEEDED).unwrap();
        assert_eq!(verdict.reason, reason);
        assert_eq!(verdict.message, "FromTheFuture: well");
    }
}

#[test]
fn jobs_go_a_day_after_the_verdict_and_the_task_after_thirty() {
    let task = finished(&refused());
    let jobs = || with_jobs(vec![job_failed(), job_leaving()]);
    let looks = |hours: i64| decide(&task, &jobs(), &settings(), at(60 + hours * HOUR));
    assert_eq!((looks(23).actions, looks(23).wake), (vec![], Some(at(60 + 24 * HOUR))));
    let day = looks(24);
    let [Action::DeleteJob { propagation, .. }] = day.actions.as_slice() else { panic!("{day:?}") };
    assert_eq!((*propagation, day.wake), (Propagation::Background, Some(at(60 + 720 * HOUR))));
    assert_eq!(looks(720).actions, [Action::DeleteTask]);
}

#[test]
fn a_job_that_is_in_nobodys_interest_any_more_is_stopped() {
    let late = |seconds: i64| {
        let mut late = serde_json::to_value(at(seconds)).map(|made| {
            let mut job = crate::sample::job_json();
            job["metadata"]["creationTimestamp"] = made;
            job
        });
        serde_json::from_value::<JobView>(late.as_mut().unwrap().take()).unwrap()
    };
    for (name, pod, job, moment, stops) in [
        ("failed, at work", refused(), job(), 119, false),
        ("failed, at work", refused(), job(), 120, true),
        ("failed, ended", refused(), job_failed(), 120, false),
        ("pushed, at work", Pod::new().pushed(), job(), 9999, false),
        ("pushed, made by a late operator", Pod::new().pushed(), late(61), 62, true),
        ("failed, made by a late operator", refused(), late(61), 62, true),
    ] {
        let decision = decide(&finished(&pod), &with_jobs(vec![job]), &settings(), at(moment));
        let stopped = matches!(
            decision.actions.as_slice(),
            [Action::DeleteJob { propagation: Propagation::Foreground, .. }]
        );
        assert_eq!(stopped, stops, "{name} {moment}: {decision:?}");
        assert!(stops || decision.actions.is_empty(), "{name} {moment}");
    }
}

#[test]
fn what_something_else_keeps_is_never_deleted() {
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}]);
    for (name, field, value) in [
        ("Argo CD", "annotations", json!({"argocd.argoproj.io/tracking-id": "a:b/c:d/e"})),
        ("Argo CD by label", "labels", json!({"app.kubernetes.io/instance": "shop"})),
        ("Flux", "labels", json!({"kustomize.toolkit.fluxcd.io/name": "shop"})),
        ("Flux with Helm", "labels", json!({"helm.toolkit.fluxcd.io/name": "shop"})),
        ("Helm", "annotations", json!({"meta.helm.sh/release-name": "shop"})),
        ("an owner", "ownerReferences", owner),
    ] {
        assert_eq!(looks_at(field, &value, 9999).actions, [], "{name}");
        assert_eq!(looks_at(field, &value, 9999).wake, None, "{name}");
    }
    let own = json!({"app.kubernetes.io/managed-by": "me", "team": "shop"});
    assert_eq!(looks_at("labels", &own, 9999).actions, [Action::DeleteTask]);
}

fn looks_at(field: &str, value: &Value, hours: i64) -> Decision {
    let mut task = serde_json::to_value(finished(&refused())).unwrap();
    task["metadata"][field] = value.clone();
    let task: ClaudeTask = serde_json::from_value(task).unwrap();
    decide(&task, &Observed::default(), &settings(), at(60 + hours * HOUR))
}

#[test]
fn the_tasks_own_time_to_live_beats_the_operators() {
    let mut task = finished(&refused());
    task.spec.ttl_after_finished = Some("0s".parse().unwrap());
    assert_eq!(
        decide(&task, &with_jobs(vec![job()]), &settings(), at(60)).actions,
        [Action::DeleteTask]
    );
    task.spec.ttl_after_finished = Some("99999h".parse().unwrap());
    assert_eq!(decide(&task, &Observed::default(), &settings(), at(60 + 720 * HOUR)).actions, []);
}

#[test]
fn a_task_that_is_being_deleted_is_left_alone() {
    let mut task = finished(&refused());
    task.metadata
        .deletion_timestamp
        .clone_from(&Pod::new().deleting().view().metadata.deletion_timestamp);
    let decision = decide(&task, &with_jobs(vec![job()]), &settings(), at(999 * HOUR));
    assert_eq!(decision, Decision::default());
    assert_eq!(task.status.unwrap().phase, Some(DisplayPhase::Failed));
}
