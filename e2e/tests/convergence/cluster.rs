//! A toy Job controller and collector of garbage: one chore at a time, late if chance wills.
//!
//! Not here: what happens on the node ([`crate::kubelet`]).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::store::{Kind, Store, is_leaving, name, owner, uid};
use crate::time::at;

/// Something that a controller of the cluster does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chore {
    /// Make the Pod of this Job.
    MakePod(String),
    /// Note in the Job's status how its Pod ended.
    Finish(String, &'static str),
    /// Let a Pod go whose Job goes or is gone.
    LetPodGo(String),
    /// Remove a Job that goes and has no Pod any more, or whose task is gone.
    RemoveJob(String),
}

/// What there is to do; `begun` are the UIDs of Jobs that had a Pod.
pub fn chores(store: &Store, begun: &BTreeSet<String>) -> Vec<Chore> {
    let mut chores = Vec::new();
    for job in store.all(Kind::Job) {
        let pods = || store.all(Kind::Pod).filter(|pod| owner(pod) == uid(job));
        let known = name(job).to_owned();
        let orphan = !store.all(Kind::Task).any(|task| uid(task) == owner(job));
        if orphan && owner(job) != FOREIGN {
            chores.push(Chore::RemoveJob(known));
        } else if is_leaving(job) {
            chores.extend(
                pods().filter(|pod| !is_leaving(pod)).map(|p| Chore::LetPodGo(name(p).into())),
            );
            if pods().count() == 0 {
                chores.push(Chore::RemoveJob(known));
            }
        } else if job["status"]["conditions"].is_null() && owner(job) != FOREIGN {
            let phase =
                |pod: &Value| pod["status"]["phase"].as_str().unwrap_or_default().to_owned();
            if !begun.contains(uid(job)) {
                chores.push(Chore::MakePod(known));
            } else if pods().any(|pod| phase(pod) == "Succeeded") {
                chores.push(Chore::Finish(known, "Complete"));
            } else if pods().all(|pod| phase(pod) == "Failed") {
                chores.push(Chore::Finish(known, "Failed"));
            }
        }
    }
    let orphans = store
        .all(Kind::Pod)
        .filter(|pod| !is_leaving(pod) && !store.all(Kind::Job).any(|job| uid(job) == owner(pod)));
    chores.extend(orphans.map(|pod| Chore::LetPodGo(name(pod).into())));
    chores
}

/// Owner of Jobs that are no task's.
pub const FOREIGN: &str = "somebody-else";

/// Does all chores but the making of Pods.
pub fn perform(store: &mut Store, chore: &Chore, now: i64) {
    match chore {
        Chore::MakePod(_) => {}
        Chore::Finish(job, how) => store.change(Kind::Job, job, |job| {
            job["status"]["conditions"] = json!([{"type": how, "status": "True"}]);
        }),
        Chore::LetPodGo(pod) => let_go(store, pod, now),
        Chore::RemoveJob(job) => store.remove(Kind::Job, job),
    }
}

/// Marks a Pod as being deleted.
pub fn let_go(store: &mut Store, pod: &str, now: i64) {
    store.change(Kind::Pod, pod, |pod| pod["metadata"]["deletionTimestamp"] = json!(at(now)));
}

/// A Pod as the Job controller makes it of the Job's template.
pub fn pod_of(job: &Value, pod: &str, now: i64) -> Value {
    let template = &job["spec"]["template"]["metadata"];
    json!({
        "metadata": {
            "name": pod, "namespace": "demo", "uid": format!("uid-of-{pod}"),
            "creationTimestamp": at(now), "labels": template["labels"],
            "annotations": template["annotations"],
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name(job),
                "uid": uid(job), "controller": true}],
        },
        "status": {"phase": "Pending", "conditions": []},
    })
}
