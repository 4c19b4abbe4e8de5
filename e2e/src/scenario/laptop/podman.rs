//! Tasks in containers of Podman.

use anyhow::{Context, ensure};
use crd::Reason;
use crd::status::PhaseState::Succeeded;

use super::{Manner, Site, endless, expect_nobody, seen};
use crate::cluster::command::capture;
use crate::cluster::layout::Layout;
use crate::cluster::podman::Podman;
use crate::model_server::Step;
use crate::parts;
use crate::scenario::case::Case;
use crate::scenario::meanwhile::{expect_content, while_main_moves};
use crate::wait::until;

/// Podman with the runner's image.
pub async fn podman(site: &Site) -> anyhow::Result<Podman> {
    let _one_at_a_time = site.engine.lock().await;
    tokio::task::spawn_blocking(|| Podman::prepare(&Layout::from_env()?)).await?
}

async fn here(site: &Site) -> anyhow::Result<(Podman, Site)> {
    let podman = podman(site).await?;
    // The servers are on this machine's loopback.
    let args = ["--network", "host", "--image", &podman.image].map(str::to_owned).into();
    let manner = Manner { sandbox: "podman", args, env: podman.environment() };
    Ok((podman, site.here_as(manner).await?))
}

pub async fn in_podman_each_phase_is_a_container(case: Case<'_>) -> anyhow::Result<()> {
    let (podman, here) = here(case.site).await?;
    let case = case.on(&here);
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let look = "id; ls /claudetask; cat /claudetask/git-credentials/password; echo agent > a.txt; \
        git commit -qam Agent; touch /usr/x && echo WROTE; true";
    case.script([
        case.shell(look),
        case.gated(Step::text("Done.")),
        case.shell("echo both > a.txt"),
        Step::text("Resolved."),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &[("a.txt", "main\n")], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded; 5])?;
    expect_content(&case, "a.txt", "both\n").await?;
    let seen = seen(&case).await?;
    ensure!(seen.contains("uid=10001"), "{seen}");
    for hidden in [parts::WRITER.1, "WROTE", "saver"] {
        ensure!(!seen.contains(hidden), "{hidden:?} was seen: {seen}");
    }
    expect_no_container(&podman, &case).await
}

pub async fn a_second_ctrl_c_ends_the_container_too(case: Case<'_>) -> anyhow::Result<()> {
    let (podman, here) = here(case.site).await?;
    let case = case.on(&here);
    endless(&case).await?;
    here.cancel(&case.name).await?;
    here.cancel(&case.name).await?;
    case.verdict().await?.expect(Reason::Cancelled)?;
    expect_nobody(&case).await?;
    expect_no_container(&podman, &case).await
}

async fn expect_no_container(podman: &Podman, case: &Case<'_>) -> anyhow::Result<()> {
    let uid = case.current().await?.metadata.uid.context("no UID")?;
    let own = format!("name=claudetask-{}-{}", case.name, &uid[..8]);
    until("the containers to be gone", super::GONE_LIMIT, async || {
        let listed = capture(podman.command().args(["ps", "--all", "--quiet", "--filter", &own]))?;
        Ok(listed.trim().is_empty().then_some(()))
    })
    .await
}
