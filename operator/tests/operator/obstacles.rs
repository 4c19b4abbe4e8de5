//! Obstacles: shown while a Pod could still start, and the verdict only after Job and Pod are gone.

use std::sync::Arc;

use crd::status::{ConditionStatus, PhaseState, SUCCEEDED};
use crd::{ClaudeTaskStatus, Outcome, Phase, Reason, Report};
use jiff::Timestamp;
use operator::decide::{Action, Decision, decide};
use operator::view::{EventView, JobSeen, Observed};

use crate::sample::{
    self, Pod, at, event, job, job_leaving, seen, settings, start_of, task, task_with,
};

fn written(decision: &Decision) -> Option<&ClaudeTaskStatus> {
    decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => Some(&**status),
        _ => None,
    })
}

fn deletes(decision: &Decision) -> bool {
    decision.actions.iter().any(|action| matches!(action, Action::DeleteJob { .. }))
}

fn shown(status: &ClaudeTaskStatus) -> (ConditionStatus, &str) {
    let verdict = status.condition(SUCCEEDED).unwrap();
    (verdict.status, &verdict.reason)
}

fn with_events(pod: &Pod, events: Vec<EventView>) -> Observed {
    Observed { events, ..seen(job(), vec![pod.seen()]) }
}

const IMAGE: &str = "Back-off pulling image \"nowhere/x\"";
const NO_SECRET: &str =
    "MountVolume.SetUp failed for volume \"git-credentials\" : secret \"shop-git\" not found";
const NO_BUNDLE: &str =
    "MountVolume.SetUp failed for volume \"trust-bundle\" : configmap \"company\" not found";

/// Pods that do not get on, when that began, and the reason that is shown.
fn obstacles() -> Vec<(&'static str, Observed, i64, Reason)> {
    let waits = |reason: &str, said: &str, events: Vec<EventView>| {
        with_events(&Pod::new().waiting("clone", reason, said), events)
    };
    let again = waits("ErrImagePull", IMAGE, vec![event("Pulling", "pulling", 290)]);
    let git = waits("PodInitializing", "", vec![event("FailedMount", NO_SECRET, 9)]);
    let bundle = waits("PodInitializing", "", vec![event("FailedMount", NO_BUNDLE, 9)]);
    let said = "secret \"claude-api\" not found";
    let model = Pod::new().succeeded(1).running("save", 2);
    let model = model.waiting("run", "CreateContainerConfigError", said);
    let full = "0/1 nodes: Insufficient cpu";
    let node = Pod::new().condition("PodScheduled", "False", "Unschedulable", full);
    let sandbox = vec![event("FailedCreatePodSandBox", "no runtime", 3)];
    let quota = vec![event("FailedCreate", "exceeded quota: pods=0", 3)];
    let no_pod = Observed { events: quota, ..seen(job(), vec![]) };
    vec![
        ("image", waits("ImagePullBackOff", IMAGE, vec![]), 0, Reason::ImagePullFailed),
        ("image, tried again just now", again, 0, Reason::ImagePullFailed),
        ("trust bundle", bundle, 0, Reason::SecretMissing),
        ("image name", waits("InvalidImageName", "bad", vec![]), 0, Reason::ImagePullFailed),
        ("git Secret", git, 0, Reason::SecretMissing),
        ("model Secret", with_events(&model, vec![]), 10, Reason::SecretMissing),
        ("no node", with_events(&node, vec![]), 0, Reason::Unschedulable),
        ("no sandbox", with_events(&Pod::new(), sandbox), 0, Reason::Lost),
        ("no Pod", no_pod, 0, Reason::PodRejected),
    ]
}

#[test]
fn an_obstacle_is_shown_without_a_verdict_while_the_pod_could_still_start() {
    for (name, observed, since, reason) in obstacles() {
        for moment in [since + 5, since + 299] {
            let decision = decide(&task(), &observed, &settings(), at(moment));
            let status = written(&decision).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(shown(status), (ConditionStatus::Unknown, reason.as_str()), "{name}");
            assert!(!deletes(&decision), "{name}");
            assert!(decision.wake.unwrap() <= at(since + 300), "{name}: {:?}", decision.wake);
        }
    }
}

