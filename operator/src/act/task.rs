//! Writes to the task itself: its verdict's annotation, its status, its end.
//!
//! Each of them says which version it is written over, so that a stale one gets 409. Not here: what
//! is written ([`crate::decide`]).

use crd::status::Condition;
use crd::{ClaudeTask, ClaudeTaskStatus, names};
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Preconditions};
use serde_json::json;

use super::{Failed, Outcome, as_manager, is_outdated, patched};
use crate::children::TaskKey;
use crate::ledger::Ledger;

/// Longest message that the smallest status carries, in characters.
const SHORT: usize = 512;

/// What became of the annotation.
pub(super) enum Noted {
    /// It is there; the task's version now, if it changed.
    At(Option<String>),
    /// It cannot be written; the status alone has to do.
    Refused,
    /// Somebody else wrote the task, or it is gone.
    Outdated,
}

/// Writes the annotation over the version that was observed.
pub(super) async fn note_verdict(
    client: &Client,
    task: &ClaudeTask,
    key: &TaskKey,
    text: &str,
) -> Result<Noted, Failed> {
    let patch = json!({"metadata": {
        "uid": key.uid,
        "resourceVersion": task.metadata.resource_version,
        "annotations": {names::ANNOTATION_VERDICT: text},
    }});
    match patched(&tasks(client, key), &key.name, &patch).await {
        Ok(object) => Ok(Noted::At(object.metadata.resource_version)),
        Err(kube::Error::Api(said)) if is_outdated(&said) => Ok(Noted::Outdated),
        Err(kube::Error::Api(said)) if said.is_invalid() || said.is_forbidden() => {
            tracing::warn!(
                task = key.name,
                namespace = key.namespace,
                said = said.message,
                "the verdict's annotation was refused; the status alone has it"
            );
            Ok(Noted::Refused)
        }
        Err(error) => Err(Failed::NoteVerdict(error)),
    }
}

/// Writes over the version `noted`, if there is one, else over the one that was observed.
pub(super) async fn write_status(
    client: &Client,
    ledger: &Ledger,
    task: &ClaudeTask,
    key: &TaskKey,
    noted: Option<String>,
    status: &ClaudeTaskStatus,
) -> Result<Outcome, Failed> {
    let version = noted.as_deref().or(task.metadata.resource_version.as_deref());
    let mut written = put_status(client, key, version, status).await;
    let smallest = smallest(status);
    let mut said = status;
    if matches!(&written, Err(kube::Error::Api(refusal)) if refusal.is_invalid()) {
        tracing::warn!(
            task = key.name,
            namespace = key.namespace,
            "the status was refused; writing the smallest one"
        );
        written = put_status(client, key, version, &smallest).await;
        said = &smallest;
    }
    match written {
        Ok(object) => {
            ledger.wrote(task, noted, object.metadata.resource_version, said);
            Ok(Outcome::Done)
        }
        Err(kube::Error::Api(said)) if is_outdated(&said) => Ok(Outcome::Outdated),
        Err(error) => Err(Failed::WriteStatus(error)),
    }
}

/// Replaces the status of one version of one object; a stale one gets 409.
pub async fn put_status(
    client: &Client,
    key: &TaskKey,
    version: Option<&str>,
    status: &ClaudeTaskStatus,
) -> Result<DynamicObject, kube::Error> {
    let resource = ApiResource::erase::<ClaudeTask>(&());
    let mut object = DynamicObject::new(&key.name, &resource)
        .within(&key.namespace)
        .data(json!({"status": status}));
    object.metadata.uid = Some(key.uid.clone());
    object.metadata.resource_version = version.map(str::to_owned);
    tasks(client, key).replace_status(&key.name, &as_manager(), &object).await
}

/// What even an apiserver with another schema takes: the verdict, what is counted, and no text
/// besides.
fn smallest(status: &ClaudeTaskStatus) -> ClaudeTaskStatus {
    let short = |condition: &Condition| Condition {
        message: condition.message.chars().take(SHORT).collect(),
        ..condition.clone()
    };
    ClaudeTaskStatus {
        observed_generation: status.observed_generation,
        phase: status.phase,
        conditions: status.conditions.iter().map(short).collect(),
        attempt: status.attempt,
        job_name: status.job_name.clone(),
        again: status.again,
        resume_at: status.resume_at,
        deadline: status.deadline,
        started_at: status.started_at,
        finished_at: status.finished_at,
        earlier_usage: status.earlier_usage,
        usage: status.usage,
        ..ClaudeTaskStatus::default()
    }
}

/// Deletes the task if it is still as it was observed.
pub(super) async fn delete_task(
    client: &Client,
    task: &ClaudeTask,
    key: &TaskKey,
) -> Result<Outcome, Failed> {
    let as_observed = Preconditions {
        uid: Some(key.uid.clone()),
        resource_version: task.metadata.resource_version.clone(),
    };
    let params = DeleteParams::background().preconditions(as_observed);
    match tasks(client, key).delete(&key.name, &params).await {
        Ok(_) => {
            tracing::info!(namespace = key.namespace, task = key.name, "deleted after its time");
            Ok(Outcome::Done)
        }
        Err(kube::Error::Api(said)) if said.is_not_found() => Ok(Outcome::Done),
        Err(kube::Error::Api(said)) if said.is_conflict() => Ok(Outcome::Outdated),
        Err(error) => Err(Failed::DeleteTask(error)),
    }
}

/// Tasks as far as writing needs them.
fn tasks(client: &Client, key: &TaskKey) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<ClaudeTask>(&());
    Api::namespaced_with(client.clone(), &key.namespace, &resource)
}
