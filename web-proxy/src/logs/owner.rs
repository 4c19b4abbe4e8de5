//! Whose a Pod is, and what is known of it.
//!
//! Labels find a Pod; they prove nothing, since whoever may create Pods can write them. A Pod is
//! the task's when its controller is a Job whose controller is the task, by UID. Not here: reading
//! either ([`super::cluster`]).

use crd::{ClaudeTask, Phase, names};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use super::order::{PodFacts, State};

/// The Job that controls this Pod.
pub fn job_of(pod: &Pod) -> Option<&OwnerReference> {
    controller(&pod.metadata).filter(|owner| is(owner, &Job::api_version(&()), &Job::kind(&())))
}

/// The attempt that this Job is of the task with this UID; none when it is another's. `uid` is that
/// of the Job as the Pod names it.
pub fn attempt_of(job: &Job, uid: &str, task: &str) -> Option<u32> {
    let owner = controller(&job.metadata)?;
    let is_own = job.metadata.uid.as_deref() == Some(uid)
        && owner.uid == task
        && owner.kind == ClaudeTask::kind(&())
        && group(&owner.api_version) == names::GROUP;
    if !is_own {
        return None;
    }
    job.metadata.labels.as_ref()?.get(names::LABEL_ATTEMPT)?.parse().ok()
}

/// What is known of a Pod of this attempt.
pub fn facts(pod: &Pod, attempt: u32) -> Option<PodFacts> {
    let meta = &pod.metadata;
    let status = pod.status.clone().unwrap_or_default();
    let told = [status.init_container_statuses, status.container_statuses];
    let containers = told.iter().flatten().flatten().filter_map(|container| {
        Phase::of_container(&container.name).map(|phase| (phase, state(container)))
    });
    Some(PodFacts {
        namespace: meta.namespace.clone()?,
        name: meta.name.clone()?,
        uid: meta.uid.clone()?,
        attempt,
        containers: containers.collect(),
    })
}

fn state(container: &ContainerStatus) -> State {
    match &container.state {
        Some(state) if state.terminated.is_some() => State::Ended,
        Some(state) if state.running.is_some() => State::Running,
        _ => State::Waiting,
    }
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

fn is(owner: &OwnerReference, api_version: &str, kind: &str) -> bool {
    owner.api_version == api_version && owner.kind == kind
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::batch::v1::Job;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::{attempt_of, facts, job_of};
    use crate::logs::order::State;

    fn pod(owner: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"ownerReferences": [owner]}})).unwrap()
    }

    #[test]
    fn only_a_controlling_job_counts() {
        let owner = |api: &str, kind: &str, controller: bool| json!({"apiVersion": api, "kind": kind, "name": "j", "uid": "job", "controller": controller});
        assert!(job_of(&pod(&owner("batch/v1", "Job", true))).is_some());
        assert!(job_of(&pod(&owner("batch/v1", "Job", false))).is_none());
        assert!(job_of(&pod(&owner("apps/v1", "Job", true))).is_none());
        assert!(job_of(&pod(&owner("batch/v1", "CronJob", true))).is_none());
        assert!(job_of(&Pod::default()).is_none());
    }

    #[test]
    fn a_job_is_the_tasks_by_uid_alone() {
        let job = |change: &dyn Fn(&mut Value)| {
            let mut job = json!({"metadata": {"uid": "job",
                "labels": {"claudetask.dev/attempt": "2", "claudetask.dev/task-uid": "task"},
                "ownerReferences": [{"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
                    "name": "t", "uid": "task", "controller": true}]}});
            change(&mut job);
            attempt_of(&serde_json::from_value::<Job>(job).unwrap(), "job", "task")
        };
        assert_eq!(job(&|_| ()), Some(2));
        let owner = "/metadata/ownerReferences/0";
        for (path, value) in [
            ("/metadata/uid", json!("another")),
            (&format!("{owner}/uid"), json!("another")),
            (&format!("{owner}/kind"), json!("Deployment")),
            (&format!("{owner}/apiVersion"), json!("example.com/v1alpha1")),
            (&format!("{owner}/controller"), json!(false)),
            ("/metadata/labels/claudetask.dev~1attempt", json!("many")),
        ] {
            let attempt = job(&|job| *job.pointer_mut(path).unwrap() = value.clone());
            assert_eq!(attempt, None, "{path}");
        }
    }

    #[test]
    fn the_phases_of_a_pod_are_its_facts_and_the_saver_is_none() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"namespace": "demo", "name": "p", "uid": "u"},
            "status": {"initContainerStatuses": [
                {"name": "clone", "state": {"terminated": {"exitCode": 0}}, "image": "", "imageID": "", "ready": true, "restartCount": 0},
                {"name": "save", "state": {"running": {}}, "image": "", "imageID": "", "ready": true, "restartCount": 0},
                {"name": "run", "state": {"running": {}}, "image": "", "imageID": "", "ready": true, "restartCount": 0},
                {"name": "rebase", "state": {"waiting": {}}, "image": "", "imageID": "", "ready": true, "restartCount": 0},
            ], "containerStatuses": [
                {"name": "push", "image": "", "imageID": "", "ready": true, "restartCount": 0},
            ]}}))
        .unwrap();
        let states: Vec<State> =
            facts(&pod, 1).unwrap().containers.into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, [State::Ended, State::Running, State::Waiting, State::Waiting]);
    }
}
