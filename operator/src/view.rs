//! What the operator keeps of a Job, a Pod and an event, and what it has observed of one task.
//!
//! Parsing into these instead of the whole types keeps caches small. Not here: what the fields
//! mean ([`crate::pod_facts`]).

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::{ContainerState, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::Resource;
use serde::Deserialize;

use crd::names;

/// A Job without its spec.
#[derive(Resource, Debug, Clone, Deserialize)]
#[resource(inherit = Job)]
pub struct JobView {
    /// Name, UID, labels, annotations, owner.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Whether a Pod may still come.
    #[serde(default)]
    pub status: JobStatusView,
}

/// Conditions of a Job.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct JobStatusView {
    /// `Complete` and `Failed` mean that no Pod will start any more.
    #[serde(default)]
    pub conditions: Vec<JobCondition>,
}

/// A Pod without its spec.
#[derive(Resource, Debug, Clone, Deserialize)]
#[resource(inherit = Pod)]
pub struct PodView {
    /// Name, UID, labels, owner, deletion.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The kubelet's record.
    #[serde(default)]
    pub status: PodStatusView,
}

/// The kubelet's record of a Pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatusView {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
    /// `Evicted`, `DeadlineExceeded` and the like.
    pub reason: Option<String>,
    /// A sentence to `reason`.
    pub message: Option<String>,
    /// When the kubelet took it on.
    pub start_time: Option<Time>,
    /// `PodScheduled` and `DisruptionTarget` are used.
    pub conditions: Vec<PodCondition>,
    /// States of the init containers.
    pub init_container_statuses: Vec<ContainerView>,
    /// State of the main container.
    pub container_statuses: Vec<ContainerView>,
}

/// A container's name and state.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContainerView {
    /// Name in the Pod.
    pub name: String,
    /// Waiting, running or terminated.
    pub state: ContainerState,
}

/// What is known of a task's Job, Pods and events.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The attempt's Job.
    pub job: JobSeen,
    /// The Pods of that Job; more than one only through a fault of the Job controller.
    pub pods: Vec<PodSeen>,
    /// All Jobs of the task, those of earlier attempts included; only looked up when it is finished.
    pub jobs: Vec<Arc<JobView>>,
    /// Events about the Pod, or the Job while it has none; only asked for when it stalls.
    pub events: Vec<EventView>,
    /// Why the apiserver has just refused to create the Job.
    pub refusal: Option<Refusal>,
}

/// The Job of an attempt, by its name.
#[derive(Debug, Clone, Default)]
pub enum JobSeen {
    /// There is none.
    #[default]
    Absent,
    /// There is one of that name, and it is not this task's.
    Foreign,
    /// It is there.
    Present(Arc<JobView>),
}

/// Why the apiserver refused a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It will never be accepted.
    Invalid(String),
    /// It may be accepted later: quota, admission.
    NotNow(String),
}

/// A Pod as last seen; it may be gone since.
#[derive(Debug, Clone)]
pub struct PodSeen {
    /// Its last state.
    pub pod: Arc<PodView>,
    /// True when the object no longer exists.
    pub gone: bool,
}

/// An event about a Job or Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventView {
    /// `FailedMount`, `Pulling`, `FailedCreate` and the like.
    pub reason: String,
    /// The reporter's words.
    pub message: String,
    /// When it was last seen.
    pub at: Option<Timestamp>,
    /// True for the type `Warning`.
    pub warning: bool,
    /// The container that it is about, if it is about one.
    pub container: Option<String>,
}

impl JobView {
    /// True when the Job controller will start no Pod any more.
    pub fn is_finished(&self) -> bool {
        self.status.conditions.iter().any(|condition| {
            condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
        })
    }

    /// The `notAfter` of its task document, as noted when it was made.
    pub fn not_after(&self) -> Option<Timestamp> {
        let notes = self.metadata.annotations.as_ref()?;
        notes.get(names::ANNOTATION_NOT_AFTER)?.parse().ok()
    }
}

/// The owner that controls an object.
pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// True when the object with this metadata is controlled by the object with this UID.
pub fn is_controlled_by(meta: &ObjectMeta, uid: &str) -> bool {
    controller_of(meta).is_some_and(|owner| owner.uid == uid)
}

/// When the object was created.
pub fn created(meta: &ObjectMeta) -> Option<Timestamp> {
    meta.creation_timestamp.as_ref().map(|Time(at)| *at)
}
