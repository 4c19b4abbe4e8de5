//! The second node as scenarios see it: a namespace whose Pods go there, and turns for those that
//! harm more than their own Pod.
//!
//! Not here: what can be done to the node ([`crate::cluster::second`]).

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};
use tokio::sync::{OnceCell, RwLock};

use super::case::Case;
use super::site::Site;
use crate::cluster::Progress;
use crate::cluster::second::{SecondNode, annotations};
use crate::wait::until;

/// Longest time until a node that was revived has ended what ran on it.
const CLEAN_LIMIT: Duration = Duration::from_mins(1);

/// The second node with its namespace; started by the first scenario that needs it.
#[derive(Default)]
pub struct Outpost {
    ready: OnceCell<Box<Ready>>,
    turns: RwLock<()>,
}

struct Ready {
    node: Arc<SecondNode>,
    site: Site,
}

/// A scenario's corner on the second node.
pub struct There<'a> {
    /// The case, with the Pods of its task on the second node.
    pub case: Case<'a>,
    node: Arc<SecondNode>,
}

impl There<'_> {
    /// Does something to the node.
    pub async fn node<T: Send + 'static>(
        &self,
        act: impl FnOnce(&SecondNode) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || act(&node)).await?
    }

    /// Ends what the task left there, so that the next scenario finds the node empty of it.
    async fn leave(&self) -> anyhow::Result<()> {
        let site = self.case.site;
        let of_task =
            ListParams::default().labels(&format!("{}={}", crd::names::LABEL_TASK, self.case.name));
        let jobs: Api<Job> = Api::namespaced(site.client.clone(), &site.namespace);
        jobs.delete_collection(&DeleteParams::background(), &of_task).await?;
        self.node(SecondNode::revive).await?;
        let pods: Api<Pod> = Api::namespaced(site.client.clone(), &site.namespace);
        until("the node to end what ran on it", CLEAN_LIMIT, async || {
            Ok(pods.list(&of_task).await?.items.is_empty().then_some(()))
        })
        .await
    }
}

impl Outpost {
    async fn ready(&self, home: &Site) -> anyhow::Result<&Ready> {
        let make = async || {
            let cluster = Arc::clone(&home.cluster);
            let start = move || cluster.second_node(&Progress::to_stderr());
            let node = tokio::task::spawn_blocking(start).await?.context("the second node")?;
            let site = home.apart("b", &annotations()).await?;
            anyhow::Ok(Box::new(Ready { node: Arc::new(node), site }))
        };
        Ok(self.ready.get_or_try_init(make).await?)
    }

    /// Plays a scenario that harms at most its own Pod, side by side with others.
    pub async fn visit<'a>(
        &'a self,
        case: &Case<'a>,
        play: impl AsyncFnOnce(&There<'a>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let ready = self.ready(case.site).await?;
        let _turn = self.turns.read().await;
        play(&There { case: case.on(&ready.site), node: Arc::clone(&ready.node) }).await
    }

    /// Plays a scenario that harms the node, while no other one has anything there; afterwards the
    /// node is well again.
    pub async fn alone<'a>(
        &'a self,
        case: &Case<'a>,
        play: impl AsyncFnOnce(&There<'a>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let ready = self.ready(case.site).await?;
        let _turn = self.turns.write().await;
        let there = There { case: case.on(&ready.site), node: Arc::clone(&ready.node) };
        let played = play(&there).await;
        let left = there.leave().await;
        played.and(left)
    }
}
