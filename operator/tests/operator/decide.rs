//! Decisions from a task's birth to its verdict.

use std::sync::Arc;

use crd::status::{ConditionStatus, DisplayPhase, PhaseState, RECONCILING, STALLED, SUCCEEDED};
use crd::{ClaudeTask, ClaudeTaskStatus, Phase, Reason, Report};
use operator::decide::{Action, Decision, decide};
use operator::view::{JobSeen, Observed, PodSeen, Refusal};
use serde_json::json;

use crate::sample::{
    JOB, Pod, at, job, job_failed, job_leaving, last_attempt, seen, settings, task, task_json,
    task_with,
};

fn written(decision: &Decision) -> Option<&ClaudeTaskStatus> {
    decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => Some(&**status),
        _ => None,
    })
}

fn verdict(decision: &Decision) -> (ConditionStatus, String, String) {
    let status = written(decision).unwrap_or_else(|| panic!("nothing written: {decision:?}"));
    let verdict = status.condition(SUCCEEDED).unwrap();
    (verdict.status, verdict.reason.clone(), verdict.message.clone())
}

fn started() -> ClaudeTask {
    let first = decide(&last_attempt(), &Observed::default(), &settings(), at(0));
    task_with(written(&first).unwrap().clone())
}

#[test]
fn a_new_task_gets_its_job_and_then_its_first_status() {
    let decision = decide(&task(), &Observed::default(), &settings(), at(0));
    let [Action::CreateJob(job), Action::WriteStatus(status), Action::Publish(note)] =
        decision.actions.as_slice()
    else {
        panic!("{decision:?}")
    };
    assert_eq!(job.metadata.name.as_deref(), Some(JOB));
    assert_eq!((status.phase, status.attempt), (Some(DisplayPhase::Queued), Some(1)));
    assert_eq!(status.job_name.as_deref(), Some(JOB));
    assert_eq!(status.observed_generation, Some(1));
    assert_eq!(status.condition(RECONCILING).unwrap().status, ConditionStatus::True);
    assert_eq!((note.reason.as_str(), note.warning), ("Queued", false));
}

#[test]
fn a_job_that_is_already_there_is_adopted() {
    let decision = decide(&task(), &seen(job(), vec![]), &settings(), at(1));
    assert!(decision.actions.iter().all(|action| !matches!(action, Action::CreateJob(_))));
    assert_eq!(written(&decision).unwrap().job_name.as_deref(), Some(JOB));
}

#[test]
fn a_job_of_another_owner_is_refused_loudly() {
    let observed = Observed { job: JobSeen::Foreign, ..Observed::default() };
    let (status, reason, message) = verdict(&decide(&task(), &observed, &settings(), at(1)));
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "InvalidSpec"));
    assert!(message.contains(JOB), "{message}");
}

#[test]
fn a_finished_task_never_starts_again() {
    let done =
        decide(&started(), &seen(job(), vec![Pod::new().pushed().seen()]), &settings(), at(60));
    let done = task_with(written(&done).unwrap().clone());
    for observed in [
        Observed::default(),
        Observed { job: JobSeen::Foreign, ..Observed::default() },
        seen(job_failed(), vec![]),
        seen(job(), vec![Pod::new().gone()]),
        seen(
            job(),
            vec![
                Pod::new()
                    .reported((1, 2), 1, &Report::failed(Phase::Clone, Reason::CloneFailed, "x"))
                    .seen(),
            ],
        ),
    ] {
        assert_eq!(decide(&done, &observed, &settings(), at(9999)).actions, []);
    }
}

#[test]
fn a_task_that_is_being_deleted_gets_nothing_more() {
    let mut leaving = task_json();
    leaving["metadata"]["deletionTimestamp"] = json!(at(1));
    let leaving: ClaudeTask = serde_json::from_value(leaving).unwrap();
    assert_eq!(decide(&leaving, &Observed::default(), &settings(), at(2)), Decision::default());
}

#[test]
fn a_push_is_the_verdict_although_the_saver_still_runs() {
    let pod = Pod::new().with("phase", "Running").pushed().running("save", 2);
    let decision = decide(&started(), &seen(job(), vec![pod.seen()]), &settings(), at(51));
    let status = written(&decision).unwrap();
    assert_eq!(verdict(&decision).0, ConditionStatus::True);
    assert_eq!(status.condition(STALLED).unwrap().status, ConditionStatus::False);
    assert_eq!(status.phase, Some(DisplayPhase::Succeeded));
    assert_eq!(status.result.branch.as_deref(), Some("claude/login"));
    assert_eq!(status.finished_at, Some(at(51)));
    assert!(decision.wake.is_none());
    let Some(Action::Publish(note)) = decision.actions.last() else { panic!("{decision:?}") };
    assert_eq!((note.reason.as_str(), note.warning), ("Pushed", false));
    assert!(note.text.contains(Reason::Pushed.remedy()));
}

