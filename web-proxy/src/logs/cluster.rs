//! Pods and logs as the apiserver has them, read with the proxy's own rights: `list` and `get` on
//! Pods, `get` on Jobs and on `pods/log`.
//!
//! Not here: whose a Pod is ([`super::owner`]) and who may see a log (the routes ask).

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt};

use super::order::{PodFacts, State, Target};
use super::owner;
use super::upstream::{Body, TaskRef, Unreadable, Upstream};

/// The cluster of this client.
pub struct Cluster {
    client: Client,
}

impl Cluster {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn own_pods(
        &self,
        task: &TaskRef,
        known: &[PodFacts],
    ) -> Result<Vec<PodFacts>, Unreadable> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &task.namespace);
        let by_label =
            ListParams::default().labels(&format!("{}={}", crd::names::LABEL_TASK_UID, task.uid));
        let mut pods = api.list(&by_label).await.map_err(Unreadable::Pods)?.items;
        pods.sort_by_key(ResourceExt::creation_timestamp);
        let mut own = Vec::new();
        for pod in &pods {
            let before = known.iter().find(|facts| pod.uid().as_ref() == Some(&facts.uid));
            let attempt = match before {
                Some(facts) => Some(facts.attempt),
                None => self.attempt(task, pod).await?,
            };
            own.extend(attempt.and_then(|attempt| owner::facts(pod, attempt)));
        }
        Ok(own)
    }

    /// The attempt of the task that this Pod is; none when it is not the task's.
    async fn attempt(&self, task: &TaskRef, pod: &Pod) -> Result<Option<u32>, Unreadable> {
        let Some(owner) = owner::job_of(pod) else { return Ok(None) };
        let api: Api<Job> = Api::namespaced(self.client.clone(), &task.namespace);
        let job = api.get_opt(&owner.name).await.map_err(Unreadable::Job)?;
        Ok(job.and_then(|job| owner::attempt_of(&job, &owner.uid, &task.uid)))
    }

    async fn container(&self, target: &Target) -> Result<Option<State>, Unreadable> {
        let pod = self.api(target).get_opt(&target.pod).await.map_err(Unreadable::Pod)?;
        // A Pod of the same name that is another one is not what was followed.
        let own = pod.filter(|pod| pod.metadata.uid.as_ref() == Some(&target.uid));
        let Some(facts) = own.and_then(|pod| owner::facts(&pod, target.step.attempt)) else {
            return Ok(None);
        };
        let mut states = facts.containers.into_iter();
        let state = states.find(|(phase, _)| *phase == target.step.phase);
        Ok(Some(state.map_or(State::Waiting, |(_, state)| state)))
    }

    async fn log(&self, target: &Target, params: LogParams) -> Result<Body, Unreadable> {
        let container = Some(target.step.phase.container().to_owned());
        let params = LogParams { container, ..params };
        let body = self.api(target).log_stream(&target.pod, &params).await;
        body.map(|body| Box::pin(body) as Body).map_err(Unreadable::Log)
    }

    fn api(&self, target: &Target) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &target.namespace)
    }
}

impl Upstream for Cluster {
    fn pods<'a>(
        &'a self,
        task: &'a TaskRef,
        known: &'a [PodFacts],
    ) -> BoxFuture<'a, Result<Vec<PodFacts>, Unreadable>> {
        self.own_pods(task, known).boxed()
    }

    fn state<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Option<State>, Unreadable>> {
        self.container(target).boxed()
    }

    fn follow<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>> {
        self.log(target, LogParams { follow: true, ..LogParams::default() }).boxed()
    }

    fn last_line<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Body, Unreadable>> {
        self.log(target, LogParams { tail_lines: Some(1), ..LogParams::default() }).boxed()
    }
}
