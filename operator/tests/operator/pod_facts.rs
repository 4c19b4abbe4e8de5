//! What a Pod's containers are known to have done, and the obstacle for which it was deleted.
//!
//! Not here: which fact wins (`which_fact_wins`).

use crd::fold::{self, Ending};
use crd::{Outcome, Phase, Reason, Report};
use operator::view::PodSeen;
use operator::{ended, pod_facts};

use crate::sample::{Pod, because, pushed};

/// The ending of a Pod that is over, as `decide` puts it together.
fn ending(seen: &PodSeen, known: Option<&Ending>) -> Ending {
    let facts = pod_facts::facts(&seen.pod);
    assert!(pod_facts::is_over(seen, &facts), "{seen:?}");
    fold::ending(&facts).unwrap_or_else(|| ended::interrupted(seen, &facts, known, &[]))
}

fn failed() -> Pod {
    Pod::new().with("phase", "Failed")
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
