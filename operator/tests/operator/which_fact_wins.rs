//! "Which fact wins" as one table: snapshots of Job, Pod and events, and what is decided on them.
//! The groups follow the sentences of the design, section 3.
//!
//! Not here: how a status is written step by step (`decide`, `obstacles`).

use crd::Reason::{
    self, AgentFailed, CloneFailed, DiskFull, Evicted, ImagePullFailed, Lost, NodeLost,
    OutOfMemory, PodRejected, PushRejected, Pushed, SecretMissing, Timeout, Unschedulable,
};
use crd::status::{ConditionStatus, SUCCEEDED};
use crd::{Outcome, Phase, Report};
use operator::decide::{Action, decide};
use operator::view::{EventView, Observed, PodSeen};

use crate::sample::{Pod, at, event, job, job_failed, job_leaving, last_attempt, seen, settings};

/// What a decision comes down to.
#[derive(Debug, PartialEq)]
enum Then {
    /// The verdict.
    Ends(Reason),
    /// The reason is shown and the Job deleted; the verdict follows once both are gone.
    GivesUp(Reason),
    /// The reason is shown, and the attempt may still get on.
    Shows(Reason),
    /// The attempt goes on, or is waited for.
    Waits,
}
use Then::{Ends, GivesUp, Shows, Waits};

/// A snapshot, when it is looked at, what follows, and words that the message must hold.
type Row = (&'static str, Observed, i64, Then, &'static str);

fn pod(pod: &Pod) -> Observed {
    seen(job(), vec![pod.seen()])
}

fn of(pod: PodSeen) -> Observed {
    seen(job_failed(), vec![pod])
}

fn with(observed: Observed, events: Vec<EventView>) -> Observed {
    Observed { events, ..observed }
}

fn failed() -> Pod {
    Pod::new().with("phase", "Failed")
}

fn reason(pod: Pod, reason: &str, message: &str) -> Pod {
    pod.with("phase", "Failed").with("reason", reason).with("message", message)
}

fn disrupted(pod: Pod, why: &str) -> Pod {
    pod.condition("DisruptionTarget", "True", why, "drained")
}

/// Killed in the middle of Run.
fn killed(kind: &str, exit: i32) -> Pod {
    failed().succeeded(1).ended("run", (11, 20), exit, kind, "")
}

/// "`push` terminated with exit 0 and a valid success message wins over everything."
fn a_push_wins() -> Vec<Row> {
    let pushed = || Pod::new().pushed();
    let silent = Pod::new().with("phase", "Succeeded").succeeded(4);
    let silent = silent.ended("push", (41, 50), 0, "Completed", "");
    let forged = Report { phase: Phase::Push, ..crate::sample::pushed() };
    let forged = Pod::new().succeeded(1).ended("run", (11, 20), 0, "Completed", &forged.encode());
    let evicted = reason(pushed(), "Evicted", "low on memory").deleting();
    vec![
        ("pushed", pod(&pushed()), 51, Ends(Pushed), ""),
        ("pushed, evicted", pod(&evicted), 51, Ends(Pushed), ""),
        ("pushed, late", pod(&reason(pushed(), "DeadlineExceeded", "")), 51, Ends(Pushed), ""),
        (
            "pushed, drained",
            pod(&disrupted(pushed(), "EvictionByEvictionAPI")),
            51,
            Ends(Pushed),
            "",
        ),
        ("pushed, gone", of(pushed().gone()), 51, Ends(Pushed), ""),
        ("pushed, Job leaving", seen(job_leaving(), vec![pushed().seen()]), 51, Ends(Pushed), ""),
        ("pushed, dead node", pod(&pushed().running("save", 2)), 9999, Ends(Pushed), ""),
        ("no success without proof", pod(&silent), 51, Ends(Lost), "without a report"),
        ("no success by the agent side", pod(&forged), 51, Waits, ""),
    ]
}

