//! Cancel and timeout: at which state of Job and Pod they do what.

use crd::status::{ConditionStatus, DisplayPhase, SUCCEEDED};
use crd::{ClaudeTask, ClaudeTaskStatus, Outcome, Phase, Reason, Report};
use operator::decide::{Action, Decision, Propagation, decide};
use operator::view::{JobSeen, Observed};
use serde_json::json;

use crate::sample::{JOB_UID, Pod, at, job, job_failed, job_leaving, seen, settings, task};

#[derive(Debug, PartialEq)]
enum Then {
    /// The verdict.
    Ends(String),
    /// The Pod is asked to stop.
    Asks,
    /// The Job is deleted in the foreground.
    Deletes,
    /// Nothing is done, though something may be shown.
    Waits,
}
use Then::{Asks, Deletes, Ends, Waits};

fn ends(reason: Reason) -> Then {
    Ends(reason.to_string())
}

fn written(decision: &Decision) -> Option<&ClaudeTaskStatus> {
    decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => Some(&**status),
        _ => None,
    })
}

fn then(decision: &Decision) -> Then {
    if let Some(verdict) = written(decision).and_then(|status| status.condition(SUCCEEDED))
        && verdict.status != ConditionStatus::Unknown
    {
        return Ends(verdict.reason.clone());
    }
    let act = decision.actions.iter().find_map(|action| match action {
        Action::StopPod { name, uid, request } => {
            assert_eq!((name.as_str(), uid.as_str()), ("login-0b5e8a5e-1-x7x7x", "pod-1"));
            assert!(request.starts_with("Cancelled 2026-01-01T"), "{request}");
            Some(Asks)
        }
        Action::DeleteJob { uid, propagation, .. } => {
            assert_eq!((uid.as_str(), *propagation), (JOB_UID, Propagation::Foreground));
            Some(Deletes)
        }
        Action::CreateJob(_) => panic!("a Job for a task that is to stop"),
        _ => None,
    });
    act.unwrap_or(Waits)
}

/// A task that has begun at 0 and is cancelled.
fn cancelled() -> ClaudeTask {
    let mut task = begun();
    task.spec.cancel = true;
    task
}

fn begun() -> ClaudeTask {
    let mut task = task();
    let first = decide(&task, &Observed::default(), &settings(), at(0));
    task.status = written(&first).cloned();
    task
}

/// A Pod that was asked to stop at this second.
fn asked(mut pod: Pod, since: i64) -> Pod {
    let request = format!("Cancelled {}", at(since));
    pod.0["metadata"]["annotations"] = json!({"claudetask.dev/stop": request});
    pod
}

fn in_phase(phase: Phase) -> Pod {
    let start = 10 * phase as i64 + 1;
    Pod::new().with("phase", "Pending").succeeded(phase as usize).running(phase.container(), start)
}

#[test]
fn a_cancelled_task_without_a_job_ends_at_once() {
    let mut new = task();
    new.spec.cancel = true;
    assert_eq!(
        then(&decide(&new, &Observed::default(), &settings(), at(1))),
        ends(Reason::Cancelled)
    );
    let foreign = Observed { job: JobSeen::Foreign, ..Observed::default() };
    assert_eq!(then(&decide(&new, &foreign, &settings(), at(1))), ends(Reason::Cancelled));
    new.status = Some(ClaudeTaskStatus {
        attempt: Some(2),
        phase: Some(DisplayPhase::Waiting),
        resume_at: Some(at(500)),
        deadline: Some(at(4100)),
        ..ClaudeTaskStatus::default()
    });
    let decision = decide(&new, &Observed::default(), &settings(), at(1));
    assert_eq!(then(&decision), ends(Reason::Cancelled));
    assert_eq!(written(&decision).unwrap().phase, Some(DisplayPhase::Cancelled));
}

