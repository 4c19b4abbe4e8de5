//! Why a Pod that has not ended does not get on, and until when that is borne.
//!
//! A stall is no verdict: the Pod could still start. [`crate::decide`] shows the reason, and once
//! the time is up deletes the Job, sees both gone, and only then writes the verdict.

use crd::fold::{self, Ending, PhaseFact, PhaseFacts};
use crd::span::after;
use crd::{Phase, Reason, names};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ContainerStateWaiting;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::ended;
use crate::pod_facts::{self, ending};
use crate::view::{EventView, JobView, PodView, created};

/// A Pod that the kubelet leaves Pending after an OOM kill gets this long to prove otherwise.
const OOM_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

const NOTHING_STARTED: &str = "no container of the Pod started";

/// Nothing runs: since when, why, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// When the last thing happened.
    pub since: Timestamp,
    /// When the attempt is given up.
    pub until: Timestamp,
    /// The obstacle, if there is a sign of one.
    pub obstacle: Option<Ending>,
    /// What the verdict will be when it is given up.
    pub otherwise: Ending,
}

impl Stall {
    /// Why the attempt is given up.
    pub fn verdict(&self) -> &Ending {
        self.obstacle.as_ref().unwrap_or(&self.otherwise)
    }
}

/// The stall of a Pod in which no phase runs; nothing when one does.
pub fn of_pod(
    pod: &PodView,
    facts: &PhaseFacts,
    events: &[EventView],
    patience: SignedDuration,
    now: Timestamp,
) -> Option<Stall> {
    let mut since = quiet_since(pod, facts, now)?;
    if let Some((container, ended)) = ended::stuck_after_oom(pod) {
        let ended_at = ended.finished_at.as_ref().map_or(since, |Time(at)| *at);
        let otherwise = ended::out_of_memory(container);
        return Some(Stall {
            since,
            until: after(ended_at, OOM_PATIENCE),
            obstacle: None,
            otherwise,
        });
    }
    let obstacle =
        waiting(pod).or_else(|| unschedulable(pod)).or_else(|| before_the_start(facts, events));
    // The kubelet tells of a start some seconds before the Pod's status shows it.
    since = since.max(last_start(events).unwrap_or(since));
    // A pull that is going on may take its time; one that is tried again and again may not.
    if obstacle.as_ref().is_none_or(|obstacle| obstacle.reason != Reason::ImagePullFailed) {
        since = since.max(last_pull(events).unwrap_or(since));
    }
    let otherwise = lost(NOTHING_STARTED, events);
    Some(Stall { since, until: after(since, patience), obstacle, otherwise })
}

/// The stall of a Job that has no Pod yet.
pub fn of_job(
    job: &JobView,
    events: &[EventView],
    patience: SignedDuration,
    now: Timestamp,
) -> Stall {
    let since = created(&job.metadata).unwrap_or(now);
    let otherwise = lost("the Job got no Pod", events);
    Stall { since, until: after(since, patience), obstacle: refused(events), otherwise }
}

/// When the last container ended, or the Pod was made; nothing while a phase runs or when the
/// reports already say how the attempt ended.
pub fn quiet_since(pod: &PodView, facts: &PhaseFacts, now: Timestamp) -> Option<Timestamp> {
    if pod_facts::is_at_work(facts) || fold::ending(facts).is_some() {
        return None;
    }
    let ends = facts.iter().filter_map(|fact| match fact {
        PhaseFact::Ended { finished_at, .. } => *finished_at,
        PhaseFact::Pending | PhaseFact::Running { .. } => None,
    });
    Some(ends.chain(created(&pod.metadata)).max().unwrap_or(now))
}

fn waiting(pod: &PodView) -> Option<Ending> {
    pod_facts::containers(pod)
        .find_map(|container| waiting_for(&container.name, container.state.waiting.as_ref()?))
}

/// Waiting reasons of the kubelet (`pkg/kubelet/images/types.go`, `kuberuntime_container.go`).
fn waiting_for(container: &str, waiting: &ContainerStateWaiting) -> Option<Ending> {
    let name = waiting.reason.as_deref()?;
    let said = waiting.message.as_deref().unwrap_or_default();
    let reason = match name {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Reason::ImagePullFailed,
        "CreateContainerConfigError" if said.contains("secret") => Reason::SecretMissing,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => Reason::Lost,
        // CrashLoopBackOff is the saver's, which decides nothing.
        _ => return None,
    };
    Some(ending(reason, format!("container {container}: {name}: {said}")))
}

fn unschedulable(pod: &PodView) -> Option<Ending> {
    let scheduled = pod_facts::condition(pod, "PodScheduled")?;
    let refused =
        scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable");
    refused.then(|| ending(Reason::Unschedulable, scheduled.message.clone().unwrap_or_default()))
}

/// The Job controller tells only in events that it may not make the Pod: quota, limit range,
/// admission. It tries again by itself, ever more rarely.
fn refused(events: &[EventView]) -> Option<Ending> {
    let event = latest(events, |event| event.reason == "FailedCreate")?;
    Some(ending(Reason::PodRejected, &event.message))
}

/// What keeps every container from starting shows in events alone.
fn before_the_start(facts: &PhaseFacts, events: &[EventView]) -> Option<Ending> {
    if facts.iter().any(|fact| *fact != PhaseFact::Pending) {
        return None;
    }
    missing_volume(events).or_else(|| no_sandbox(events))
}

/// The network or the runtime refuses the sandbox that containers are started in.
fn no_sandbox(events: &[EventView]) -> Option<Ending> {
    let event = latest(events, |event| {
        matches!(event.reason.as_str(), "FailedCreatePodSandBox" | "NetworkNotReady")
    })?;
    Some(ending(Reason::Lost, format!("{NOTHING_STARTED}: {}: {}", event.reason, event.message)))
}

fn missing_volume(events: &[EventView]) -> Option<Ending> {
    let event = latest(events, |event| {
        let says = |word: &str| event.message.contains(word);
        event.reason == "FailedMount"
            && (says(names::GIT_CREDENTIALS.volume) && says("secret")
                || says(names::TRUST_BUNDLE.volume) && says("configmap"))
    })?;
    Some(ending(Reason::SecretMissing, &event.message))
}

fn last_pull(events: &[EventView]) -> Option<Timestamp> {
    latest(events, |event| event.reason == "Pulling")?.at
}

/// Start of a phase's container; the saver may start again and again.
fn last_start(events: &[EventView]) -> Option<Timestamp> {
    latest(events, |event| {
        let phase = event.container.as_deref().and_then(Phase::of_container);
        event.reason == "Started" && phase.is_some()
    })?
    .at
}

fn lost(what: &str, events: &[EventView]) -> Ending {
    let message = match latest(events, |event| event.warning) {
        Some(event) => format!("{what}: {}: {}", event.reason, event.message),
        None => format!("{what}, and no event says why"),
    };
    ending(Reason::Lost, message)
}

/// The newest event that is `wanted`.
pub fn latest(events: &[EventView], wanted: impl Fn(&EventView) -> bool) -> Option<&EventView> {
    events.iter().filter(|event| wanted(event)).max_by_key(|event| event.at)
}
