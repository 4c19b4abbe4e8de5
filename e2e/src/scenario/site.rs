//! What all scenarios of one run share: clients, addresses, namespace and Secrets.
//!
//! Not here: how tasks run at the site's place ([`super::place`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use crd::ClaudeTask;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use tokio::sync::Mutex;

use super::local::{Local, Manner};
use super::outpost::Outpost;
use super::place::Place;
use crate::cluster::Cluster;
use crate::cluster::command::capture;
use crate::cluster::reach::Reach;
pub use crate::parts::{git_secret, model_secret};
use crate::wait::until;
use crate::{git_server, install, model_server, namespace, parts};

/// Name of the Secret with an account that may push.
pub const GIT_SECRET: &str = "git-writer";
/// Name of the Secret with the model credential.
pub const MODEL_SECRET: &str = "model";

/// Label of the namespaces of one run, with its name.
const RUN: &str = "claudetask.dev/e2e-run";

/// Settings of the operator that make scenarios quick: values of the chart.
pub const SETTINGS: &[(&str, &str)] = &[
    ("tasks.allowPlainHttp", "true"),
    ("tasks.startupDeadline", "40s"),
    ("tasks.gracePeriod", "30s"),
    ("tasks.cancelGrace", "20s"),
    // One wait, and no second one.
    ("tasks.firstWait", "5s"),
    ("tasks.waitLimit", "5s"),
    ("tasks.saveInterval", "2s"),
    // Longer than anything that is done while Claude waits at a gate.
    ("tasks.idleLimit", "60s"),
    ("tasks.modelRetries", "1"),
    ("tasks.workspaceSize", "200Mi"),
    ("leaderElection.duration", "3s"),
    install::WITH_WEB,
    install::WEB_ADDRESS,
];

/// Services that scenarios name, for which there is a [`Reach`].
const SERVICES: [&str; 3] = [parts::GIT_SERVER, parts::GIT_ELSEWHERE, parts::MODEL_SERVER];

/// Clients, addresses and the namespace of one run.
pub struct Site {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Client of the cluster's administrator.
    pub client: Client,
    /// Namespace of this run's tasks; on the cluster Pod Security `restricted` is enforced in it.
    pub namespace: String,
    /// Where tasks run.
    pub place: Place,
    /// Every finished task that a scenario has waited for, in this order.
    pub finished: Mutex<Vec<ClaudeTask>>,
    /// Address of the git server as this machine reaches it.
    pub git_base: String,
    /// The git server's admin interface.
    pub git: git_server::Admin,
    /// The Messages API's admin interface.
    pub model: model_server::Admin,
    /// The second node.
    pub outpost: Arc<Outpost>,
    /// Held while the store of the container engine is prepared.
    pub engine: Arc<Mutex<()>>,
    /// Name of the run's namespace, which those that are [`Self::apart`] carry as a label.
    run: String,
    /// The services as this machine reaches them.
    pub(super) reach: Arc<BTreeMap<&'static str, Reach>>,
}

impl Site {
    /// Installs test parts and operator, and makes the namespace `tasks` with the usual Secrets.
    pub async fn install_all(cluster: Arc<Cluster>, tasks: String) -> anyhow::Result<Self> {
        let installer = Arc::clone(&cluster);
        let reach = tokio::task::spawn_blocking(move || {
            install::test_parts(&installer)?;
            // Gates and requests of an earlier run have the names of this one's.
            install::chart(&installer, SETTINGS)?;
            let reach = |service| {
                let reach = installer.reach(parts::NAMESPACE, service, parts::PORT)?;
                anyhow::Ok((service, reach))
            };
            SERVICES.into_iter().map(reach).collect::<anyhow::Result<BTreeMap<_, _>>>()
        });
        let reach = reach.await??;
        let (git, model) = (reach[parts::GIT_SERVER].url(), reach[parts::MODEL_SERVER].url());
        let site = Self {
            client: namespace::client(&cluster).await?,
            namespace: tasks.clone(),
            place: Place::Cluster,
            finished: Mutex::default(),
            git_base: git.to_owned(),
            git: git_server::Admin::new(git, parts::ADMIN_PASSWORD),
            model: model_server::Admin::new(model, parts::ADMIN_PASSWORD),
            cluster,
            outpost: Arc::default(),
            engine: Arc::default(),
            run: tasks,
            reach: Arc::new(reach),
        };
        site.prepare().await?;
        Ok(site)
    }

