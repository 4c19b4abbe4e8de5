//! What becomes of a task after its verdict: its Jobs go, then the task itself.
//!
//! Never deleted are tasks that something else keeps: it would create them again, and they would
//! run and be paid for again. Not here: what came before the verdict ([`crate::decide`]).

use std::sync::Arc;

use crd::span::after;
use crd::status::{DisplayPhase, SUCCEEDED};
use crd::{ClaudeTask, ClaudeTaskStatus, Span};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::config::Settings;
use crate::decide::{Action, Decision, Propagation};
use crate::view::{JobView, created};

/// Starts of the keys of labels and annotations with which tools mark what they keep in step with a
/// source: Argo CD, Flux, Helm, Fleet, kapp, Config Sync.
const KEEPERS: [&str; 7] = [
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "objectset.rio.cattle.io/",
    "kapp.k14s.io/",
    "configsync.gke.io/",
];
/// Argo CD's older mark is this label alone; others use it too. A task that stays too long costs
/// less than one that runs again.
const INSTANCE: &str = "app.kubernetes.io/instance";
/// A Job of a task that has failed and is still at work by then is stopped.
const STRAGGLER: SignedDuration = SignedDuration::from_secs(60);

/// What to do about the `jobs` of a finished `task`, and about the task.
pub fn of_finished(
    task: &ClaudeTask,
    status: &ClaudeTaskStatus,
    jobs: &[Arc<JobView>],
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    let verdict = status.condition(SUCCEEDED).map(|verdict| verdict.last_transition_time);
    let finished_at = status.finished_at.or(verdict).unwrap_or(now);
    let mut decision = Decision::default();
    if !is_kept(&task.metadata) {
        let ttl = task.spec.ttl_after_finished.map_or(settings.task_ttl, Span::duration);
        // Deleting the task deletes its Jobs.
        if decision.is_due(after(finished_at, ttl), now) {
            return Decision { actions: vec![Action::DeleteTask], wake: None };
        }
    }
    for job in jobs.iter().filter(|job| job.metadata.deletion_timestamp.is_none()) {
        let expired = decision.is_due(after(finished_at, settings.job_ttl), now);
        let stray =
            stray_since(job, status, finished_at).is_some_and(|at| decision.is_due(at, now));
        let propagation = match (stray, expired) {
            (true, _) => Propagation::Foreground,
            (false, true) => Propagation::Background,
            (false, false) => continue,
        };
        if let (Some(name), Some(uid)) = (job.metadata.name.clone(), job.metadata.uid.clone()) {
            decision.actions.push(Action::DeleteJob { name, uid, propagation });
        }
    }
    decision
}

impl Decision {
    /// True when `at` has come; else it is a moment to wake.
    fn is_due(&mut self, at: Timestamp, now: Timestamp) -> bool {
        if at > now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        at <= now
    }
}

/// From when on a Job is in nobody's interest that is still at work: at once, if an operator that
/// was behind has made it after the verdict; a little later, if the task has failed.
fn stray_since(
    job: &JobView,
    status: &ClaudeTaskStatus,
    finished_at: Timestamp,
) -> Option<Timestamp> {
    let made_after = created(&job.metadata).is_some_and(|made| made > finished_at);
    match (job.is_finished(), made_after, status.phase) {
        (true, _, _) | (false, false, Some(DisplayPhase::Succeeded)) => None,
        (false, true, _) => Some(finished_at),
        (false, false, _) => Some(after(finished_at, STRAGGLER)),
    }
}

/// True for a task that something else would create again.
fn is_kept(meta: &ObjectMeta) -> bool {
    let owned = meta.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let mut keys =
        [&meta.labels, &meta.annotations].into_iter().flatten().flat_map(|map| map.keys());
    owned || keys.any(|key| key == INSTANCE || KEEPERS.iter().any(|keeper| key.starts_with(keeper)))
}
