//! Tasks in the cluster that cannot be read: they get InvalidSpec and never stop the others.
//!
//! Such an object was stored under another schema. Not here: tasks that can be read but not be
//! turned into a Job ([`crate::job`]).

use crd::fold;
use crd::status::DisplayPhase;
use crd::{ClaudeTask, ClaudeTaskStatus, Reason};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::error_boundary::InvalidObject;

use crate::act;
use crate::children::TaskKey;
use crate::pod_facts::ending;

/// Writes the verdict InvalidSpec, unless the object has a verdict. An object with a Job is left
/// alone: another version of the operator began it and can read it.
pub async fn refuse(
    client: &Client,
    key: &TaskKey,
    invalid: &InvalidObject,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let resource = ApiResource::erase::<ClaudeTask>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &key.namespace, &resource);
    let Some(object) = api.get_opt(&key.name).await? else { return Ok(()) };
    if object.metadata.uid.as_ref() != Some(&key.uid) || has_begun(&object) {
        return Ok(());
    }
    tracing::warn!(namespace = key.namespace, task = key.name, error = invalid.error, "unreadable");
    let status = verdict(invalid, object.metadata.generation, now);
    let version = object.metadata.resource_version.as_deref();
    act::put_status(client, key, version, &status).await.map(|_| ())
}

fn has_begun(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let verdict = status["conditions"].as_array().is_some_and(|conditions| {
        conditions.iter().any(|c| c["type"] == "Succeeded" && c["status"] != "Unknown")
    });
    verdict || status["jobName"].is_string()
}

fn verdict(invalid: &InvalidObject, generation: Option<i64>, now: Timestamp) -> ClaudeTaskStatus {
    let why = ending(Reason::InvalidSpec, format!("the object cannot be read: {}", invalid.error));
    let phase = DisplayPhase::Failed;
    let last = ClaudeTaskStatus::default();
    ClaudeTaskStatus {
        observed_generation: generation,
        phase: Some(phase),
        conditions: fold::conditions(&last, phase, Some(&why), None, generation, now),
        finished_at: Some(now),
        ..last
    }
}
