//! Several operators: one takes over from another, and two that work at once do no harm. Played
//! one after the other, since they touch what all tasks share.

use std::time::Duration;

use anyhow::ensure;
use crd::Reason;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};

use super::case::Case;
use super::meanwhile::while_main_moves;
use super::pod::jobs;
use super::site::Site;
use crate::install;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["leader":
    a_dead_leader_is_replaced,
    two_operators_without_election_do_everything_once,
];

async fn a_dead_leader_is_replaced(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    case.start(|_| ()).await?;
    case.at_gate().await?;
    let dead = holder(case.site).await?;
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), install::SYSTEM);
    pods.delete(&dead, &DeleteParams::default().grace_period(0)).await?;
    case.open_gate().await?;
    case.verdict().await?.expect(Reason::Pushed)?;
    let heir = holder(case.site).await?;
    ensure!(heir != dead, "the dead operator still holds the Lease");
    done_once(&case, 2).await
}

async fn two_operators_without_election_do_everything_once(case: Case<'_>) -> anyhow::Result<()> {
    case.site.install(&[("leaderElection.enabled", "false"), ("replicas", "2")]).await?;
    let played = worked_on_by_two(&case).await;
    case.site.install(&[]).await?;
    played
}

async fn worked_on_by_two(case: &Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let agent = case.shell("echo agent > a.txt");
    let both = case.shell("echo both > a.txt");
    case.script([agent, case.gated(Step::text("Done.")), both, Step::text("Resolved.")]).await?;
    let theirs = [("a.txt", "main\n")];
    while_main_moves(case, &work, &theirs, |_| ()).await?.expect(Reason::Pushed)?;
    done_once(case, 4).await
}

/// Asserts one Job, one push, and this many model requests.
async fn done_once(case: &Case<'_>, requests: usize) -> anyhow::Result<()> {
    ensure!(jobs(case).await?.len() == 1, "more than one Job");
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    case.expect_model_requests(requests).await
}

/// The Pod that holds the Lease, once one does.
async fn holder(site: &Site) -> anyhow::Result<String> {
    let leases: Api<Lease> = Api::namespaced(site.client.clone(), install::SYSTEM);
    until("a holder of the Lease", Duration::from_secs(30), async || {
        let lease = leases.get_opt(install::RELEASE).await?;
        let holder = lease.and_then(|lease| lease.spec?.holder_identity);
        Ok(holder.filter(|holder| !holder.is_empty()))
    })
    .await
}
