//! Which endings begin a new attempt, how often, and with what.

use crd::attempts::{Cause, next};
use crd::fold::PhaseFacts;
use crd::status::{Again, DisplayPhase, PhaseState, SUCCEEDED, Usage};
use crd::{ClaudeTask, ClaudeTaskStatus, Outcome, Phase, Reason, Report, TaskDocument, Usd};
use operator::decide::{Action, Decision, decide};
use operator::pod_facts::facts;
use operator::view::{JobSeen, Observed};
use serde_json::json;

use crate::sample::{
    JOB, Pod, at, because, job, job_failed, seen, settings, task, task_json, task_with,
};

fn written(decision: &Decision) -> &ClaudeTaskStatus {
    let status = decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => Some(&**status),
        _ => None,
    });
    status.unwrap_or_else(|| panic!("nothing written: {decision:?}"))
}

/// A task with these earlier attempts and `spec.retries: 2`.
fn after(again: Again) -> ClaudeTask {
    let mut task = task_with(ClaudeTaskStatus { again, ..ClaudeTaskStatus::default() });
    task.spec.retries = 2;
    task
}

fn cause(reason: Reason, facts: &PhaseFacts, again: Again) -> Option<Cause> {
    let ending = because(reason, "so it was");
    next(&after(again), facts, &ending, at(3600), &settings().patience(), at(100))
}

#[test]
fn every_reason_has_its_next_step() {
    let none = PhaseFacts::default();
    for reason in Reason::ALL {
        let expected = match reason {
            Reason::Evicted | Reason::NodeLost | Reason::Lost => Some(Cause::Disruption),
            Reason::RateLimited | Reason::Overloaded => Some(Cause::Wait(at(160))),
            Reason::AgentFailed
            | Reason::AgentHung
            | Reason::VerificationFailed
            | Reason::ResolutionRejected => Some(Cause::Retry),
            _ => None,
        };
        assert_eq!(cause(*reason, &none, Again::default()), expected, "{reason}");
    }
}

#[test]
fn each_cause_has_a_number_of_its_own() {
    let none = PhaseFacts::default();
    let lost = Report { again: true, ..Report::failed(Phase::Push, Reason::PushRejected, "moved") };
    let lost = facts(&Pod::new().succeeded(4).reported((41, 50), 1, &lost).view());
    for (reason, facts, field, most) in [
        (Reason::Evicted, &none, "disruptions", 3),
        (Reason::AgentFailed, &none, "retries", 2),
        (Reason::PushRejected, &lost, "races", 5),
        // 1, 2, 4, 8 and 16 minutes, then 30 each: 331 of 360 minutes.
        (Reason::RateLimited, &none, "waits", 15),
    ] {
        for (count, goes_on) in [(0, true), (most - 1, true), (most, false)] {
            let again = serde_json::from_value(json!({field: count})).unwrap();
            assert_eq!(cause(reason, facts, again).is_some(), goes_on, "{reason} {count}");
        }
        let others = Again { disruptions: 9, waits: 99, races: 9, retries: 9 };
        let mut others = serde_json::to_value(others).unwrap();
        others[field] = json!(0);
        let others = serde_json::from_value(others).unwrap();
        assert!(cause(reason, facts, others).is_some(), "{reason} counts only itself");
    }
}