/// "Next, a git container's non-zero exit with an outcome from the list."
fn then_a_git_containers_words() -> Vec<Row> {
    let refused = Report::failed(Phase::Push, PushRejected, "protected branch");
    let refused = || failed().succeeded(4).reported((41, 50), 1, &refused);
    let cloning = Report::failed(Phase::Clone, CloneFailed, "no route");
    let cloning = || Pod::new().reported((1, 2), 1, &cloning);
    let agent = Report::failed(Phase::Run, AgentFailed, "out of ideas");
    let agent = || Pod::new().succeeded(1).reported((11, 20), 0, &agent);
    let repeated = Report::failed(Phase::Rebase, AgentFailed, "out of ideas");
    let repeated = agent().reported((21, 22), 1, &repeated);
    let drained = disrupted(refused(), "EvictionByEvictionAPI");
    vec![
        ("refused", pod(&refused()), 51, Ends(PushRejected), "protected"),
        ("refused, drained", pod(&drained), 51, Ends(PushRejected), "protected"),
        ("refused, evicted", pod(&reason(refused(), "Evicted", "")), 51, Ends(PushRejected), ""),
        ("Clone failed", pod(&cloning()), 3, Ends(CloneFailed), "no route"),
        ("Clone failed, deleted", pod(&cloning().deleting()), 3, Ends(CloneFailed), "no route"),
        ("Clone failed, gone", of(cloning().gone()), 3, Ends(CloneFailed), "no route"),
        ("the agent's words decide nothing", pod(&agent()), 21, Waits, ""),
        ("until Rebase repeats them", pod(&repeated), 23, Ends(AgentFailed), "out of ideas"),
    ]
}

/// "Without a message, or interrupted: Pod reason (Evicted, `DeadlineExceeded` …)".
fn then_the_pods_reason() -> Vec<Row> {
    let pressure = "The node was low on resource: memory. Threshold quantity: 100Mi";
    let volume = "Usage of EmptyDir volume \"workspace\" exceeds the limit \"20Gi\". ";
    let container = "Container run exceeded its local ephemeral storage limit \"1Gi\". ";
    let total = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ";
    let by = |why: &str, said: &str| pod(&reason(killed("OOMKilled", 137).deleting(), why, said));
    let swept = disrupted(reason(failed(), "Evicted", pressure), "DeletionByPodGC");
    let stopping = reason(Pod::new(), "DeadlineExceeded", "").succeeded(4).running("push", 41);
    let own = Report::failed(Phase::Run, AgentFailed, "out of ideas");
    let own = reason(Pod::new().succeeded(1).reported((11, 20), 143, &own), "Evicted", pressure);
    let happy = Pod::new().with("phase", "Succeeded").with("reason", "Evicted").succeeded(4);
    vec![
        ("the node is short of memory", by("Evicted", pressure), 21, Ends(Evicted), "memory"),
        ("a volume over its size", by("Evicted", volume), 21, Ends(DiskFull), "workspace"),
        ("a container over its storage", by("Evicted", container), 21, Ends(DiskFull), "run"),
        ("all over their storage", by("Evicted", total), 21, Ends(DiskFull), "total limit"),
        ("late", by("DeadlineExceeded", "too long"), 21, Ends(Timeout), "too long"),
        ("the node shuts down", by("Terminated", "shutdown"), 21, Ends(Evicted), "shutdown"),
        ("given up with its node", by("NodeLost", ""), 21, Ends(NodeLost), "NodeLost"),
        ("refused by the kubelet", by("OutOfcpu", ""), 21, Ends(Lost), "OutOfcpu"),
        ("before the disruption", pod(&swept), 21, Ends(Evicted), "memory"),
        ("before the agent's own words", pod(&own), 21, Ends(Evicted), "memory"),
        ("whatever the Pod's phase", pod(&happy), 51, Ends(Evicted), ""),
        ("not while a phase is stopped", pod(&stopping), 51, Waits, ""),
    ]
}

/// "… > `DisruptionTarget` condition > `deletionTimestamp` > …"
fn then_disruption_and_deletion() -> Vec<Row> {
    let by = |why: &str| pod(&disrupted(killed("OOMKilled", 137).deleting(), why));
    let over = Pod::new().condition("DisruptionTarget", "False", "EvictionByEvictionAPI", "");
    let driven = disrupted(Pod::new().running("run", 11).deleting(), "DeletionByTaintManager");
    vec![
        ("drained", by("EvictionByEvictionAPI"), 21, Ends(Evicted), "drained"),
        ("preempted", by("PreemptionByScheduler"), 21, Ends(Evicted), "drained"),
        ("ended by the kubelet", by("TerminationByKubelet"), 21, Ends(Evicted), "drained"),
        ("the node is gone", by("DeletionByPodGC"), 21, Ends(NodeLost), "drained"),
        ("a taint, and the node answers", by("DeletionByTaintManager"), 21, Ends(Evicted), ""),
        ("a taint, and no answer", of(driven.gone()), 21, Ends(NodeLost), "drained"),
        ("the disruption is over", of(over.gone()), 21, Ends(Lost), "deleted"),
        ("deleted", pod(&killed("OOMKilled", 137).deleting()), 21, Ends(Lost), "deleted"),
        ("gone", of(Pod::new().running("clone", 1).gone()), 21, Ends(Lost), "deleted"),
        ("being deleted", pod(&Pod::new().running("run", 11).deleting()), 21, Waits, ""),
    ]
}