#[test]
fn a_passing_obstacle_is_not_worth_a_write() {
    for (name, observed, since, _) in obstacles() {
        let decision = decide(&task(), &observed, &settings(), at(since + 4));
        let reason = written(&decision).map(|status| shown(status).1.to_owned());
        assert!(reason.is_none_or(|reason| reason.parse::<Reason>().is_err()), "{name}");
        assert_eq!(decision.wake, Some(at(since + 5)), "{name}");
    }
}

#[test]
fn when_time_is_up_the_job_goes_before_the_verdict_comes() {
    for (name, observed, since, reason) in obstacles() {
        let up = at(since + 300);
        let first = decide(&task(), &observed, &settings(), up);
        let status = written(&first).unwrap();
        assert_eq!(shown(status), (ConditionStatus::Unknown, reason.as_str()), "{name}");
        assert!(deletes(&first), "{name}");
        assert!(matches!(first.actions[0], Action::WriteStatus(_)), "{name}: the reason first");

        // Job and Pod are on their way out: nothing to do but wait.
        let task = task_with(status.clone());
        let pods = observed.pods.iter().map(|pod| {
            let mut leaving = (*pod.pod).clone();
            leaving.metadata.deletion_timestamp = leaving.metadata.creation_timestamp.clone();
            operator::view::PodSeen { pod: Arc::new(leaving), gone: false }
        });
        let leaving = seen(job_leaving(), pods.collect());
        assert_eq!(decide(&task, &leaving, &settings(), up).actions, [], "{name}");

        // Both gone: the verdict, with and without a memory of the Pod.
        let pods =
            observed.pods.iter().map(|pod| operator::view::PodSeen { gone: true, ..pod.clone() });
        for pods in [pods.collect(), vec![]] {
            let gone = Observed { pods, ..Observed::default() };
            let last = decide(&task, &gone, &settings(), up);
            let verdict = written(&last).unwrap();
            assert_eq!(shown(verdict), (ConditionStatus::False, reason.as_str()), "{name}");
            assert!(!deletes(&last), "{name}");
        }
    }
}

fn up_at(observed: &Observed, moment: Timestamp) -> Option<String> {
    let decision = decide(&task(), observed, &settings(), moment);
    deletes(&decision).then(|| {
        let verdict = written(&decision).unwrap().condition(SUCCEEDED).unwrap();
        format!("{}: {}", verdict.reason, verdict.message)
    })
}

#[test]
fn a_pod_that_never_gets_useful_is_lost_with_the_words_of_its_last_event() {
    let sandbox = event("FailedCreatePodSandBox", "no network", 100);
    let observed = with_events(&Pod::new(), vec![event("FailedMount", "other", 50), sandbox]);
    assert_eq!(up_at(&observed, at(299)), None);
    let said = up_at(&observed, at(300)).unwrap();
    assert_eq!(said, "Lost: no container of the Pod started: FailedCreatePodSandBox: no network");
    let silent = with_events(&Pod::new(), vec![]);
    assert!(up_at(&silent, at(300)).unwrap().contains("no event says why"));
}

#[test]
fn a_slow_pull_starts_the_clock_again() {
    let pulling = |seconds| with_events(&Pod::new(), vec![event("Pulling", "pulling", seconds)]);
    assert_eq!(up_at(&pulling(200), at(499)), None);
    assert!(up_at(&pulling(200), at(500)).is_some());
}

#[test]
fn a_start_that_only_its_event_shows_so_far_is_not_given_up() {
    let waiting = Pod::new().succeeded(1).running("save", 2).waiting(
        "run",
        "CreateContainerConfigError",
        "secret \"claude-api\" not found",
    );
    let started = |container| with_events(&waiting, vec![start_of(container, 309)]);
    assert_eq!(up_at(&started("run"), at(310)), None);
    assert!(up_at(&started("run"), at(609)).is_some());
    assert!(up_at(&started("save"), at(310)).is_some(), "the saver is no sign of life");
}

#[test]
fn an_oom_kill_that_leaves_the_pod_pending_is_found_after_thirty_seconds() {
    let report = Report::new(Phase::Run, Outcome::Succeeded);
    let stuck = Pod::new().succeeded(1).ended("run", (11, 20), 0, "OOMKilled", &report.encode());
    let observed = seen(job(), vec![stuck.running("save", 2).seen()]);
    assert_eq!(up_at(&observed, at(49)), None);
    assert!(up_at(&observed, at(50)).unwrap().starts_with("OutOfMemory: container run"));
}

