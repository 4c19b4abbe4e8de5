//! Gathers what is known of one task: from caches, and by reading where a cache may be behind.
//!
//! Read live are: the task before it gets a Job, Job and Pods before they are called gone, events
//! of an object that stalls. Not here: what follows from it ([`crate::decide`]).

use std::sync::Arc;

use crd::{ClaudeTask, ClaudeTaskStatus, attempts, names};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use kube::api::{Api, ListParams};
use kube::core::DeserializeGuard;
use kube::{Client, Resource};

use crate::children::{Children, TaskKey};
use crate::decide::ASK_EVENTS;
use crate::ended;
use crate::job;
use crate::ledger::Ledger;
use crate::pod_facts;
use crate::stall;
use crate::view::{
    EventView, JobSeen, JobView, Observed, PodSeen, PodView, controller_of, created,
    is_controlled_by,
};

/// The caches that observing reads.
#[derive(Debug, Default)]
pub struct Caches {
    /// Jobs by task.
    pub jobs: Children<JobView>,
    /// Pods by task.
    pub pods: Children<PodView>,
    /// What this process did lately and the watches may not show yet.
    pub ledger: Ledger,
}

impl Caches {
    /// Drops what is only remembered of a task that is finished or gone.
    pub fn forget(&self, task: &TaskKey) {
        self.jobs.forget(task);
        self.pods.forget(task);
        self.ledger.forget(&task.uid);
    }
}

/// Where to look for the Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// In the cache.
    Cached,
    /// At the apiserver: the cache has just been proven wrong.
    Live,
}

