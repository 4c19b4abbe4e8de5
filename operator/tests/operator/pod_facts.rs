//! "Which fact wins", as one table, and what a Pod's containers are known to have done.

use crd::Reason::{AgentFailed, Evicted, Lost, OutOfMemory, PushRejected, Pushed, Timeout};
use crd::fold::{self, Ending};
use crd::{Outcome, Phase, Reason, Report};
use operator::pod_facts;
use operator::view::PodSeen;

use crate::sample::{Pod, because, pushed};

/// The ending of a Pod that is over, as `decide` puts it together.
fn ending(seen: &PodSeen, known: Option<&Ending>) -> Ending {
    let facts = pod_facts::facts(&seen.pod);
    assert!(pod_facts::is_over(seen, &facts), "{seen:?}");
    fold::ending(&facts).unwrap_or_else(|| pod_facts::interrupted(seen, &facts, known))
}

fn failed() -> Pod {
    Pod::new().with("phase", "Failed")
}

/// A Pod that is over, the reason it must end with, and words that the message must hold.
type Row = (&'static str, PodSeen, Reason, &'static str);

fn disrupted(pod: Pod, why: &str) -> PodSeen {
    pod.condition("DisruptionTarget", "True", why, "drained").seen()
}

/// A push that proves itself beats everything; then come a git container's own words.
fn reports() -> Vec<Row> {
    let evicted = failed().with("reason", "Evicted").pushed().deleting().seen();
    let refused = Report::failed(Phase::Push, PushRejected, "protected branch");
    let refused = failed().succeeded(4).reported((41, 50), 1, &refused);
    vec![
        ("pushed, then evicted", evicted, Pushed, ""),
        ("pushed, then gone", Pod::new().pushed().gone(), Pushed, ""),
        (
            "refused, drained",
            disrupted(refused, "EvictionByEvictionAPI"),
            PushRejected,
            "protected",
        ),
    ]
}

/// Then the Pod's reason, before anything that follows from it.
fn pod_reasons() -> Vec<Row> {
    let with = |reason: &str, message: &str| {
        failed().with("reason", reason).with("message", message).deleting()
    };
    let late = with("DeadlineExceeded", "").succeeded(1).ended("run", (11, 12), 137, "Error", "");
    vec![
        ("evicted", with("Evicted", "low on memory").seen(), Evicted, "low on memory"),
        ("late", late.seen(), Timeout, "DeadlineExceeded"),
        ("unknown", with("UnexpectedAdmissionError", "").seen(), Lost, "Unexpected"),
        ("swept up", disrupted(with("Evicted", "low on disk"), "DeletionByPodGC"), Evicted, "disk"),
    ]
}

/// Then the disruption, then the deletion, before the container that it killed.
fn removals() -> Vec<Row> {
    let deleted = failed().succeeded(1).ended("run", (11, 20), 137, "OOMKilled", "").deleting();
    vec![
        ("drained", disrupted(failed().deleting(), "EvictionByEvictionAPI"), Evicted, "drained"),
        ("node gone", disrupted(failed(), "DeletionByTaintManager"), Lost, "drained"),
        ("deleted during Run", deleted.seen(), Lost, "deleted"),
        ("gone", Pod::new().running("clone", 1).gone(), Lost, "deleted"),
    ]
}

/// Then the container, then the agent side's own account. Success needs positive proof.
fn containers() -> Vec<Row> {
    let oom = failed().succeeded(1).ended("run", (11, 20), 137, "OOMKilled", "");
    let crashed = failed().ended("clone", (1, 2), 101, "Error", "panicked");
    let broken = failed().ended("clone", (1, 2), 128, "StartError", "exec: no such file");
    let own = Report::failed(Phase::Run, AgentFailed, "out of ideas");
    let own = failed().succeeded(1).reported((11, 20), 143, &own);
    let interrupted = Report::new(Phase::Run, crd::Outcome::Failed);
    let interrupted = failed().succeeded(1).reported((11, 20), 143, &interrupted);
    let silent = Pod::new().with("phase", "Succeeded").succeeded(4);
    let silent = silent.ended("push", (41, 50), 0, "Completed", "");
    let code = "container clone ended with Error, exit code 101: it left no report";
    vec![
        ("out of memory", oom.seen(), OutOfMemory, "run"),
        ("a git container crashed", crashed.seen(), Lost, code),
        ("never started", broken.seen(), Lost, "exec: no such file"),
        ("its own account", own.seen(), AgentFailed, "out of ideas"),
        ("interrupted by a signal", interrupted.seen(), Lost, "it was interrupted"),
        ("silent success", silent.seen(), Lost, "without a report"),
    ]
}

