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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body as Sent;
    use axum::http::{Request, StatusCode, Uri};
    use crd::Phase;
    use futures::AsyncReadExt;
    use kube::Client;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::Cluster;
    use crate::logs::order::{State, Target};
    use crate::logs::position::Step;
    use crate::logs::upstream::{TaskRef, Upstream};

    fn pod(name: &str, job: &str, created: u8) -> Value {
        let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": job,
            "uid": format!("uid-{job}"), "controller": true});
        let run = json!({"name": "run", "state": {"running": {}}, "image": "", "imageID": "",
            "ready": true, "restartCount": 0});
        json!({"metadata": {"namespace": "demo", "name": name, "uid": format!("uid-{name}"),
                "labels": {"claudetask.dev/task-uid": "task", "claudetask.dev/attempt": "9"},
                "creationTimestamp": format!("2026-01-01T00:00:0{created}Z"),
                "ownerReferences": [owner]},
            "status": {"initContainerStatuses": [run]}})
    }

    fn job(name: &str, attempt: &str, task: &str) -> Value {
        let owner = json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "name": "t", "uid": task, "controller": true});
        json!({"metadata": {"namespace": "demo", "name": name, "uid": format!("uid-{name}"),
            "labels": {"claudetask.dev/attempt": attempt}, "ownerReferences": [owner]}})
    }

    fn answer(path: &str) -> Value {
        let (pods, jobs) = ("/api/v1/namespaces/demo/pods", "/apis/batch/v1/namespaces/demo/jobs");
        let found = |at: &str| path.strip_prefix(at).map(|rest| rest.trim_start_matches('/'));
        match (found(pods), found(jobs)) {
            (Some(""), _) => json!({"metadata": {}, "items": [
                pod("second", "own-2", 2), pod("first", "own-1", 1),
                pod("foreign", "foreign", 3), pod("orphan", "gone", 4),
                {"metadata": {"name": "bare", "namespace": "demo", "uid": "uid-bare"}}]}),
            (Some("first"), _) => pod("first", "own-1", 1),
            (_, Some("own-1")) => job("own-1", "1", "task"),
            (_, Some("own-2")) => job("own-2", "2", "task"),
            (_, Some("foreign")) => job("foreign", "1", "another"),
            _ => Value::Null,
        }
    }

    /// An apiserver with two Pods of the task among others, and what it was asked.
    fn cluster() -> (Cluster, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let apiserver = Router::new().fallback(async move |uri: Uri| {
            seen.lock().unwrap().push(uri.to_string());
            match answer(uri.path()) {
                _ if uri.path().ends_with("/log") => (StatusCode::OK, "a line\n".to_owned()),
                Value::Null => {
                    let gone = json!({"kind": "Status", "status": "Failure", "code": 404,
                        "reason": "NotFound", "message": ""});
                    (StatusCode::NOT_FOUND, gone.to_string())
                }
                found => (StatusCode::OK, found.to_string()),
            }
        });
        let service =
            apiserver.map_request(|request: Request<kube::client::Body>| request.map(Sent::new));
        (Cluster::new(Client::new(service, "default")), asked)
    }

    fn run_of(pod: &str, uid: &str) -> Target {
        let step = Step { attempt: 1, phase: Phase::Run };
        Target { step, namespace: "demo".into(), pod: pod.into(), uid: uid.into() }
    }

    #[tokio::test]
    async fn only_pods_whose_job_is_the_tasks_are_its_own_whatever_their_labels_say() {
        let (cluster, asked) = cluster();
        let task = TaskRef { namespace: "demo".into(), uid: "task".into() };
        let pods = cluster.pods(&task, &[]).await.unwrap();
        let own: Vec<_> = pods.iter().map(|pod| (pod.name.as_str(), pod.attempt)).collect();
        assert_eq!(own, [("first", 1), ("second", 2)]);
        let selector = "labelSelector=claudetask.dev%2Ftask-uid%3Dtask";
        assert!(asked.lock().unwrap()[0].ends_with(selector));

        asked.lock().unwrap().clear();
        assert_eq!(cluster.pods(&task, &pods).await.unwrap(), pods);
        let jobs =
            |name: &str| asked.lock().unwrap().iter().filter(|uri| uri.ends_with(name)).count();
        assert_eq!((jobs("own-1"), jobs("own-2"), jobs("foreign")), (0, 0, 1));
    }

    #[tokio::test]
    async fn another_pod_of_the_same_name_is_not_the_one_that_was_followed() {
        let (cluster, _) = cluster();
        let state = async |pod, uid| cluster.state(&run_of(pod, uid)).await.unwrap();
        assert_eq!(state("first", "uid-first").await, Some(State::Running));
        assert_eq!(state("first", "uid-before").await, None);
        assert_eq!(state("gone", "uid-gone").await, None);
    }

    #[tokio::test]
    async fn one_container_is_followed_and_its_last_line_is_asked_for() {
        let (cluster, asked) = cluster();
        let target = run_of("first", "uid-first");
        let mut text = String::new();
        cluster.follow(&target).await.unwrap().read_to_string(&mut text).await.unwrap();
        cluster.last_line(&target).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "a line\na line\n");
        let log = "/api/v1/namespaces/demo/pods/first/log?&container=run";
        assert_eq!(
            *asked.lock().unwrap(),
            [format!("{log}&follow=true"), format!("{log}&tailLines=1")]
        );
    }
}