#[test]
fn a_failed_clone_is_the_verdict_at_once() {
    let report = Report::failed(Phase::Clone, Reason::RefNotFound, "no branch `x`");
    let pod = Pod::new().reported((1, 2), 1, &report).running("save", 2);
    let decision = decide(&started(), &seen(job(), vec![pod.seen()]), &settings(), at(3));
    assert_eq!(
        verdict(&decision),
        (ConditionStatus::False, "RefNotFound".into(), "no branch `x`".into())
    );
    let status = written(&decision).unwrap();
    let reached: Vec<_> = status.phases.iter().map(|phase| phase.state).collect();
    assert_eq!(reached[..2], [PhaseState::Failed, PhaseState::Skipped]);
    assert_eq!(status.condition(STALLED).unwrap().status, ConditionStatus::True);
}

#[test]
fn every_end_is_reachable_without_children() {
    let empty = Observed::default();
    for (name, observed, words) in [
        ("Job and Pod deleted", &empty, "the Job was deleted"),
        ("Pod deleted, Job failed", &seen(job_failed(), vec![]), "its Pod is gone"),
        (
            "Pod gone, Job failed",
            &seen(job_failed(), vec![Pod::new().running("run", 1).gone()]),
            "the Pod was deleted",
        ),
        (
            "Pod gone, Job gone",
            &Observed { pods: vec![Pod::new().gone()], ..Observed::default() },
            "the Pod was deleted",
        ),
    ] {
        let (status, reason, message) = verdict(&decide(&started(), observed, &settings(), at(9)));
        assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Lost"), "{name}");
        assert!(message.contains(words), "{name}: {message}");
    }
}

#[test]
fn what_was_known_of_a_pod_outlives_it() {
    let running = Pod::new().succeeded(1).running("run", 11);
    let known = decide(&started(), &seen(job(), vec![running.seen()]), &settings(), at(12));
    let task = task_with(written(&known).unwrap().clone());
    let decision = decide(&task, &Observed::default(), &settings(), at(20));
    let status = written(&decision).unwrap();
    let reached: Vec<_> = status.phases.iter().map(|phase| phase.state).collect();
    assert_eq!(reached[..3], [PhaseState::Succeeded, PhaseState::Failed, PhaseState::Skipped]);
    assert_eq!(status.phases[1].reason, Some(Reason::Lost));
    assert_eq!(status.started_at, Some(at(1)));
    assert!(status.pod_name.is_some());
}

#[test]
fn a_pod_that_is_being_deleted_is_waited_for() {
    let pod = Pod::new().succeeded(1).running("run", 11).deleting();
    let decision = decide(&started(), &seen(job(), vec![pod.seen()]), &settings(), at(20));
    assert_eq!(verdict(&decision).0, ConditionStatus::Unknown);
    assert_eq!(decision.wake, Some(at(3660)));
}

#[test]
fn a_job_that_is_being_deleted_is_waited_for_although_its_pod_is_over() {
    let pod = Pod::new().with("phase", "Failed").with("reason", "Evicted");
    let waits = decide(&started(), &seen(job_leaving(), vec![pod.seen()]), &settings(), at(20));
    let (status, reason, _) = verdict(&waits);
    assert_eq!((status, reason.as_str()), (ConditionStatus::Unknown, "Evicted"));
    // Nothing but the status remembers why once both are gone.
    let task = task_with(written(&waits).unwrap().clone());
    let ends = decide(&task, &Observed::default(), &settings(), at(21));
    let (status, reason, _) = verdict(&ends);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Evicted"));
}

#[test]
fn on_a_dead_node_time_writes_the_verdict() {
    let running = Pod::new().succeeded(1).running("run", 11);
    for (pod, reason) in [(running.clone(), "Timeout"), (running.deleting(), "NodeLost")] {
        for job in [job(), job_leaving()] {
            let observed = seen(job, vec![pod.seen()]);
            assert_eq!(
                verdict(&decide(&started(), &observed, &settings(), at(3659))).0,
                ConditionStatus::Unknown
            );
            let decision = decide(&started(), &observed, &settings(), at(3660));
            assert_eq!(verdict(&decision).1, reason);
        }
    }
}

