//! From a Pod, as the kubelet records it, to what is known of the phases and how it ended.
//!
//! [`interrupted`] is "which fact wins" after the reports (which [`crd::fold`] reads). Not here:
//! why a Pod that is alive does not get on ([`crate::stall`]), and what follows from any of it
//! ([`crate::decide`]).

use crd::fold::{Ending, PhaseFact, PhaseFacts};
use crd::{Phase, Reason, Report};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, PodCondition};
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
fn state(pod: &PodView, phase: Phase) -> Option<&ContainerState> {
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

/// Why a Pod ended whose reports do not say so. `known` is the obstacle for which we deleted it.
pub fn interrupted(seen: &PodSeen, facts: &PhaseFacts, known: Option<&Ending>) -> Ending {
    let leaving = is_leaving(seen);
    pod_reason(&seen.pod)
        .or_else(|| disruption(&seen.pod))
        .or_else(|| known.filter(|_| leaving).cloned())
        .or_else(|| leaving.then(|| ending(Reason::Lost, "the Pod was deleted")))
        .or_else(|| container_state(&seen.pod))
        .or_else(|| own_words(facts))
        .unwrap_or_else(|| ending(Reason::Lost, "the Pod ended without a report of what it did"))
}

/// An ending from its parts.
pub fn ending(reason: Reason, message: impl AsRef<str>) -> Ending {
    Ending { reason, message: message.as_ref().trim().to_owned() }
}

fn pod_reason(pod: &PodView) -> Option<Ending> {
    let name = pod.status.reason.as_deref()?;
    let said = pod.status.message.as_deref().filter(|said| !said.is_empty()).unwrap_or(name);
    let reason = match name {
        "DeadlineExceeded" => Reason::Timeout,
        "Evicted" | "Preempting" | "Terminated" | "NodeShutdown" => Reason::Evicted,
        _ => Reason::Lost,
    };
    Some(ending(reason, said))
}

/// Kubernetes, "Pod disruption conditions".
fn disruption(pod: &PodView) -> Option<Ending> {
    let condition = condition(pod, "DisruptionTarget").filter(|c| c.status == "True")?;
    let name = condition.reason.as_deref().unwrap_or("DisruptionTarget");
    let said = condition.message.as_deref().filter(|said| !said.is_empty()).unwrap_or(name);
    let reason = match name {
        "DeletionByTaintManager" | "DeletionByPodGC" => Reason::Lost,
        _ => Reason::Evicted,
    };
    Some(ending(reason, said))
}

/// What the kubelet says of the container with which the Pod ended.
fn container_state(pod: &PodView) -> Option<Ending> {
    let (name, ended) = Phase::ALL.into_iter().find_map(|phase| {
        let ended = state(pod, phase)?.terminated.as_ref()?;
        let broken = ended.exit_code != 0 || is_last_ended(pod, phase);
        broken.then_some((phase.container(), ended))
    })?;
    if is_oom(ended) {
        return Some(out_of_memory(name));
    }
    let report = Phase::of_container(name)
        .and_then(|phase| Report::parse(phase, ended.message.as_deref()?).ok());
    let speaks = report.as_ref().is_some_and(|report| report.reason.is_some());
    if speaks || ended.exit_code == 0 {
        return None;
    }
    let kind = ended.reason.as_deref().unwrap_or("Error");
    // A container that never started has the runtime's words where its message would be.
    let words = match kind {
        "StartError" | "ContainerCannotRun" => ended.message.as_deref().unwrap_or_default(),
        _ if report.is_some() => "it was interrupted",
        _ => "it left no report",
    };
    Some(ending(
        Reason::Lost,
        format!("container {name} ended with {kind}, exit code {}: {words}", ended.exit_code),
    ))
}

/// True when no later phase has even started.
fn is_last_ended(pod: &PodView, phase: Phase) -> bool {
    let started = |state: &ContainerState| state.running.is_some() || state.terminated.is_some();
    !Phase::ALL.into_iter().any(|later| later > phase && state(pod, later).is_some_and(started))
}

/// True for a container whose end the kubelet puts down to memory, whatever its exit code
/// (kubernetes#116676).
pub fn is_oom(ended: &ContainerStateTerminated) -> bool {
    ended.reason.as_deref() == Some("OOMKilled")
}

/// The ending of a container that used too much memory.
pub fn out_of_memory(container: &str) -> Ending {
    ending(Reason::OutOfMemory, format!("container {container} used more memory than its limit"))
}

/// The last phase that ended in a state we know as OOM, if it is the last that did anything.
pub fn stuck_after_oom(pod: &PodView) -> Option<(&'static str, &ContainerStateTerminated)> {
    Phase::ALL.into_iter().find_map(|phase| {
        let ended = state(pod, phase)?.terminated.as_ref()?;
        (is_oom(ended) && is_last_ended(pod, phase)).then_some((phase.container(), ended))
    })
}

/// The agent side's own account of its failure: believed when nothing else speaks.
fn own_words(facts: &PhaseFacts) -> Option<Ending> {
    facts.iter().filter_map(PhaseFact::report).find_map(|report| {
        let reason = report.reason.filter(|reason| !reason.is_success())?;
        Some(ending(reason, &report.message))
    })
}