#[test]
fn before_anything_has_started_the_job_goes_at_once() {
    for pods in [vec![], vec![Pod::new().seen()], vec![Pod::new().waiting("clone", "x", "").seen()]]
    {
        assert_eq!(then(&decide(&cancelled(), &seen(job(), pods), &settings(), at(3))), Deletes);
    }
    // And then: the Job on its way, gone, and the verdict.
    let mut task = cancelled();
    let first = decide(&task, &seen(job(), vec![]), &settings(), at(3));
    task.status = written(&first).cloned();
    let leaving = seen(job_leaving(), vec![Pod::new().deleting().seen()]);
    assert_eq!(then(&decide(&task, &leaving, &settings(), at(4))), Waits);
    for pods in [vec![], vec![Pod::new().gone()]] {
        let gone = Observed { pods, ..Observed::default() };
        assert_eq!(then(&decide(&task, &gone, &settings(), at(5))), ends(Reason::Cancelled));
    }
}

#[test]
fn in_every_phase_the_pod_is_asked_once_and_deleted_after_its_grace() {
    for phase in Phase::ALL {
        let pod = in_phase(phase);
        let decision = decide(&cancelled(), &seen(job(), vec![pod.seen()]), &settings(), at(60));
        assert_eq!(then(&decision), Asks, "{phase}");
        let status = written(&decision).unwrap();
        assert_eq!(status.condition(SUCCEEDED).unwrap().reason, "Cancelled", "{phase}");
        assert!(matches!(decision.actions[0], Action::WriteStatus(_)), "the reason first");
        let mut task = cancelled();
        task.status = Some(status.clone());
        let asked = seen(job(), vec![asked(pod, 60).seen()]);
        for (moment, expected) in [(61, Waits), (119, Waits), (120, Deletes)] {
            let decision = decide(&task, &asked, &settings(), at(moment));
            assert_eq!(then(&decision), expected, "{phase} {moment}");
        }
    }
}

#[test]
fn between_two_phases_the_pod_is_asked_as_well() {
    let pod = Pod::new().succeeded(2);
    let observed = seen(job(), vec![pod.seen()]);
    assert_eq!(then(&decide(&cancelled(), &observed, &settings(), at(25))), Asks);
}

#[test]
fn what_a_cancelled_attempt_came_to_is_the_verdict() {
    let stopped = |phase| Report {
        checkpoint: Some("refs/claudetask/u".into()),
        ..Report::failed(phase, Reason::Cancelled, "stopped; the work is saved")
    };
    let failed = |pod: Pod| pod.with("phase", "Failed");
    let by_run = Report::failed(Phase::Run, Reason::Cancelled, "stopped");
    let by_run = failed(Pod::new().succeeded(1).reported((11, 20), 0, &by_run));
    let by_run = by_run.reported((21, 22), 1, &stopped(Phase::Rebase));
    let limited = Report::skipped(Phase::Rebase, Reason::RateLimited, "429");
    let limited = failed(Pod::new().succeeded(2).reported((21, 22), 1, &limited));
    let own = Report::failed(Phase::Push, Reason::PushRejected, "protected");
    let own = failed(Pod::new().succeeded(4).reported((41, 42), 1, &own));
    let killed = failed(Pod::new().succeeded(1).ended("run", (11, 20), 137, "Error", ""));
    for (name, pod, reason) in [
        ("pushed before it was asked", Pod::new().pushed(), Reason::Pushed),
        ("Claude was interrupted", by_run.clone(), Reason::Cancelled),
        ("no wait for the model", limited, Reason::Cancelled),
        ("a failure that is final", own, Reason::PushRejected),
        ("killed by somebody", killed, Reason::Cancelled),
    ] {
        let observed = seen(job_failed(), vec![asked(pod, 15).seen()]);
        assert_eq!(
            then(&decide(&cancelled(), &observed, &settings(), at(60))),
            ends(reason),
            "{name}"
        );
    }
    let observed = seen(job_failed(), vec![by_run.seen()]);
    let decision = decide(&cancelled(), &observed, &settings(), at(60));
    let status = written(&decision).unwrap();
    assert_eq!(status.phase, Some(DisplayPhase::Cancelled));
    assert_eq!(status.result.checkpoint.as_deref(), Some("refs/claudetask/u"));
    assert!(Reason::Cancelled.remedy().contains("status.result.checkpoint"), "how to go on");
}

