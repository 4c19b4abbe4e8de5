//! Takes back what the demo started, and nothing else.
//!
//! In our own cluster that is the cluster; in somebody else's the namespaces that carry the demo's
//! mark, and the release in one of them. The CRD stays: without it every ClaudeTask of that cluster
//! would be gone. Not here: the cluster's own end ([`crate::cluster::own`]).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;

use super::plot::{NAMESPACE, Plot};
use crate::cluster::command::{capture, succeeds};
use crate::cluster::layout::Layout;
use crate::cluster::lock::UseLock;
use crate::cluster::own::{self, Health};
use crate::cluster::{Cluster, Progress, Target};
use crate::wait::until;
use crate::{install, namespace, parts};

/// Label of a namespace that a demo made and may delete.
pub const MARK: (&str, &str) = ("claudetask.dev/demo", "true");

const NAMESPACES: [&str; 3] = [NAMESPACE, parts::NAMESPACE, install::SYSTEM];

/// How long an earlier demo's namespace may take to go.
const END_LIMIT: Duration = Duration::from_mins(2);

/// Marks the demo's namespaces as its own; in somebody else's cluster, refuses one that is there
/// already and was not made by a demo.
pub async fn claim(cluster: &Cluster) -> Result<()> {
    let client = namespace::client(cluster).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in NAMESPACES {
        let what = format!("the end of an earlier namespace {name}");
        let found = until(&what, END_LIMIT, async || {
            let found = namespaces.get_opt(name).await.context("look for namespaces")?;
            let ends = found.as_ref().is_some_and(|it| it.metadata.deletion_timestamp.is_some());
            Ok((!ends).then_some(found))
        })
        .await?;
        let is_marked = |it: &Namespace| {
            it.metadata.labels.as_ref().and_then(|labels| labels.get(MARK.0)).is_some()
        };
        if let (Some(found), Some(context)) = (found, cluster.context())
            && !is_marked(&found)
        {
            bail!(
                "the cluster {context:?} has a namespace {name} that no demo made: the demo would \
                 overwrite and delete what is in it. Use another cluster, or delete the namespace"
            );
        }
        namespace::make(&client, name, &[MARK]).await?;
    }
    Ok(())
}

/// Ends everything: blocks for some seconds.
pub fn end(cluster: Arc<Cluster>, plots: &[Plot], progress: &Progress) -> Result<()> {
    if cluster.context().is_some() {
        return end_foreign(&cluster, progress);
    }
    // When somebody else uses the cluster it stays, but not with our tasks in it.
    let delete = ["delete", "claudetasks", "--namespace", NAMESPACE, "--ignore-not-found"];
    let names = plots.iter().map(|plot| &plot.name);
    succeeds(cluster.kubectl().args(delete).arg("--wait=false").args(names));
    let cluster = Arc::into_inner(cluster).context("the cluster is still in use")?;
    cluster.down(progress)
}

fn end_foreign(cluster: &Cluster, progress: &Progress) -> Result<()> {
    progress.step("Remove the tasks, the operator and the test parts", "", || {
        let namespace = |name| {
            let delete = ["delete", "namespace", name, "--ignore-not-found", "--timeout=120s"];
            capture(cluster.kubectl().args(delete))
        };
        // The tasks first, while there is an operator that can end them in order.
        let tasks = namespace(NAMESPACE);
        let uninstall = ["uninstall", install::RELEASE, "--namespace", install::SYSTEM, "--wait"];
        let release = capture(cluster.helm().args(uninstall).arg("--ignore-not-found"));
        let rest = [namespace(parts::NAMESPACE), namespace(install::SYSTEM)];
        for ended in [tasks, release].into_iter().chain(rest) {
            ended?;
        }
        Ok(())
    })?;
    progress.say("    The CRD stays, because deleting it deletes all ClaudeTasks of the cluster.");
    Ok(())
}

/// Removes what a cluster that could not be started has left, if that is nobody else's.
pub fn end_half_started(target: &Target, progress: &Progress) -> Result<()> {
    let layout = Layout::from_env()?;
    if *target != Target::Own || !layout.cluster().exists() || own::health(&layout) == Health::Well
    {
        return Ok(());
    }
    own::leave(UseLock::take(&layout)?, &layout, progress)
}