    /// The same with another namespace and place.
    fn with(&self, namespace: String, place: Place) -> Self {
        Self {
            cluster: Arc::clone(&self.cluster),
            client: self.client.clone(),
            namespace,
            place,
            finished: Mutex::default(),
            git_base: self.git_base.clone(),
            git: self.git.clone(),
            model: self.model.clone(),
            outpost: Arc::clone(&self.outpost),
            engine: Arc::clone(&self.engine),
            run: self.run.clone(),
            reach: Arc::clone(&self.reach),
        }
    }

    /// The same site of the cluster with a record of its own of what finished.
    #[must_use]
    pub fn again(&self) -> Self {
        self.with(self.namespace.clone(), Place::Cluster)
    }

    /// A site on this machine, with the same servers and the usual Secrets; names of repositories
    /// and scripts are others. The tasks that run there end with it.
    pub async fn here(&self) -> anyhow::Result<Self> {
        self.here_as(Manner::default()).await
    }

    /// The same, where tasks are started in this manner.
    pub async fn here_as(&self, manner: Manner) -> anyhow::Result<Self> {
        let site = self
            .with(format!("{}-local", self.run), Place::Local(Box::new(Local::new(manner).await?)));
        site.usual_secrets().await?;
        Ok(site)
    }

    /// The same with a namespace of its own, which has the usual Secrets and these annotations and
    /// goes with the run's.
    pub async fn apart(&self, name: &str, annotations: &[(&str, String)]) -> anyhow::Result<Self> {
        let namespace = format!("{}-{name}", self.run);
        let site = Self { outpost: Arc::default(), ..self.with(namespace, Place::Cluster) };
        site.prepare().await?;
        let notes: BTreeMap<_, _> = annotations.iter().cloned().collect();
        let patch = Patch::Merge(json!({"metadata": {"annotations": notes}}));
        let namespaces: Api<Namespace> = Api::all(site.client.clone());
        namespaces.patch(&site.namespace, &PatchParams::default(), &patch).await?;
        Ok(site)
    }

    async fn prepare(&self) -> anyhow::Result<()> {
        namespace::make(&self.client, &self.namespace, &[(RUN, &self.run)]).await?;
        self.usual_secrets().await
    }

    async fn usual_secrets(&self) -> anyhow::Result<()> {
        self.secret(GIT_SECRET, &git_secret(&self.git_url(), parts::WRITER)).await?;
        self.secret(MODEL_SECRET, &model_secret(&self.model_url())).await
    }