#[test]
fn waits_double_up_to_the_longest() {
    let none = PhaseFacts::default();
    let wait = |waits| {
        let again = Again { waits, ..Again::default() };
        match cause(Reason::Overloaded, &none, again) {
            Some(Cause::Wait(until)) => until.duration_since(at(100)).as_secs() / 60,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([0, 1, 2, 3, 4, 5, 6].map(wait), [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn only_a_git_containers_failure_says_that_a_race_was_lost() {
    let again = |phase, exit: i32, outcome| {
        let report =
            Report { again: true, outcome, ..Report::failed(phase, Reason::PushRejected, "moved") };
        let facts = facts(&Pod::new().reported((1, 2), exit, &report).view());
        cause(Reason::PushRejected, &facts, Again::default())
    };
    assert_eq!(again(Phase::Rebase, 1, Outcome::Failed), Some(Cause::Race));
    assert_eq!(again(Phase::Push, 0, Outcome::Failed), None);
    assert_eq!(again(Phase::Push, 1, Outcome::Skipped), None);
    assert_eq!(again(Phase::Run, 1, Outcome::Failed), None, "the agent side decides nothing");
}

#[test]
fn conflicts_are_tried_again_only_after_claude_has_tried() {
    let by_git = Report::failed(Phase::Rebase, Reason::ConflictsUnresolved, "binary");
    let by_git = facts(&Pod::new().succeeded(2).reported((21, 22), 1, &by_git).view());
    let by_claude = Report::failed(Phase::ConflictResolution, Reason::ConflictsUnresolved, "x");
    let by_claude = facts(&Pod::new().succeeded(3).reported((31, 32), 0, &by_claude).view());
    let cause = |facts| cause(Reason::ConflictsUnresolved, facts, Again::default());
    assert_eq!((cause(&by_git), cause(&by_claude)), (None, Some(Cause::Retry)));
}

#[test]
fn without_time_for_another_attempt_the_ending_is_the_verdict() {
    let ending = because(Reason::Evicted, "drained");
    let cause = |now| {
        next(&task(), &PhaseFacts::default(), &ending, at(3600), &settings().patience(), at(now))
    };
    assert_eq!((cause(3539), cause(3540)), (Some(Cause::Disruption), None));
}

/// A Pod that was drained while Claude worked, and its task.
fn drained() -> (ClaudeTask, Observed) {
    let clone = Report {
        start_commit: Some("5ta47".into()),
        ..Report::new(Phase::Clone, Outcome::Succeeded)
    };
    let spent = Usage { cost_usd: Usd::from_micros(700_000), turns: 3, ..Usage::default() };
    let run = Report { usage: Some(spent), ..Report::new(Phase::Run, Outcome::Failed) };
    let pod = Pod::new()
        .with("phase", "Failed")
        .reported((1, 10), 0, &clone)
        .reported((11, 20), 143, &run)
        .condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "drained");
    let mut task = task_json();
    task["spec"]["claude"]["maxBudgetUSD"] = json!("2.00");
    let mut task: ClaudeTask = serde_json::from_value(task).unwrap();
    let first = decide(&task, &Observed::default(), &settings(), at(0));
    task.status = Some(written(&first).clone());
    (task, seen(job_failed(), vec![pod.seen()]))
}

#[test]
fn a_new_attempt_keeps_what_is_saved_and_paid_and_forgets_the_rest() {
    let (mut task, observed) = drained();
    let decision = decide(&task, &observed, &settings(), at(30));
    assert_eq!(decision.wake, Some(at(30)), "at once");
    let status = written(&decision).clone();
    assert_eq!((status.attempt, status.phase), (Some(2), Some(DisplayPhase::Queued)));
    assert_eq!((&status.job_name, &status.pod_name), (&None, &None));
    assert!(status.phases.iter().all(|phase| phase.state == PhaseState::Pending));
    assert_eq!(status.again, Again { disruptions: 1, ..Again::default() });
    let [over] = status.attempts.as_slice() else { panic!("{:?}", status.attempts) };
    assert_eq!((over.number, over.reason), (1, Reason::Evicted));
    assert_eq!((over.job_name.as_deref(), over.message.as_str()), (Some(JOB), "drained"));
    assert_eq!((over.started_at, over.finished_at), (Some(at(1)), Some(at(30))));
    assert_eq!((status.deadline, status.started_at), (Some(at(3600)), Some(at(1))));
    assert_eq!(status.condition(SUCCEEDED).unwrap().reason, "Queued");

    // The next pass makes the Job, with what is left of time and money.
    task.status = Some(status);
    let decision = decide(&task, &Observed::default(), &settings(), at(40));
    let Action::CreateJob(job) = &decision.actions[0] else { panic!("{decision:?}") };
    assert_eq!(job.metadata.name.as_deref(), Some("login-0b5e8a5e-2"));
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    assert_eq!(pod.active_deadline_seconds, Some(3560));
    let document = pod.containers[0].env.iter().flatten().find(|v| v.name == "CLAUDETASK");
    let document: TaskDocument =
        serde_json::from_str(document.unwrap().value.as_ref().unwrap()).unwrap();
    assert_eq!((document.attempt, document.not_after), (2, at(3600)));
    assert_eq!(document.start_commit.as_deref(), Some("5ta47"));
    assert_eq!(document.spent, Usd::from_micros(700_000));
    assert_eq!(written(&decision).usage.unwrap().turns, 3);
}

#[test]
fn a_claude_that_left_no_account_has_spent_the_whole_budget() {
    for (pod, cost) in [
        (Pod::new().succeeded(1), 0),
        (Pod::new().succeeded(1).running("run", 11), 2_000_000),
        (Pod::new().succeeded(1).ended("run", (11, 20), 137, "Error", ""), 2_000_000),
        (Pod::new().succeeded(3).running("resolve", 31), 2_000_000),
        (Pod::new().succeeded(4), 0),
    ] {
        let (task, _) = drained();
        let gone = Observed { pods: vec![pod.gone()], ..Observed::default() };
        let decision = decide(&task, &gone, &settings(), at(50));
        let status = written(&decision);
        assert_eq!(status.attempt, Some(2));
        let earlier = status.earlier_usage.unwrap_or_default();
        assert_eq!((earlier.cost_usd.micros(), status.usage), (cost, status.earlier_usage));
    }
}

#[test]
fn the_next_attempt_waits_until_nothing_of_the_last_one_runs() {
    let limited = Report::skipped(Phase::Rebase, Reason::RateLimited, "429");
    let pod = || Pod::new().with("phase", "Failed").succeeded(2).reported((21, 22), 1, &limited);
    let (task, _) = drained();
    for (name, observed, goes_on) in [
        ("the saver runs", seen(job_failed(), vec![pod().running("save", 2).seen()]), false),
        ("the Job has not ended", seen(job(), vec![pod().seen()]), false),
        ("both have ended", seen(job_failed(), vec![pod().seen()]), true),
        ("the Pod is gone", seen(job_failed(), vec![pod().running("save", 2).gone()]), true),
        ("both are gone", Observed { pods: vec![pod().gone()], ..Observed::default() }, true),
    ] {
        let decision = decide(&task, &observed, &settings(), at(30));
        let status = written(&decision);
        assert_eq!(status.attempt, Some(if goes_on { 2 } else { 1 }), "{name}");
        assert_eq!(status.condition(SUCCEEDED).unwrap().reason, "RateLimited", "{name}");
    }
}

#[test]
fn waiting_has_no_job_and_stops_the_clock() {
    let limited = Report::skipped(Phase::Rebase, Reason::RateLimited, "429");
    let pod = Pod::new().with("phase", "Failed").succeeded(2).reported((21, 22), 1, &limited);
    let (mut task, _) = drained();
    let decision = decide(&task, &seen(job_failed(), vec![pod.seen()]), &settings(), at(30));
    let status = written(&decision).clone();
    assert_eq!(status.phase, Some(DisplayPhase::Waiting));
    assert_eq!((status.resume_at, decision.wake), (Some(at(90)), Some(at(90))));
    assert_eq!(status.deadline, Some(at(3660)));
    let told = &status.condition(SUCCEEDED).unwrap().message;
    assert!(told.starts_with("429; the next attempt begins at 2026-01-01T00:01:30Z"), "{told}");

    task.status = Some(status);
    let waits = decide(&task, &Observed::default(), &settings(), at(89));
    assert_eq!((waits.actions, waits.wake), (vec![], Some(at(90))));
    // Ten seconds late, which are not the task's either.
    let resumes = decide(&task, &Observed::default(), &settings(), at(100));
    let status = written(&resumes);
    assert!(matches!(resumes.actions[0], Action::CreateJob(_)));
    assert_eq!((status.phase, status.resume_at), (Some(DisplayPhase::Queued), None));
    assert_eq!((status.deadline, status.attempt), (Some(at(3670)), Some(2)));
    assert_eq!(status.condition(SUCCEEDED).unwrap().reason, "Queued");
}

#[test]
fn a_pod_that_never_got_useful_is_not_followed_by_another() {
    let (mut task, _) = drained();
    let lost = because(Reason::Lost, "no container of the Pod started, and no event says why");
    let shown = crd::advance::Known { obstacle: Some(&lost), ..Default::default() };
    task.status = Some(crd::advance::next(&task, shown, at(300)));
    let gone = Observed { pods: vec![Pod::new().gone()], ..Observed::default() };
    assert!(written(&decide(&task, &gone, &settings(), at(301))).is_finished());
    // What the kubelet says of a container that never was when its Pod is deleted.
    let unknown = json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown",
        "startedAt": null, "finishedAt": null}});
    let never = Pod::new().state("clone", &unknown).with("phase", "Failed");
    let never = Observed { pods: vec![never.gone()], ..Observed::default() };
    assert!(written(&decide(&task, &never, &settings(), at(301))).is_finished());
    // One that somebody deleted is.
    let (task, _) = drained();
    assert_eq!(written(&decide(&task, &gone, &settings(), at(301))).attempt, Some(2));
}

#[test]
fn the_last_verdict_completes_the_history() {
    let (mut task, observed) = drained();
    task.status = Some(written(&decide(&task, &observed, &settings(), at(30))).clone());
    let mut again = job();
    again.metadata.name = Some("login-0b5e8a5e-2".into());
    let decision =
        decide(&task, &seen(again, vec![Pod::new().pushed().seen()]), &settings(), at(90));
    let status = written(&decision);
    let history: Vec<_> = status.attempts.iter().map(|over| (over.number, over.reason)).collect();
    assert_eq!(history, [(1, Reason::Evicted), (2, Reason::Pushed)]);
    assert_eq!(status.result.checkpoint, None);
}

#[test]
fn a_job_of_another_attempts_name_is_refused_loudly() {
    let (mut task, observed) = drained();
    task.status = Some(written(&decide(&task, &observed, &settings(), at(30))).clone());
    let foreign = Observed { job: JobSeen::Foreign, ..Observed::default() };
    let decision = decide(&task, &foreign, &settings(), at(31));
    let told = written(&decision).condition(SUCCEEDED).unwrap();
    assert_eq!(told.reason, "InvalidSpec");
    assert!(told.message.contains("login-0b5e8a5e-2"), "{}", told.message);
}