#[test]
fn a_job_that_never_goes_does_not_hold_up_the_verdict() {
    let observed = seen(job_leaving(), vec![]);
    assert_eq!(written(&decide(&started(), &observed, &settings(), at(3659))), None);
    assert_eq!(verdict(&decide(&started(), &observed, &settings(), at(3660))).1, "Lost");
}

#[test]
fn of_two_pods_the_one_that_pushed_counts() {
    let mut second = Pod::new().pushed().seen();
    Arc::make_mut(&mut second.pod).metadata.uid = Some("pod-2".into());
    let first = Pod::new().with("phase", "Failed").with("reason", "Evicted").seen();
    for pods in [vec![first.clone(), second.clone()], vec![second, first]] {
        assert_eq!(
            verdict(&decide(&started(), &seen(job(), pods), &settings(), at(60))).1,
            "Pushed"
        );
    }
    let gone = Pod::new().pushed().gone();
    let mut alive = Pod::new().running("clone", 2).seen();
    Arc::make_mut(&mut alive.pod).metadata.uid = Some("pod-2".into());
    let decision = decide(&started(), &seen(job(), vec![alive, gone]), &settings(), at(60));
    assert_eq!(verdict(&decision).1, "Pushed");
}

#[test]
fn while_one_of_two_pods_is_alive_the_attempt_goes_on() {
    let dead = PodSeen { gone: true, ..Pod::new().seen() };
    let alive = Pod::new().running("clone", 2).seen();
    let decision = decide(&started(), &seen(job(), vec![dead, alive]), &settings(), at(3));
    assert_eq!(verdict(&decision).1, "Cloning");
}

#[test]
fn a_refused_job_is_the_verdict_if_it_can_never_be_accepted() {
    let refused = |refusal| Observed { refusal: Some(refusal), ..Observed::default() };
    let never = refused(Refusal::Invalid("requests: must be less than limits".into()));
    let (status, reason, message) = verdict(&decide(&task(), &never, &settings(), at(0)));
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "InvalidSpec"));
    assert!(message.contains("must be less"));

    let later = refused(Refusal::NotNow("exceeded quota".into()));
    let first = decide(&task(), &later, &settings(), at(0));
    assert_eq!(verdict(&first).0, ConditionStatus::Unknown);
    assert_eq!(first.wake, Some(at(5)));
    let waiting = task_with(written(&first).unwrap().clone());
    assert_eq!(decide(&waiting, &later, &settings(), at(200)).wake, Some(at(260)));
    assert_eq!(verdict(&decide(&waiting, &later, &settings(), at(300))).1, "PodRejected");
    let retry = decide(&waiting, &Observed::default(), &settings(), at(200));
    assert!(matches!(retry.actions[0], Action::CreateJob(_)), "it is tried again");
}

#[test]
fn a_task_that_cannot_become_a_job_is_told_which_field() {
    let mut plain = task_json();
    plain["spec"]["repository"]["url"] = json!("http://git.example.com/x.git");
    let plain: ClaudeTask = serde_json::from_value(plain).unwrap();
    let (_, reason, message) = verdict(&decide(&plain, &Observed::default(), &settings(), at(0)));
    assert_eq!(reason, "InvalidSpec");
    assert!(message.starts_with("spec.repository.url"), "{message}");
}

#[test]
fn the_end_of_a_phase_is_written_together_with_the_start_of_the_next() {
    let decision = decide(
        &started(),
        &seen(job(), vec![Pod::new().running("clone", 1).seen()]),
        &settings(),
        at(2),
    );
    let cloning = task_with(written(&decision).unwrap().clone());
    let between = seen(job(), vec![Pod::new().succeeded(1).seen()]);
    let soon = decide(&cloning, &between, &settings(), at(19));
    assert_eq!((soon.actions.len(), soon.wake), (0, Some(at(20))));
    let later = decide(&cloning, &between, &settings(), at(20));
    assert!(written(&later).is_some(), "but not for long");
}

#[test]
fn a_pod_that_has_done_nothing_yet_is_not_worth_a_write() {
    let observed = seen(job(), vec![Pod::new().seen()]);
    assert_eq!(decide(&started(), &observed, &settings(), at(2)).actions, []);
}

#[test]
fn nothing_new_is_nothing_to_do() {
    let observed = seen(job(), vec![Pod::new().running("clone", 1).seen()]);
    let first = decide(&started(), &observed, &settings(), at(2));
    let task = task_with(written(&first).unwrap().clone());
    for moment in [3, 100, 3000] {
        assert_eq!(decide(&task, &observed, &settings(), at(moment)).actions, []);
    }
}