/// "… > container state (`OOMKilled`, exit code, waiting reason)."
fn then_the_container() -> Vec<Row> {
    let broken = failed().ended("clone", (1, 2), 128, "StartError", "exec: no such file");
    let own = Report::failed(Phase::Run, AgentFailed, "out of ideas");
    let own = failed().succeeded(1).reported((11, 20), 143, &own);
    let stopped = Report::new(Phase::Run, Outcome::Failed);
    let stopped = || failed().succeeded(1).reported((11, 20), 143, &stopped);
    let of = |container: &str| EventView {
        container: Some(container.to_owned()),
        ..event("Killing", "Stopping container", 19)
    };
    let changed = || vec![of("run")];
    let sandbox = "sandbox is lost (Killing: Stopping container): container run ended";
    let saver = "container run ended with Error, exit code 137: killed";
    let after = with(pod(&killed("Error", 137)), vec![of("save")]);
    let killed_nine = "exit code 137: killed by signal 9, it left no report";
    let crashed = "container clone ended with Error, exit code 101: it left no report";
    let clone = pod(&failed().ended("clone", (1, 2), 101, "Error", "panicked"));
    vec![
        ("out of memory", pod(&killed("OOMKilled", 137)), 21, Ends(OutOfMemory), "run"),
        ("killed without a word", pod(&killed("Error", 137)), 21, Ends(Lost), killed_nine),
        ("a git container crashed", clone, 3, Ends(Lost), crashed),
        ("never started", pod(&broken), 3, Ends(Lost), "exec: no such file"),
        ("interrupted", pod(&stopped()), 21, Ends(Lost), "143: it was interrupted"),
        ("the sandbox was killed", with(pod(&stopped()), changed()), 21, Ends(Lost), sandbox),
        ("the saver is stopped after it", after, 21, Ends(Lost), saver),
        ("its own account", pod(&own), 21, Ends(AgentFailed), "out of ideas"),
        ("which events do not outdo", with(pod(&own), changed()), 21, Ends(AgentFailed), ""),
    ]
}

/// "No phase container running: … `OOMKilled` is `OutOfMemory` after 30 s; anything else is Lost at the
/// start-up deadline (5 min, counted again from the last Pulling event)."
fn when_nothing_runs() -> Vec<Row> {
    let report = Report::new(Phase::Run, Outcome::Succeeded).encode();
    let stuck = Pod::new().succeeded(1).ended("run", (11, 20), 0, "OOMKilled", &report);
    let stuck = pod(&stuck.running("save", 2));
    let pulling = with(pod(&Pod::new()), vec![event("Pulling", "", 200)]);
    let image = pod(&Pod::new().waiting("clone", "ErrImagePull", "no such image"));
    let full = Pod::new().condition("PodScheduled", "False", "Unschedulable", "no cpu");
    let injected = pod(&Pod::new().running("istio-proxy", 1));
    vec![
        ("after an OOM kill", stuck.clone(), 49, Waits, ""),
        ("after an OOM kill, still", stuck, 50, GivesUp(OutOfMemory), "run"),
        ("nothing", pod(&Pod::new()), 299, Waits, ""),
        ("nothing, still", pod(&Pod::new()), 300, GivesUp(Lost), "no event says why"),
        ("an injected container is no phase", injected, 300, GivesUp(Lost), ""),
        ("pulling", pulling.clone(), 499, Waits, ""),
        ("pulling, still", pulling, 500, GivesUp(Lost), "no container"),
        ("no image", image.clone(), 5, Shows(ImagePullFailed), "no such image"),
        ("no image, still", image, 300, GivesUp(ImagePullFailed), "no such image"),
        ("no node", pod(&full), 5, Shows(Unschedulable), "no cpu"),
        ("no node, still", pod(&full), 300, GivesUp(Unschedulable), "no cpu"),
    ]
}

