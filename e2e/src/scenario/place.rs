//! Where the tasks of a site run: in Pods of the cluster, or on this machine. What a scenario does
//! with its task and with the servers is said here once for both.
//!
//! Not here: how the program runs that does without a cluster ([`super::local`]).

use anyhow::Context;
use crd::{ClaudeTask, Phase, names};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::local::Local;
use super::site::Site;
use crate::{namespace, parts};

/// Where tasks run.
pub enum Place {
    /// In Pods, started by the operator.
    Cluster,
    /// On this machine, each in a program of its own.
    Local(Box<Local>),
}

impl Site {
    /// Address of a test part's Service as tasks reach it.
    pub fn address(&self, service: &str) -> String {
        let here = match self.place {
            Place::Cluster => None,
            // The names of Services mean nothing to this machine.
            Place::Local(_) => self.reach.get(service),
        };
        here.map_or_else(|| parts::address(service), |reach| reach.url().to_owned())
    }

    /// Address of the git server as tasks reach it.
    pub fn git_url(&self) -> String {
        self.address(parts::GIT_SERVER)
    }

    /// Address of the scripted Messages API as tasks reach it.
    pub fn model_url(&self) -> String {
        self.address(parts::MODEL_SERVER)
    }

    /// Makes a Secret for tasks that are started later.
    pub async fn secret(&self, name: &str, values: &[(&str, &str)]) -> anyhow::Result<()> {
        match &self.place {
            Place::Cluster => {
                namespace::secret(&self.client, &self.namespace, name, values).await?;
            }
            Place::Local(local) => local.secret(name, values).await,
        }
        Ok(())
    }

    /// Starts a task; returns when it has a UID.
    pub async fn create(&self, task: &ClaudeTask) -> anyhow::Result<()> {
        match &self.place {
            Place::Cluster => {
                self.tasks()
                    .create(&PostParams::default(), task)
                    .await
                    .context("create the task")?;
            }
            Place::Local(local) => local.start(task, &self.namespace).await?,
        }
        Ok(())
    }

    /// The task as it is now; an error when it has ended here without a verdict.
    pub async fn task(&self, name: &str) -> anyhow::Result<ClaudeTask> {
        match &self.place {
            Place::Cluster => Ok(self.tasks().get(name).await?),
            Place::Local(local) => local.task(name).await,
        }
    }

    /// Cancels the task.
    pub async fn cancel(&self, name: &str) -> anyhow::Result<()> {
        match &self.place {
            Place::Cluster => {
                let cancel = Patch::Merge(json!({"spec": {"cancel": true}}));
                self.tasks().patch(name, &PatchParams::default(), &cancel).await?;
                Ok(())
            }
            Place::Local(local) => local.interrupt(name).await,
        }
    }

    /// What the container of a running phase sees of a request to stop; empty while there is none.
    pub async fn stop_request(&self, name: &str, phase: Phase) -> anyhow::Result<String> {
        match &self.place {
            Place::Cluster => {
                let status = self.task(name).await?.status.unwrap_or_default();
                let show = format!("cat {}/{}", names::STOP.path, names::STOP_FILE);
                let pod = status.pod_name.context("no Pod in the status")?;
                self.exec(&pod, phase.container(), &show).await
            }
            Place::Local(local) => local.stop_request(name).await,
        }
    }

    /// Takes note of a finished task. One that ran here must end with its verdict's exit code.
    pub async fn finish(&self, task: &ClaudeTask) -> anyhow::Result<()> {
        self.finished.lock().await.push(task.clone());
        match &self.place {
            Place::Cluster => Ok(()),
            Place::Local(local) => local.expect_end(task).await,
        }
    }

    /// What the task did, for the failure of a scenario: its status, and what it said on the way.
    pub async fn account(&self, name: &str) -> anyhow::Result<String> {
        let status = serde_json::to_string(&self.task(name).await?.status)?;
        Ok(match &self.place {
            Place::Cluster => format!("{status}\n{}", self.asked_of_pods(name).await?),
            Place::Local(local) => format!("{status}\n{}", local.said(name).await),
        })
    }

    /// Annotations of the task's Pods, by which the operator asks them to stop.
    async fn asked_of_pods(&self, name: &str) -> anyhow::Result<String> {
        let task = format!("--selector={}={name}", names::LABEL_TASK);
        let shown = r"-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.annotations}{end}";
        self.kubectl(&["get", "pods", "--namespace", &self.namespace, &task, shown]).await
    }

    /// Logs of every phase of a task's last Pod, or of every attempt that ran here, joined.
    pub async fn logs_of(&self, task: &ClaudeTask) -> anyhow::Result<String> {
        match &self.place {
            Place::Cluster => {
                let status = task.status.as_ref();
                let pod = status.and_then(|status| status.pod_name.as_deref());
                self.logs(pod.context("no Pod in the status")?).await
            }
            Place::Local(local) => local.logs(&task.name_any()).await,
        }
    }

    /// The tasks that run here.
    pub fn local(&self) -> anyhow::Result<&Local> {
        match &self.place {
            Place::Local(local) => Ok(local),
            Place::Cluster => anyhow::bail!("the site is on the cluster"),
        }
    }
}
