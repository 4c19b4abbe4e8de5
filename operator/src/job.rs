//! The Job of one attempt: a task becomes a [`Job`], or a refusal that names the field.
//!
//! The Pod in it is made by [`crate::pod`]. Not here: whether a Job is wanted ([`crate::decide`]).

use std::collections::BTreeMap;

use crd::document::Unwritable;
use crd::{ClaudeTask, Phase, TaskDocument, names};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::config::Settings;
use crate::pod;

/// Longest name of a Job: it is a label value of its Pods.
const NAME_LIMIT: usize = 63;

/// Why a task cannot be turned into a Job; the text is for the task's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The task document cannot be written.
    #[error(transparent)]
    Document(#[from] Unwritable),
    /// A plain http address, which this operator does not allow.
    #[error(
        "spec.repository.url: plain http is not allowed by this operator; use an https address"
    )]
    PlainHttp,
}

/// The Job of `task`'s attempt that begins `now` and must be done before `not_after`.
///
/// # Errors
/// [`Refused`] when the task itself is in the way; trying again changes nothing.
pub fn build(
    task: &ClaudeTask,
    attempt: u32,
    settings: &Settings,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<Job, Refused> {
    if task.spec.repository.url.starts_with("http:") && !settings.allow_plain_http {
        return Err(Refused::PlainHttp);
    }
    let document = TaskDocument::new(
        task,
        attempt,
        &settings.checkpoint_prefix,
        not_after,
        settings.runner(),
    )?;
    // The kubelet counts whole seconds, at least one.
    let seconds = not_after.duration_since(now).as_secs().max(1);
    let spec = pod::build(task, &document.encode()?, seconds, settings);
    Ok(Job { metadata: metadata(&document), spec: Some(job(&document, spec)), status: None })
}

fn metadata(document: &TaskDocument) -> ObjectMeta {
    ObjectMeta {
        name: Some(name(&document.name, &document.uid, document.attempt)),
        namespace: Some(document.namespace.clone()),
        labels: Some(labels(document)),
        annotations: Some(annotation(names::ANNOTATION_NOT_AFTER, &document.not_after.to_string())),
        owner_references: Some(vec![owner(document)]),
        ..ObjectMeta::default()
    }
}

fn job(document: &TaskDocument, pod: PodSpec) -> JobSpec {
    let metadata = ObjectMeta {
        labels: Some(labels(document)),
        annotations: Some(annotation(names::ANNOTATION_DEFAULT_CONTAINER, Phase::Run.container())),
        ..ObjectMeta::default()
    };
    JobSpec {
        // A second Pod would run the task twice; attempts are ours to count.
        backoff_limit: Some(0),
        // Even then, none before the first is certainly over.
        pod_replacement_policy: Some("Failed".to_owned()),
        template: PodTemplateSpec { metadata: Some(metadata), spec: Some(pod) },
        ..JobSpec::default()
    }
}

fn annotation(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// Name of the Job of an attempt: always the same, so that a second create is refused by the
/// apiserver.
pub fn name(task: &str, uid: &str, attempt: u32) -> String {
    let uid: String = uid.chars().take(8).collect();
    let tail = format!("-{uid}-{attempt}");
    let head: String = task.chars().take(NAME_LIMIT - tail.len()).collect();
    format!("{}{tail}", head.trim_end_matches('-'))
}

fn labels(document: &TaskDocument) -> BTreeMap<String, String> {
    [
        (names::LABEL_MANAGED_BY, names::MANAGER.to_owned()),
        (names::LABEL_TASK, document.name.clone()),
        (names::LABEL_TASK_UID, document.uid.clone()),
        (names::LABEL_ATTEMPT, document.attempt.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The task owns its Job, so that deleting the task stops the work.
fn owner(document: &TaskDocument) -> OwnerReference {
    OwnerReference {
        api_version: ClaudeTask::api_version(&()).into_owned(),
        kind: ClaudeTask::kind(&()).into_owned(),
        name: document.name.clone(),
        uid: document.uid.clone(),
        controller: Some(true),
        // Needs the right to set finalizers on the task only where blocking is asked for
        // (OwnerReferencesPermissionEnforcement); nothing depends on it.
        block_owner_deletion: Some(false),
    }
}