/// "Missing volume Secret, quota or admission refusal (`PodRejected`) and sandbox failure (Lost) show
/// only in events".
fn what_only_events_show() -> Vec<Row> {
    let no_secret =
        "MountVolume.SetUp failed for volume \"git-credentials\" : secret \"x\" not found";
    let mount = || with(pod(&Pod::new()), vec![event("FailedMount", no_secret, 9)]);
    let sandbox =
        || with(pod(&Pod::new()), vec![event("FailedCreatePodSandBox", "no runtime for \"x\"", 9)]);
    let no_pod = |said: &str| with(seen(job(), vec![]), vec![event("FailedCreate", said, 9)]);
    let quota = "Error creating: pods \"x\" is forbidden: exceeded quota: pods=0";
    let policy =
        "Error creating: pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' denied request";
    let begun = with(
        pod(&Pod::new().succeeded(1).running("save", 2)),
        vec![event("FailedCreatePodSandBox", "", 0)],
    );
    vec![
        ("no Secret", mount(), 10, Shows(SecretMissing), "\"x\" not found"),
        ("no Secret, still", mount(), 300, GivesUp(SecretMissing), "\"x\" not found"),
        ("no sandbox", sandbox(), 10, Shows(Lost), "no runtime for"),
        ("no sandbox, still", sandbox(), 300, GivesUp(Lost), "no runtime for"),
        ("a sandbox at last", begun, 20, Waits, ""),
        ("quota", no_pod(quota), 10, Shows(PodRejected), "exceeded quota"),
        ("quota, still", no_pod(quota), 300, GivesUp(PodRejected), "exceeded quota"),
        ("policy", no_pod(policy), 10, Shows(PodRejected), "denied request"),
        ("no Pod and no word", seen(job(), vec![]), 300, GivesUp(Lost), "no event says why"),
    ]
}

/// "… if Pod or Job is still there after the grace period (dead node), the verdict is written once
/// `notAfter` plus 60 s have passed."
fn on_a_dead_node() -> Vec<Row> {
    let running =
        |start: i64| Pod::new().with("startTime", at(start).to_string()).running("run", 11);
    let idle = Pod::new().with("startTime", at(0).to_string()).succeeded(1).running("save", 2);
    let driven = disrupted(running(0).deleting(), "DeletionByTaintManager");
    let leaving = |pod: &Pod| seen(job_leaving(), vec![pod.seen()]);
    let late = running(0).with("reason", "DeadlineExceeded");
    vec![
        ("silent", pod(&running(0)), 3599, Waits, ""),
        ("silent, late", pod(&running(0)), 3614, Shows(Timeout), "time is over"),
        ("silent, given up", pod(&running(0)), 3615, GivesUp(Timeout), "time is over"),
        ("silent, still", pod(&running(0)), 3660, Ends(NodeLost), "does not answer"),
        ("being deleted", pod(&running(0).deleting()), 3659, Waits, ""),
        ("being deleted, still", leaving(&running(0).deleting()), 3660, Ends(NodeLost), ""),
        ("driven away", pod(&driven), 60, Waits, ""),
        ("driven away, still", leaving(&driven), 61, Ends(NodeLost), "drained"),
        ("it has answered: late", pod(&late), 3660, Ends(Timeout), "DeadlineExceeded"),
        ("its own deadline is later", pod(&running(50)), 3660, Ends(Timeout), "last moment"),
        ("nothing that it had to end", pod(&idle), 3660, Ends(Timeout), "last moment"),
        ("a Job that never goes", seen(job_leaving(), vec![]), 3660, Ends(Lost), ""),
    ]
}

/// What is decided, and the message that is written with it.
fn decided(observed: &Observed, moment: i64) -> (Then, String) {
    let decision = decide(&last_attempt(), observed, &settings(), at(moment));
    let deletes = decision.actions.iter().any(|act| matches!(act, Action::DeleteJob { .. }));
    let written = decision.actions.iter().find_map(|action| match action {
        Action::WriteStatus(status) => status.condition(SUCCEEDED),
        _ => None,
    });
    let Some(told) = written else { return (Waits, String::new()) };
    let then = match told.reason.parse::<Reason>() {
        Ok(reason) if told.status != ConditionStatus::Unknown => Ends(reason),
        Ok(reason) if deletes => GivesUp(reason),
        Ok(reason) => Shows(reason),
        Err(()) => Waits,
    };
    (then, told.message.clone())
}

#[test]
fn which_fact_wins() {
    let table = [
        a_push_wins(),
        then_a_git_containers_words(),
        then_the_pods_reason(),
        then_disruption_and_deletion(),
        then_the_container(),
        when_nothing_runs(),
        what_only_events_show(),
        on_a_dead_node(),
    ];
    let mut wrong = Vec::new();
    for (name, observed, moment, expected, words) in table.into_iter().flatten() {
        let (then, message) = decided(&observed, moment);
        if then != expected || !message.contains(words) {
            wrong.push(format!("{name}: {then:?} ({message}) instead of {expected:?} ({words})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_what_came_from_outside_is_a_disruption() {
    let disruptions: Vec<_> =
        Reason::ALL.iter().copied().filter(|reason| reason.is_disruption()).collect();
    assert_eq!(disruptions, [Evicted, NodeLost, Lost]);
}
