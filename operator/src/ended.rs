//! Why a Pod ended, or is given up, whose reports do not say so: "which fact wins" after the
//! reports, which [`crd::fold`] reads.
//!
//! In this order: the Pod's reason, a disruption, the obstacle for which it was deleted, its
//! deletion, the state of a container, the agent side's own account. Not here: whether it has ended
//! ([`crate::pod_facts`]), why one that is alive does not get on ([`crate::stall`]).

use crd::fold::{self, Ending, PhaseFacts};
use crd::span::after;
use crd::{Phase, Reason, Report};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::pod_facts::{condition, ending, is_at_work, is_leaving, is_over, state};
use crate::stall::latest;
use crate::view::{EventView, PodSeen, PodView, created};

/// What the kubelet says when it evicts a Pod for what the Pod itself has written, not for the sake
/// of the node (`pkg/kubelet/eviction/helpers.go`).
const OWN_DISK_USE: [&str; 3] = [
    "Usage of EmptyDir volume",
    "exceeded its local ephemeral storage limit",
    "ephemeral local storage usage exceeds the total limit of containers",
];

/// A kubelet that answers has acted on a Pod's deadline or deletion by then.
const KUBELET_PATIENCE: SignedDuration = SignedDuration::from_secs(15);

/// A node that comes back within this has its Pod's own account counted.
const NODES_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Exit codes above this are this plus the number of a signal (POSIX shells and runc).
const SIGNALLED: i32 = 128;

/// Why a Pod ended whose reports do not say so. `known` is the obstacle for which we deleted it;
/// `events` lend words to an end that has none.
pub fn interrupted(
    seen: &PodSeen,
    facts: &PhaseFacts,
    known: Option<&Ending>,
    events: &[EventView],
) -> Ending {
    let leaving = is_leaving(seen);
    pod_reason(&seen.pod)
        .or_else(|| disruption(seen))
        .or_else(|| known.filter(|_| leaving).cloned())
        .or_else(|| leaving.then(|| ending(Reason::Lost, "the Pod was deleted")))
        .or_else(|| container_state(&seen.pod, events))
        .or_else(|| fold::own_words(facts))
        .unwrap_or_else(|| ending(Reason::Lost, "the Pod ended without a report of what it did"))
}

/// True when only the Pod's events can say why it ended.
pub fn needs_events(seen: &PodSeen, facts: &PhaseFacts) -> bool {
    is_over(seen, facts)
        && !is_leaving(seen)
        && crd::fold::ending(facts).is_none()
        && interrupted(seen, facts, None, &[]).reason == Reason::Lost
}

/// Why a Pod is given up that is still there although nothing it does counts any more, at `now`
/// and with the `not_after` of its document.
pub fn overdue(
    seen: &PodSeen,
    facts: &PhaseFacts,
    known: Option<&Ending>,
    not_after: Timestamp,
    now: Timestamp,
) -> Ending {
    let silent = "the Pod is still there after its last moment: its node does not answer";
    pod_reason(&seen.pod)
        .or_else(|| disruption(seen))
        .or_else(|| known.filter(|known| known.reason != Reason::Timeout).cloned())
        .or_else(|| {
            is_unanswered(&seen.pod, facts, not_after, now)
                .then(|| ending(Reason::NodeLost, silent))
        })
        .unwrap_or_else(|| ending(Reason::Timeout, "the Pod is still there after its last moment"))
}

/// True for a Pod that was driven from a node which does not answer, and that should have ended a
/// while ago: what it may still do is fenced at the remote alone.
pub fn is_lost_with_its_node(seen: &PodSeen, facts: &PhaseFacts, now: Timestamp) -> bool {
    let Some(Time(gone_by)) = &seen.pod.metadata.deletion_timestamp else { return false };
    let lost = disruption(seen).is_some_and(|ending| ending.reason == Reason::NodeLost);
    lost && !is_over(seen, facts) && now >= after(*gone_by, NODES_PATIENCE)
}

