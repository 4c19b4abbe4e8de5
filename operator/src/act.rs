//! Performs a decision, one action after the other; chooses nothing.
//!
//! Not here: why ([`crate::decide`]).

mod task;

use crd::{ClaudeTask, names};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{
    Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use kube::core::Status;
use kube::{Client, Resource};
use serde_json::json;

pub use task::put_status;
use task::{Noted, delete_task, note_verdict, write_status};

use crate::children::TaskKey;
use crate::decide::{Action, Propagation};
use crate::ledger::Ledger;
use crate::notes::Note;
use crate::view::{PodView, Refusal};

/// An action that could not be performed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The Job could not be created.
    #[error("creating the Job")]
    CreateJob(#[source] kube::Error),
    /// The verdict could not be noted in the annotation.
    #[error("noting the verdict")]
    NoteVerdict(#[source] kube::Error),
    /// A Pod could not be asked to stop.
    #[error("asking the Pod to stop")]
    StopPod(#[source] kube::Error),
    /// The task could not be deleted.
    #[error("deleting the task")]
    DeleteTask(#[source] kube::Error),
    /// The status could not be written.
    #[error("writing the status")]
    WriteStatus(#[source] kube::Error),
    /// The Job could not be deleted.
    #[error("deleting the Job")]
    DeleteJob(#[source] kube::Error),
}

/// How a list of actions ended without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All was done.
    Done,
    /// The Job to create is already there; the rest was left.
    JobExists,
    /// The Job was refused; the rest was left.
    JobRefused(Refusal),
    /// Somebody else wrote the task, or it is gone; the rest was left.
    Outdated,
}

/// Performs `actions` for `task` at `now`, stopping at the first that does not go through.
pub async fn act(
    client: &Client,
    ledger: &Ledger,
    task: &ClaudeTask,
    actions: &[Action],
    now: Timestamp,
) -> Result<Outcome, Failed> {
    let Some(key) = TaskKey::of_task(&task.metadata) else { return Ok(Outcome::Outdated) };
    // The version to write the status over, once the annotation has made it another one.
    let mut noted = None;
    for action in actions {
        let outcome = match action {
            Action::CreateJob(job) => create_job(client, &key, job).await?,
            Action::NoteVerdict(text) => match note_verdict(client, task, &key, text).await? {
                Noted::At(version) => {
                    noted = version;
                    Outcome::Done
                }
                Noted::Refused => Outcome::Done,
                Noted::Outdated => Outcome::Outdated,
            },
            Action::WriteStatus(status) => {
                write_status(client, ledger, task, &key, noted.clone(), status).await?
            }
            Action::StopPod { name, uid, request } => {
                stop_pod(client, &key, name, uid, request).await?
            }
            Action::DeleteJob { name, uid, propagation } => {
                delete_job(client, &key, name, uid, *propagation).await?
            }
            Action::DeleteTask => delete_task(client, task, &key).await?,
            Action::Publish(note) => {
                publish(client, task, &key, note, now).await;
                Outcome::Done
            }
        };
        if outcome != Outcome::Done {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Done)
}

async fn create_job(client: &Client, key: &TaskKey, job: &Job) -> Result<Outcome, Failed> {
    let api: Api<Job> = Api::namespaced(client.clone(), &key.namespace);
    match api.create(&as_manager(), job).await {
        Ok(_) => Ok(Outcome::Done),
        Err(kube::Error::Api(said)) if said.is_already_exists() => Ok(Outcome::JobExists),
        Err(kube::Error::Api(said)) => match refusal(&said) {
            Some(refusal) => Ok(Outcome::JobRefused(refusal)),
            None => Err(Failed::CreateJob(kube::Error::Api(said))),
        },
        Err(error) => Err(Failed::CreateJob(error)),
    }
}

/// What the apiserver's answer says of the Job itself, if it says anything. Admission chooses its
/// code: quota 403, a policy 422 if it names no other (`ValidatingAdmissionPolicy`, `reason`), a
/// webhook 400. Its words tell that from a Job that is wrong.
fn refusal(said: &Status) -> Option<Refusal> {
    let by_admission =
        ["denied request", "denied the request"].iter().any(|words| said.message.contains(words));
    match said.code {
        422 if !by_admission => Some(Refusal::Invalid(said.message.clone())),
        400 | 403 | 422 => Some(Refusal::NotNow(said.message.clone())),
        _ => None,
    }
}

async fn stop_pod(
    client: &Client,
    key: &TaskKey,
    name: &str,
    uid: &str,
    request: &str,
) -> Result<Outcome, Failed> {
    let api: Api<PodView> = Api::namespaced(client.clone(), &key.namespace);
    let patch = json!({"metadata": {
        "uid": uid,
        "annotations": {names::ANNOTATION_STOP: request},
    }});
    match patched(&api, name, &patch).await {
        Ok(_) => Ok(Outcome::Done),
        // Gone, or another one of that name: a patch cannot change the UID.
        Err(kube::Error::Api(said)) if is_outdated(&said) || said.is_invalid() => Ok(Outcome::Done),
        Err(error) => Err(Failed::StopPod(error)),
    }
}

async fn patched<K>(api: &Api<K>, name: &str, patch: &serde_json::Value) -> kube::Result<K>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let as_manager =
        PatchParams { field_manager: as_manager().field_manager, ..PatchParams::default() };
    api.patch(name, &as_manager, &Patch::Merge(patch)).await
}

async fn delete_job(
    client: &Client,
    key: &TaskKey,
    name: &str,
    uid: &str,
    propagation: Propagation,
) -> Result<Outcome, Failed> {
    let api: Api<Job> = Api::namespaced(client.clone(), &key.namespace);
    let params = DeleteParams {
        propagation_policy: Some(match propagation {
            Propagation::Foreground => PropagationPolicy::Foreground,
            Propagation::Background => PropagationPolicy::Background,
        }),
        ..DeleteParams::default()
    };
    let this_one = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    match api.delete(name, &params.preconditions(this_one)).await {
        Ok(_) => Ok(Outcome::Done),
        // Gone, or another one by now: either way this Job is deleted.
        Err(kube::Error::Api(said)) if is_outdated(&said) => Ok(Outcome::Done),
        Err(error) => Err(Failed::DeleteJob(error)),
    }
}

/// Events are for people: one that cannot be sent is logged and holds nothing up. Its name is
/// made of what it says, so that it is not told twice.
async fn publish(client: &Client, task: &ClaudeTask, key: &TaskKey, note: &Note, now: Timestamp) {
    tracing::info!(
        namespace = key.namespace,
        task = key.name,
        reason = note.reason,
        note = note.text,
        "told"
    );
    let uid: String = key.uid.chars().take(8).collect();
    let event = Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}.{uid}.{}.{}",
                key.name,
                note.attempt,
                note.reason.to_lowercase()
            )),
            namespace: Some(key.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        action: Some("Reconcile".to_owned()),
        reason: Some(note.reason.clone()),
        note: Some(note.text.clone()),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        regarding: Some(task.object_ref(&())),
        reporting_controller: Some(names::MANAGER.to_owned()),
        reporting_instance: Some(names::MANAGER.to_owned()),
        ..Event::default()
    };
    let api: Api<Event> = Api::namespaced(client.clone(), &key.namespace);
    match api.create(&as_manager(), &event).await {
        Ok(_) => {}
        Err(kube::Error::Api(said)) if said.is_already_exists() => {}
        Err(error) => {
            tracing::warn!(task = key.name, namespace = key.namespace, %error, "event not sent");
        }
    }
}

fn is_outdated(said: &Status) -> bool {
    said.is_conflict() || said.is_not_found()
}

fn as_manager() -> PostParams {
    PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() }
}
