//! The operator itself is killed, misled or misconfigured; played one after the other, since they
//! touch what all tasks share.

use anyhow::ensure;
use crd::Reason;
use crd::status::SUCCEEDED;
use serde_json::json;

use super::case::Case;
use super::meanwhile::expect_no_checkpoint;
use super::pod::{jobs, obstructed};
use crate::git_server::{Action, Call};
use crate::model_server::Step;

super::scenarios!["operator":
    killing_it_ten_times_changes_nothing,
    an_unknown_image_is_told_and_ends_the_task,
    an_unreadable_object_stops_no_other,
];

async fn killing_it_ten_times_changes_nothing(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([
        case.shell("echo agent > a.txt"),
        case.gated(Step::text("Done.")),
        case.shell("echo both > a.txt"),
        Step::text("Resolved."),
    ])
    .await?;
    let target = format!("refs/heads/{}", case.branch());
    let fetch = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.start(|_| ()).await?;
    case.site.kill_operator().await?;
    kill_while_held(&case, fetch).await?;
    case.at_gate().await?;
    kill_twice(&case).await?;
    work.commit_files("Meanwhile", &[("a.txt", "main\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    let push = case.push_rule(&target, Action::HoldResponse).await?;
    let fetch = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.open_gate().await?;
    kill_while_held(&case, fetch).await?;
    kill_while_held(&case, push).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    let uid = verdict.task.metadata.uid.clone();
    case.site.kill_operator().await?;
    case.site.operator_ready().await?;
    let after = case.current().await?;
    ensure!(
        after.metadata.uid == uid && after.status.as_ref() == Some(&verdict.status),
        "{after:?}"
    );
    ensure!(jobs(&case).await?.len() == 1, "more than one Job");
    expect_no_checkpoint(&case).await?;
    case.expect_pushed_once(&target).await?;
    case.expect_model_requests(4).await
}

/// Kills the operator, and its successor as soon as that is ready.
async fn kill_twice(case: &Case<'_>) -> anyhow::Result<()> {
    case.site.kill_operator().await?;
    case.site.operator_ready().await?;
    case.site.kill_operator().await
}

/// Kills the operator twice while the git server holds an answer, then lets go of that.
async fn kill_while_held(case: &Case<'_>, rule: u64) -> anyhow::Result<()> {
    case.held(rule).await?;
    kill_twice(case).await?;
    case.site.git.release(rule).await
}

async fn an_unknown_image_is_told_and_ends_the_task(case: Case<'_>) -> anyhow::Result<()> {
    case.site.install(&[("runner.image.repository", "localhost/claudetask/no-such-image")]).await?;
    let verdict = obstructed(&case, Reason::ImagePullFailed, |_| ()).await;
    case.site.install(&[]).await?;
    let verdict = verdict?;
    ensure!(verdict.message().contains("no-such-image"), "{}", verdict.message());
    case.expect_model_requests(0).await
}

async fn an_unreadable_object_stops_no_other(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    // As a newer version of the CRD could have let it in.
    let strange = format!("{}-strange", case.name);
    let mut object = serde_json::to_value(case.task(|_| ())?)?;
    object["metadata"]["name"] = json!(strange);
    object["spec"]["rebase"]["conflicts"] = json!("Ask");
    case.site.create_despite_schema(&object).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let told = case.site.raw_status(&strange).await?;
    let conditions = told["conditions"].as_array().cloned().unwrap_or_default();
    let verdict = conditions.iter().find(|condition| condition["type"] == SUCCEEDED);
    let reason = verdict.map(|verdict| verdict["reason"].clone()).unwrap_or_default();
    ensure!(reason == Reason::InvalidSpec.as_str(), "{told}");
    Ok(())
}