/// What is known of `task`'s Job, Pods and events at `now`.
pub async fn observe(
    client: &Client,
    caches: &Caches,
    task: &ClaudeTask,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Observed, kube::Error> {
    let Some(key) = TaskKey::of_task(&task.metadata) else { return Ok(Observed::default()) };
    let status = task.status.as_ref();
    if status.is_some_and(ClaudeTaskStatus::is_finished) {
        return Ok(Observed { jobs: own_jobs(caches, &key), ..Observed::default() });
    }
    let name = job_name(task, &key);
    let begun = status.is_some_and(|status| status.job_name.is_some());
    let mut job = cached_job(caches, &key, &name);
    // A verdict may follow from there being no Job.
    let counts = begun || task.spec.cancel;
    if freshness == Freshness::Live || (counts && matches!(job, JobSeen::Absent)) {
        job = live_job(client, &key, &name).await?;
    }
    let begun = begun || matches!(job, JobSeen::Present(_));
    let mut pods = own_pods(cached_pods(caches, &key), &job, &name);
    if begun && pods.is_empty() && nothing_will_come(&job) {
        pods = own_pods(live_pods(client, &key).await?, &job, &name);
    }
    let events = match stalled(&job, &pods, now) {
        Some(uid) => events(client, &key.namespace, &uid).await?,
        None => Vec::new(),
    };
    Ok(Observed { job, pods, events, ..Observed::default() })
}

/// The task itself, read live; nothing when it is gone or another one by now.
pub async fn live_task(client: &Client, key: &TaskKey) -> Result<Option<ClaudeTask>, kube::Error> {
    let api: Api<DeserializeGuard<ClaudeTask>> = Api::namespaced(client.clone(), &key.namespace);
    let task = api.get_opt(&key.name).await?.and_then(|DeserializeGuard(task)| task.ok());
    Ok(task.filter(|task| task.metadata.uid.as_ref() == Some(&key.uid)))
}

/// True when the caches know neither Job nor Pod of the attempt that `task` is at.
pub fn is_unknown(caches: &Caches, task: &ClaudeTask, key: &TaskKey) -> bool {
    let name = job_name(task, key);
    let job = cached_job(caches, key, &name);
    matches!(job, JobSeen::Absent) && own_pods(cached_pods(caches, key), &job, &name).is_empty()
}

/// Name of the Job of the attempt that `task` is at.
fn job_name(task: &ClaudeTask, key: &TaskKey) -> String {
    job::name(&key.name, &key.uid, attempts::current(task))
}

/// Jobs of all attempts.
fn own_jobs(caches: &Caches, key: &TaskKey) -> Vec<Arc<JobView>> {
    let jobs = caches.jobs.of(key).into_iter().filter(|child| !child.gone);
    jobs.map(|child| child.object).filter(|job| is_controlled_by(&job.metadata, &key.uid)).collect()
}

fn cached_job(caches: &Caches, key: &TaskKey, name: &str) -> JobSeen {
    own_jobs(caches, key)
        .into_iter()
        .find(|job| job.metadata.name.as_deref() == Some(name))
        .map_or(JobSeen::Absent, JobSeen::Present)
}

async fn live_job(client: &Client, key: &TaskKey, name: &str) -> Result<JobSeen, kube::Error> {
    let api: Api<JobView> = Api::namespaced(client.clone(), &key.namespace);
    let found = api.get_opt(name).await?;
    Ok(match found {
        None => JobSeen::Absent,
        Some(job) if is_controlled_by(&job.metadata, &key.uid) => JobSeen::Present(Arc::new(job)),
        Some(_) => JobSeen::Foreign,
    })
}

fn cached_pods(caches: &Caches, key: &TaskKey) -> Vec<PodSeen> {
    let pods = caches.pods.of(key).into_iter();
    pods.map(|child| PodSeen { pod: child.object, gone: child.gone }).collect()
}

async fn live_pods(client: &Client, key: &TaskKey) -> Result<Vec<PodSeen>, kube::Error> {
    let api: Api<PodView> = Api::namespaced(client.clone(), &key.namespace);
    let label = format!("{}={}", names::LABEL_TASK_UID, key.uid);
    let pods = api.list(&ListParams::default().labels(&label)).await?.items.into_iter();
    Ok(pods.map(|pod| PodSeen { pod: Arc::new(pod), gone: false }).collect())
}

/// Those that the Job controls; labels alone prove nothing. Of a Job that is gone only the name
/// is known.
fn own_pods(pods: Vec<PodSeen>, job: &JobSeen, name: &str) -> Vec<PodSeen> {
    let is_own = |meta: &ObjectMeta| match job {
        JobSeen::Present(job) => {
            job.metadata.uid.as_ref().is_some_and(|uid| is_controlled_by(meta, uid))
        }
        JobSeen::Foreign => false,
        JobSeen::Absent => {
            controller_of(meta).is_some_and(|owner| owner.kind == kube_kind() && owner.name == name)
        }
    };
    pods.into_iter().filter(|seen| is_own(&seen.pod.metadata)).collect()
}

fn kube_kind() -> String {
    JobView::kind(&()).into_owned()
}

fn nothing_will_come(job: &JobSeen) -> bool {
    match job {
        JobSeen::Absent | JobSeen::Foreign => true,
        JobSeen::Present(job) => job.is_finished(),
    }
}

/// UID of the object whose events may say why nothing happens, or what has happened.
fn stalled(job: &JobSeen, pods: &[PodSeen], now: Timestamp) -> Option<String> {
    let (since, uid) = match (pods, job) {
        ([], JobSeen::Present(job)) if !job.is_finished() => {
            (created(&job.metadata)?, job.metadata.uid.clone()?)
        }
        ([seen], _) if !pod_facts::is_leaving(seen) => {
            let facts = pod_facts::facts(&seen.pod);
            if ended::needs_events(seen, &facts) {
                return seen.pod.metadata.uid.clone();
            }
            let alive = (!pod_facts::is_over(seen, &facts)).then_some(seen)?;
            (stall::quiet_since(&alive.pod, &facts, now)?, alive.pod.metadata.uid.clone()?)
        }
        _ => return None,
    };
    (now.duration_since(since) >= ASK_EVENTS).then_some(uid)
}

async fn events(
    client: &Client,
    namespace: &str,
    uid: &str,
) -> Result<Vec<EventView>, kube::Error> {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let of_object = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
    Ok(api.list(&of_object).await?.items.into_iter().map(event).collect())
}

fn event(event: Event) -> EventView {
    let seen = event.last_timestamp.or(event.first_timestamp).map(|Time(at)| at);
    EventView {
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
        at: seen.or(event.event_time.map(|MicroTime(at)| at)),
        warning: event.type_.as_deref() == Some("Warning"),
        container: event.involved_object.field_path.as_deref().and_then(container_in),
    }
}

/// The name in a path such as `spec.initContainers{run}`.
fn container_in(path: &str) -> Option<String> {
    Some(path.split_once('{')?.1.trim_end_matches('}').to_owned())
}