/// True when the kubelet should have ended the Pod by now and has told nothing of it.
fn is_unanswered(pod: &PodView, facts: &PhaseFacts, not_after: Timestamp, now: Timestamp) -> bool {
    let passed = |moment: Timestamp| now >= after(moment, KUBELET_PATIENCE);
    if pod.metadata.deletion_timestamp.as_ref().is_some_and(|Time(gone_by)| passed(*gone_by)) {
        return true;
    }
    // The kubelet counts the Pod's deadline from its own start, the document from the Job's.
    let (Some(Time(start)), Some(made)) = (&pod.status.start_time, created(&pod.metadata)) else {
        return false;
    };
    is_at_work(facts) && passed(after(not_after, start.duration_since(made)))
}

fn pod_reason(pod: &PodView) -> Option<Ending> {
    let name = pod.status.reason.as_deref()?;
    let said = pod.status.message.as_deref().filter(|said| !said.is_empty()).unwrap_or(name);
    let reason = match name {
        "DeadlineExceeded" => Reason::Timeout,
        "Evicted" if OWN_DISK_USE.iter().any(|words| said.contains(words)) => Reason::DiskFull,
        "Evicted" | "Preempting" | "Terminated" | "NodeShutdown" | "Shutdown" => Reason::Evicted,
        "NodeLost" => Reason::NodeLost,
        _ => Reason::Lost,
    };
    Some(ending(reason, said))
}

/// Kubernetes, "Pod disruption conditions". A taint drives Pods from a node that people empty and
/// from one that is dead: in the first case its kubelet tells how the Pod ended.
fn disruption(seen: &PodSeen) -> Option<Ending> {
    let condition = condition(&seen.pod, "DisruptionTarget").filter(|c| c.status == "True")?;
    let name = condition.reason.as_deref().unwrap_or("DisruptionTarget");
    let said = condition.message.as_deref().filter(|said| !said.is_empty()).unwrap_or(name);
    let answered = matches!(seen.pod.status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let reason = match name {
        "DeletionByPodGC" => Reason::NodeLost,
        "DeletionByTaintManager" if !answered => Reason::NodeLost,
        _ => Reason::Evicted,
    };
    Some(ending(reason, said))
}

/// What the kubelet says of the container with which the Pod ended.
fn container_state(pod: &PodView, events: &[EventView]) -> Option<Ending> {
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
        "StartError" | "ContainerCannotRun" => ended.message.clone().unwrap_or_default(),
        _ if report.is_some() => "it was interrupted".to_owned(),
        _ if ended.exit_code > SIGNALLED => {
            format!("killed by signal {}, it left no report", ended.exit_code - SIGNALLED)
        }
        _ => "it left no report".to_owned(),
    };
    let cause = stopped_by_kubelet(name, events).unwrap_or_default();
    Some(ending(
        Reason::Lost,
        format!(
            "{cause}container {name} ended with {kind}, exit code {}: {words}",
            ended.exit_code
        ),
    ))
}

/// The kubelet stops the containers of a Pod whose sandbox is gone. It may not start them again,
/// and all that it tells of this is that it stops them.
fn stopped_by_kubelet(container: &str, events: &[EventView]) -> Option<String> {
    let event = latest(events, |event| match event.reason.as_str() {
        "SandboxChanged" => true,
        "Killing" => event.container.as_deref() == Some(container),
        _ => false,
    })?;
    let (kind, said) = (&event.reason, &event.message);
    Some(format!("the kubelet stopped it, as when the Pod's sandbox is lost ({kind}: {said}): "))
}

/// True when no later phase has even started.
fn is_last_ended(pod: &PodView, phase: Phase) -> bool {
    Phase::ALL
        .into_iter()
        .filter(|later| *later > phase)
        .filter_map(|later| state(pod, later))
        .all(|state| state.running.is_none() && state.terminated.is_none())
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
