//! Where credentials are looked for and never found. Both are canaries: values that stand nowhere
//! else.

use anyhow::{Context, ensure};
use crd::{Phase, Reason, names};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams};

use super::case::Case;
use super::pod::when_running;
use crate::git_server::{Action, Call};
use crate::model_server::Step;
use crate::parts;

super::scenarios!["secrecy":
    the_agent_cannot_find_the_git_credential,
    git_containers_do_not_hold_the_model_credential,
    no_credential_is_in_a_log_event_status_argv_or_pushed_object,
];

/// Searches environment, memory maps of other processes' files, and every readable file below the
/// mounts for `canary`, without holding the value itself: a class in the pattern splits it.
fn search(canary: &str) -> String {
    let (first, rest) = canary.split_at(1);
    let pattern = format!("[{first}]{rest}");
    format!(
        "found=$( {{ env; cat /proc/*/environ /proc/*/cmdline; }} 2>/dev/null | tr '\\0' '\\n' | \
         grep -ac '{pattern}'); files=$(grep -rlsIa --exclude-dir=proc --exclude-dir=sys \
         '{pattern}' /claudetask /workspace /home /tmp /run /etc /var /dev/shm /opt /srv /mnt \
         2>/dev/null); looked=$(find /claudetask /workspace /home /tmp /etc -type f 2>/dev/null | wc -l); \
         echo \"SEARCH env=$found files=[$files] looked=$looked\""
    )
}

/// The one line that [`search`] prints, which must have looked somewhere and found nothing.
fn expect_nothing(place: &str, output: &str) -> anyhow::Result<()> {
    let line = output.lines().find(|line| line.starts_with("SEARCH ")).unwrap_or_default();
    ensure!(line.starts_with("SEARCH env=0 files=[] looked="), "{place}: {output:?}");
    ensure!(!line.ends_with("looked=0"), "{place}: looked nowhere");
    Ok(())
}

async fn the_agent_cannot_find_the_git_credential(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // The second search looks for what the agent does hold, to show that the search can find.
    let held = search(parts::MODEL_KEY);
    case.script([Step::bash(&search(parts::WRITER.1)), Step::bash(&held), Step::text("Done.")])
        .await?;
    case.run(|_| ()).await?.expect(Reason::NothingToPush)?;
    let requests = case.site.model.requests(&case.part).await?;
    let results: Vec<_> = requests.iter().flat_map(|request| &request.results).collect();
    ensure!(results.len() == 2, "{results:?}");
    expect_nothing("run", &results[0].text)?;
    ensure!(!results[1].text.contains("env=0"), "the search finds nothing at all: {results:?}");
    Ok(())
}

async fn git_containers_do_not_hold_the_model_credential(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    let fetch = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.start(|_| ()).await?;
    case.held(fetch).await?;
    look_into(&case, Phase::Clone.container()).await?;
    case.site.git.release(fetch).await?;

    case.at_gate().await?;
    look_into(&case, names::SAVE_CONTAINER).await?;
    let fetch = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    let target = format!("refs/heads/{}", case.branch());
    let push = case.push_rule(&target, Action::HoldRequest).await?;
    case.open_gate().await?;

    when_running(&case, Phase::Rebase).await?;
    case.held(fetch).await?;
    look_into(&case, Phase::Rebase.container()).await?;
    case.site.git.release(fetch).await?;

    case.held(push).await?;
    look_into(&case, Phase::Push.container()).await?;
    case.site.git.release(push).await?;
    case.verdict().await?.expect(Reason::Pushed)
}

/// Searches a running container for the model credential, and for the git credential to show that
/// the search can find.
async fn look_into(case: &Case<'_>, container: &str) -> anyhow::Result<()> {
    let pod = case.pod().await?;
    let output = case.site.exec(&pod, container, &search(parts::MODEL_KEY)).await?;
    expect_nothing(container, &output)?;
    let output = case.site.exec(&pod, container, &search(parts::WRITER.1)).await?;
    ensure!(output.contains("files=[/"), "{container}: the search finds nothing: {output:?}");
    Ok(())
}

async fn no_credential_is_in_a_log_event_status_argv_or_pushed_object(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    // The agent does its worst: it prints its environment and commits it.
    case.script([case.shell("env | tee env.txt"), Step::text("Done.")]).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let pods: Api<Pod> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    let pod = pods.get(verdict.status.pod_name.as_deref().context("no Pod")?).await?;
    let events: Api<Event> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    let operator = case.site.operator_log().await?;
    let pushed = case.pushed().await?;
    let objects = pushed.git(&["log", "--all", "-p", "--format=fuller"]).await?;
    let places = [
        ("log", verdict.logs().await?),
        ("task", serde_json::to_string(&verdict.task)?),
        ("Pod", serde_json::to_string(&pod)?),
        ("events", serde_json::to_string(&events.list(&ListParams::default()).await?.items)?),
        ("operator's log", operator),
        ("pushed objects", objects),
    ];
    for (place, text) in &places {
        ensure!(!text.is_empty(), "{place} is empty");
        ensure!(!text.contains(parts::WRITER.1), "the git credential is in the {place}");
        // What the agent itself commits is the agent's: its own credential can be there.
        let agents_own = *place == "pushed objects";
        ensure!(
            agents_own || !text.contains(parts::MODEL_KEY),
            "the model credential is in the {place}"
        );
    }
    Ok(())
}
