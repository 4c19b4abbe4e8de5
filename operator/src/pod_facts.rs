//! From a Pod, as the kubelet records it, to what is known of the phases, and whether it is over.
//!
//! Not here: why it ended ([`crate::ended`]), why one that is alive does not get on
//! ([`crate::stall`]), and what follows from any of it ([`crate::decide`]).

use crd::fold::{Ending, PhaseFact, PhaseFacts};
use crd::{Phase, Reason, Report, names};
use k8s_openapi::api::core::v1::{ContainerState, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::view::{ContainerView, PodSeen, PodView};

/// What each phase's container is known to have done.
pub fn facts(pod: &PodView) -> PhaseFacts {
    Phase::ALL.map(|phase| state(pod, phase).map(|state| fact(phase, state)).unwrap_or_default())
}

fn fact(phase: Phase, state: &ContainerState) -> PhaseFact {
    let time = |at: &Option<Time>| at.as_ref().map(|Time(at)| *at);
    if let Some(ended) = &state.terminated {
        let said = ended.message.as_deref().unwrap_or_default();
        return PhaseFact::Ended {
            started_at: time(&ended.started_at),
            finished_at: time(&ended.finished_at),
            exit_code: ended.exit_code,
            report: Report::parse(phase, said).ok().map(Box::new),
        };
    }
    match &state.running {
        Some(running) => PhaseFact::Running { started_at: time(&running.started_at) },
        None => PhaseFact::Pending,
    }
}

/// State of a phase's container, once the kubelet has one.
pub fn state(pod: &PodView, phase: Phase) -> Option<&ContainerState> {
    containers(pod).find(|container| container.name == phase.container()).map(|c| &c.state)
}

/// All containers with a state, the saver included, in the order of the Pod.
pub fn containers(pod: &PodView) -> impl Iterator<Item = &ContainerView> {
    pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses)
}

/// The condition of this type, if it is there.
pub fn condition<'a>(pod: &'a PodView, type_: &str) -> Option<&'a PodCondition> {
    pod.status.conditions.iter().find(|condition| condition.type_ == type_)
}

/// True while a phase's container runs; the saver and injected ones do not count.
pub fn is_at_work(facts: &PhaseFacts) -> bool {
    facts.iter().any(|fact| matches!(fact, PhaseFact::Running { .. }))
}

/// True while the saver runs.
pub fn is_saving(pod: &PodView) -> bool {
    containers(pod).any(|container| {
        container.name == names::SAVE_CONTAINER && container.state.running.is_some()
    })
}

/// True when nothing more can come from this Pod: it is gone, or it has failed or succeeded as a
/// whole and no phase is still being stopped.
pub fn is_over(seen: &PodSeen, facts: &PhaseFacts) -> bool {
    let ended = matches!(seen.pod.status.phase.as_deref(), Some("Failed" | "Succeeded"));
    seen.gone || (ended && !is_at_work(facts))
}

/// True when the Pod is being deleted, or already is.
pub fn is_leaving(seen: &PodSeen) -> bool {
    seen.gone || seen.pod.metadata.deletion_timestamp.is_some()
}

/// An ending from its parts.
pub fn ending(reason: Reason, message: impl AsRef<str>) -> Ending {
    Ending { reason, message: message.as_ref().trim().to_owned() }
}