#[test]
fn a_cancelled_pod_on_a_dead_node_ends_with_its_deadline() {
    let observed = seen(job_leaving(), vec![asked(in_phase(Phase::Run), 20).deleting().seen()]);
    assert_eq!(then(&decide(&cancelled(), &observed, &settings(), at(3659))), Waits);
    let ended = then(&decide(&cancelled(), &observed, &settings(), at(3660)));
    assert_eq!(ended, ends(Reason::NodeLost));
}

#[test]
fn at_the_deadline_a_pod_that_works_has_the_kubelets_turn_first() {
    let running = || seen(job(), vec![in_phase(Phase::Run).seen()]);
    let idle = || seen(job(), vec![Pod::new().seen()]);
    let no_pod = || seen(job(), vec![]);
    let mut patient = settings();
    patient.startup_deadline = jiff::SignedDuration::from_hours(9);
    for (name, observed, moment, expected) in [
        ("running", running(), 3599, Waits),
        ("running", running(), 3614, Waits),
        ("running", running(), 3615, Deletes),
        ("idle", idle(), 3599, Waits),
        ("idle", idle(), 3600, Deletes),
        ("no Pod", no_pod(), 3599, Waits),
        ("no Pod", no_pod(), 3600, Deletes),
        ("no Pod, still", no_pod(), 3660, ends(Reason::Lost)),
    ] {
        let decision = decide(&begun(), &observed, &patient, at(moment));
        assert_eq!(then(&decision), expected, "{name} {moment}");
        if let (Waits, Some(status)) = (&expected, written(&decision)) {
            let reason = &status.condition(SUCCEEDED).unwrap().reason;
            assert_eq!(reason == "Timeout", moment >= 3600, "{name} {moment}");
        }
    }
}

#[test]
fn a_task_deleted_for_its_deadline_ends_with_timeout() {
    let mut task = begun();
    let pod = in_phase(Phase::Run);
    let first = decide(&task, &seen(job(), vec![pod.seen()]), &settings(), at(3615));
    task.status = written(&first).cloned();
    let stopped = pod.ended("run", (11, 3616), 143, "Error", "").with("phase", "Failed");
    let gone = Observed { pods: vec![stopped.gone()], ..Observed::default() };
    assert_eq!(then(&decide(&task, &gone, &settings(), at(3620))), ends(Reason::Timeout));
    assert_eq!(
        then(&decide(&task, &Observed::default(), &settings(), at(3620))),
        ends(Reason::Timeout)
    );
}

#[test]
fn the_tasks_own_timeout_beats_the_operators() {
    let mut own = task();
    own.spec.timeout = Some("10m".parse().unwrap());
    let decision = decide(&own, &Observed::default(), &settings(), at(0));
    assert_eq!(written(&decision).unwrap().deadline, Some(at(600)));
    let Action::CreateJob(job) = &decision.actions[0] else { panic!("{decision:?}") };
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    assert_eq!(pod.active_deadline_seconds, Some(600));
}

#[test]
fn a_push_in_the_last_second_still_counts() {
    let pushed = seen(job(), vec![Pod::new().pushed().deleting().seen()]);
    for moment in [3600, 3659, 9999] {
        assert_eq!(then(&decide(&begun(), &pushed, &settings(), at(moment))), ends(Reason::Pushed));
    }
    let skipped = Report {
        reason: Some(Reason::AlreadyPushed),
        ..Report::new(Phase::Push, Outcome::Skipped)
    };
    let marked = Pod::new().succeeded(4).reported((41, 50), 0, &skipped);
    let marked = seen(job(), vec![marked.seen()]);
    assert_eq!(
        then(&decide(&cancelled(), &marked, &settings(), at(60))),
        ends(Reason::AlreadyPushed)
    );
}