    /// The tasks of the namespace.
    pub fn tasks(&self) -> Api<ClaudeTask> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Removes the run's namespaces and waits until they are gone.
    pub async fn clear(&self) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let of_run = ListParams::default().labels(&format!("{RUN}={}", self.run));
        for namespace in namespaces.list(&of_run).await? {
            namespaces.delete(&namespace.name_any(), &DeleteParams::default()).await?;
        }
        let what = format!("the end of the namespaces of {}", self.run);
        until(&what, Duration::from_mins(2), async || {
            Ok(namespaces.list(&of_run).await?.items.is_empty().then_some(()))
        })
        .await
    }

    /// Logs of every container of a Pod, joined, for searches.
    pub async fn logs(&self, pod: &str) -> anyhow::Result<String> {
        let all = ["logs", "--namespace", &self.namespace, pod, "--all-containers", "--tail=-1"];
        self.kubectl(&all).await
    }

    /// Log of one container of a Pod.
    pub async fn log(&self, pod: &str, container: &str) -> anyhow::Result<String> {
        let one = ["logs", "--namespace", &self.namespace, pod, "--container", container];
        self.kubectl(&one).await
    }

    /// Runs a shell command in a running container and gives its output.
    pub async fn exec(&self, pod: &str, container: &str, command: &str) -> anyhow::Result<String> {
        let place = ["exec", "--namespace", &self.namespace, pod, "--container", container];
        self.kubectl(&[&place[..], &["--", "sh", "-c", command]].concat()).await
    }

    /// Kills the operator without warning; its Deployment starts it again.
    pub async fn kill_operator(&self) -> anyhow::Result<()> {
        let kill = ["delete", "pod", "--namespace", install::SYSTEM, install::OPERATORS];
        let at_once = ["--force", "--grace-period=0", "--wait=false"];
        self.kubectl(&[&kill[..], &at_once[..]].concat()).await.map(drop)
    }

    /// Waits until the operator is ready.
    pub async fn operator_ready(&self) -> anyhow::Result<()> {
        let cluster = Arc::clone(&self.cluster);
        tokio::task::spawn_blocking(move || install::operator_ready(&cluster)).await?
    }

    /// The logs of the operators as they run now.
    pub async fn operator_log(&self) -> anyhow::Result<String> {
        let all = ["logs", "--namespace", install::SYSTEM, install::OPERATORS, "--tail=-1"];
        self.kubectl(&all).await
    }

    /// Installs the operator with the scenarios' settings and these.
    pub async fn install(&self, values: &[(&str, &str)]) -> anyhow::Result<()> {
        let cluster = Arc::clone(&self.cluster);
        let own = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let own: Vec<(String, String)> = own.collect();
        tokio::task::spawn_blocking(move || {
            let own = own.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            let values: Vec<_> = SETTINGS.iter().copied().chain(own).collect();
            install::chart(&cluster, &values)
        })
        .await?
    }

    /// Creates a task that the schema refuses, as a newer version of it could have let it in: the
    /// schema is taken away for a moment.
    pub async fn create_despite_schema(&self, object: &Value) -> anyhow::Result<()> {
        let crd = serde_json::to_value(crd::manifest::crd()?)?;
        let mut open = crd.clone();
        open["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        self.put_crd(&open).await?;
        let tasks = self.raw_tasks();
        let object: DynamicObject = serde_json::from_value(object.clone())?;
        let made = until("the schema to be gone", Duration::from_secs(20), async || {
            Ok(tasks.create(&PostParams::default(), &object).await.ok())
        })
        .await;
        self.put_crd(&crd).await?;
        made.map(drop)
    }

    /// The status of a task, readable or not, once it has conditions.
    pub async fn raw_status(&self, name: &str) -> anyhow::Result<Value> {
        let tasks = self.raw_tasks();
        until("conditions in the status", Duration::from_secs(30), async || {
            let status = tasks.get(name).await?.data["status"].take();
            Ok(status["conditions"].is_array().then_some(status))
        })
        .await
    }

    fn raw_tasks(&self) -> Api<DynamicObject> {
        let resource = kube::api::ApiResource::erase::<ClaudeTask>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    async fn put_crd(&self, crd: &Value) -> anyhow::Result<()> {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = crd["metadata"]["name"].as_str().unwrap_or_default();
        let patch = Patch::Merge(json!({"spec": {"versions": crd["spec"]["versions"]}}));
        crds.patch(name, &PatchParams::default(), &patch).await.map(drop).context("change the CRD")
    }

    /// Runs kubectl and gives its output.
    pub(super) async fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = self.cluster.kubectl();
        kubectl.args(args);
        tokio::task::spawn_blocking(move || capture(&mut kubectl)).await?
    }
}