#[test]
fn the_phase_that_starved_failed_although_it_reported_success() {
    let report = Report::new(Phase::Run, Outcome::Succeeded);
    let stuck = Pod::new().succeeded(1).ended("run", (11, 20), 0, "OOMKilled", &report.encode());
    let known = sample::because(Reason::OutOfMemory, "container run used more memory");
    let shown = crd::advance::Known { obstacle: Some(&known), ..Default::default() };
    let task = task_with(crd::advance::next(&task(), shown, at(50)));
    let gone = Observed { pods: vec![stuck.gone()], ..Observed::default() };
    let decision = decide(&task, &gone, &settings(), at(60));
    let run = &written(&decision).unwrap().phases[1];
    assert_eq!((run.state, run.reason), (PhaseState::Failed, Some(Reason::OutOfMemory)));
}

#[test]
fn a_shortage_that_the_runner_told_is_the_failure_of_run_alone() {
    let words = "598 MiB of the 640 MiB of memory were in use";
    let run = Report::failed(Phase::Run, Reason::OutOfMemory, words);
    let rebase = Report::skipped(Phase::Rebase, Reason::OutOfMemory, words);
    let over = Pod::new().succeeded(1).reported((11, 20), 0, &run).reported((21, 22), 1, &rebase);
    let observed = seen(job(), vec![over.with("phase", "Failed").seen()]);
    let decision = decide(&task(), &observed, &settings(), at(30));
    let status = written(&decision).unwrap();
    let found: Vec<_> = status.phases.iter().map(|phase| phase.state).collect();
    let (failed, skipped) = (PhaseState::Failed, PhaseState::Skipped);
    assert_eq!(found, [PhaseState::Succeeded, failed, skipped, skipped, skipped]);
}

#[test]
fn an_oom_kill_that_the_pod_outlives_is_nothing() {
    let report = Report::new(Phase::Run, Outcome::Succeeded);
    let on = Pod::new().succeeded(1).ended("run", (11, 20), 0, "OOMKilled", &report.encode());
    assert_eq!(up_at(&seen(job(), vec![on.clone().running("rebase", 21).seen()]), at(3000)), None);
    let next = Report::new(Phase::Rebase, Outcome::Succeeded);
    let on = on.reported((21, 22), 0, &next);
    assert_eq!(up_at(&seen(job(), vec![on.seen()]), at(60)), None, "later phases have run");
}

#[test]
fn an_obstacle_that_goes_away_leaves_no_trace() {
    let pod = Pod::new().condition("PodScheduled", "False", "Unschedulable", "no cpu");
    let first = decide(&task(), &seen(job(), vec![pod.seen()]), &settings(), at(10));
    let task = task_with(written(&first).unwrap().clone());
    let next = decide(
        &task,
        &seen(job(), vec![Pod::new().running("clone", 20).seen()]),
        &settings(),
        at(20),
    );
    assert_eq!(shown(written(&next).unwrap()), (ConditionStatus::Unknown, "Cloning"));
}

#[test]
fn the_same_obstacle_in_other_words_is_not_written_again() {
    let pod = |reason| seen(job(), vec![Pod::new().waiting("clone", reason, reason).seen()]);
    let first = decide(&task(), &pod("ErrImagePull"), &settings(), at(10));
    let task = task_with(written(&first).unwrap().clone());
    assert_eq!(decide(&task, &pod("ImagePullBackOff"), &settings(), at(20)).actions, []);
}

#[test]
fn events_are_asked_for_ever_more_rarely() {
    let observed = with_events(&Pod::new(), vec![]);
    let wakes: Vec<_> = [5, 10, 20, 50, 100, 200]
        .map(|moment| decide(&task(), &observed, &settings(), at(moment)).wake.unwrap())
        .into();
    assert_eq!(wakes, [10, 20, 40, 80, 160, 300].map(at));
}

#[test]
fn a_push_that_slipped_through_the_deletion_still_counts() {
    let known = sample::because(Reason::Unschedulable, "no cpu");
    let shown = crd::advance::Known { obstacle: Some(&known), ..Default::default() };
    let task = task_with(crd::advance::next(&task(), shown, at(0)));
    let gone = Observed {
        job: JobSeen::Absent,
        pods: vec![Pod::new().pushed().gone()],
        ..Observed::default()
    };
    let decision = decide(&task, &gone, &settings(), at(60));
    assert_eq!(written(&decision).unwrap().condition(SUCCEEDED).unwrap().reason, "Pushed");
}