#[test]
fn which_fact_wins() {
    let table = [reports(), pod_reasons(), removals(), containers()];
    for (name, seen, reason, words) in table.into_iter().flatten() {
        let ending = ending(&seen, None);
        assert_eq!(ending.reason, reason, "{name}: {ending:?}");
        assert!(ending.message.contains(words), "{name}: {ending:?}");
    }
}

#[test]
fn the_obstacle_for_which_a_pod_was_deleted_is_its_ending() {
    let known = because(Reason::ImagePullFailed, "no such image");
    let deleted = failed().ended("clone", (1, 2), 137, "Error", "").deleting().seen();
    assert_eq!(ending(&deleted, Some(&known)), known);
    assert_eq!(ending(&Pod::new().gone(), Some(&known)), known);
    let evicted = failed().with("reason", "Evicted").deleting().seen();
    assert_eq!(ending(&evicted, Some(&known)).reason, Reason::Evicted, "a better fact");
    let drained =
        failed().deleting().condition("DisruptionTarget", "True", "PreemptionByScheduler", "");
    assert_eq!(ending(&drained.seen(), Some(&known)).reason, Reason::Evicted, "a better fact");
    let not_deleted = failed().ended("clone", (1, 2), 1, "Error", "").seen();
    assert_eq!(ending(&not_deleted, Some(&known)).reason, Reason::Lost, "an old obstacle");
}

#[test]
fn an_evicted_pod_is_no_success_whatever_its_phase() {
    let evicted = Pod::new().with("phase", "Succeeded").with("reason", "Evicted").succeeded(4);
    assert_eq!(ending(&evicted.seen(), None).reason, Reason::Evicted);
}

#[test]
fn a_pod_is_not_over_while_a_phase_is_still_being_stopped() {
    let stopping = failed().with("reason", "DeadlineExceeded").succeeded(4).running("push", 41);
    let facts = pod_facts::facts(&stopping.view());
    assert!(!pod_facts::is_over(&stopping.seen(), &facts));
    let saving = failed().with("reason", "DeadlineExceeded").succeeded(5).running("save", 2);
    assert!(pod_facts::is_over(&saving.seen(), &pod_facts::facts(&saving.view())));
}

#[test]
fn the_savers_state_and_words_decide_nothing() {
    let push = Report { phase: Phase::Push, ..pushed() };
    let saver = Pod::new().running("run", 2).ended("save", (1, 2), 0, "Completed", &push.encode());
    let facts = pod_facts::facts(&saver.view());
    assert_eq!(fold::ending(&facts), None);
    assert!(pod_facts::is_at_work(&facts));
    assert!(!pod_facts::is_at_work(&pod_facts::facts(&Pod::new().running("save", 2).view())));
}

#[test]
fn a_termination_message_of_another_phase_is_no_report() {
    let lying = Pod::new().succeeded(1).ended("run", (11, 20), 0, "Completed", &pushed().encode());
    let facts = pod_facts::facts(&lying.view());
    assert!(facts[Phase::Run as usize].report().is_none());
    let cut = Pod::new().ended("clone", (1, 2), 0, "Completed", &pushed().encode()[..40]);
    assert!(pod_facts::facts(&cut.view())[Phase::Clone as usize].report().is_none());
    assert_eq!(
        pod_facts::facts(&Pod::new().succeeded(1).view())[0].report().unwrap().outcome,
        Outcome::Succeeded
    );
}
