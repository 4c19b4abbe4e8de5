//! Ways to the git server besides plain http: ssh, certificates of one's own, a proxy.
//!
//! Not here: accounts over http ([`super::access`], [`super::refusal`]).

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use crd::spec::SecretName;
use crd::status::PhaseState::{Failed, Skipped};
use crd::{ClaudeTaskSpec, Reason};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ObjectMeta, PostParams};

use super::case::Case;
use super::site::{git_secret, model_secret};
use super::verdict::Verdict;
use crate::keys::name;
use crate::model_server::Step;
use crate::parts;

super::scenarios!["transport":
    a_change_lands_over_ssh,
    another_host_key_gets_no_key,
    ssh_without_known_hosts_is_refused,
    an_ssh_key_that_may_only_read_is_refused,
    a_certificate_of_ones_own_is_trusted,
    a_certificate_that_nobody_vouches_for_is_refused,
];

/// Scenarios that install the operator anew.
pub const INSTALLED: &[super::Scenario] = &[super::Scenario {
    name: "transport::a_bundle_and_a_proxy_serve_a_whole_installation",
    twice: false,
    play: |site| {
        Box::pin(async move {
            let case = Case::new(site, "a_bundle_and_a_proxy_serve_a_whole_installation");
            let done = a_bundle_and_a_proxy_serve_a_whole_installation(case).await;
            site.install(&[]).await?;
            done
        })
    },
}];

/// ConfigMap and key of the installation's trust bundle.
const BUNDLE: (&str, &str) = ("company-authorities", "bundle.pem");

/// Keys and certificates of the git server.
async fn keys(case: &Case<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    let secrets: Api<Secret> = Api::namespaced(case.site.client.clone(), parts::NAMESPACE);
    let data = secrets.get(parts::KEYS).await?.data.unwrap_or_default();
    data.into_iter().map(|(key, value)| Ok((key, String::from_utf8(value.0)?))).collect()
}

/// The repository's address as scp writes it.
fn ssh_url(case: &Case<'_>) -> String {
    format!("git@{}:{}.git", parts::host(parts::GIT_SERVER), case.repo)
}

fn https_url(case: &Case<'_>) -> String {
    format!("{}/{}.git", parts::safe_address(parts::GIT_SERVER), case.repo)
}

/// Makes the case's Secret for ssh, with the private key of that name and this as the server's
/// host key, if any.
async fn ssh_secret(case: &Case<'_>, key: &str, host: Option<&str>) -> anyhow::Result<()> {
    let keys = keys(case).await?;
    let place = parts::host(parts::GIT_SERVER);
    let url = format!("ssh://git@{place}/acme/");
    let hosts = host.map(|host| format!("{place} {host}\n")).unwrap_or_default();
    let values = [("url", url.as_str()), ("ssh-privatekey", &keys[key]), ("known_hosts", &hosts)];
    case.site.secret(&case.name, &values).await
}

/// The git credentials for https, with these certificates.
async fn https_secret(case: &Case<'_>, authority: Option<&str>) -> anyhow::Result<()> {
    let url = parts::safe_address(parts::GIT_SERVER);
    let mut values = git_secret(&url, parts::WRITER).to_vec();
    values.extend(authority.map(|text| (name::AUTHORITY, text)));
    case.site.secret(&case.name, &values).await
}

/// Runs a task that makes `b.txt` at this address, and expects it on the branch, pushed once by
/// `writer`, with no checkpoint left.
async fn lands(
    case: &Case<'_>,
    url: &str,
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let verdict = case
        .run(|spec| {
            case.use_own_secret(spec);
            url.clone_into(&mut spec.repository.url);
            change(spec);
        })
        .await?;
    verdict.expect(Reason::Pushed)?;
    let branch = format!("refs/heads/{}", case.branch());
    case.expect_pushed_once(&branch).await?;
    let pushes = case.site.git.pushes(&case.repo).await?;
    let push = pushes.iter().find(|push| push.updates.iter().any(|update| update.name == branch));
    ensure!(push.is_some_and(|push| push.user == parts::WRITER.0), "{pushes:?}");
    let tip = case.remote().branch(&case.branch()).await?.context("no branch")?;
    ensure!(case.pushed().await?.content(&tip, "b.txt").await? == "b\n", "b.txt");
    no_checkpoint(case, &verdict).await?;
    no_key_in_sight(case, &verdict).await?;
    case.expect_model_requests(2).await
}

async fn no_checkpoint(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<()> {
    let left = &verdict.result().checkpoint;
    ensure!(left.is_none(), "a checkpoint is named: {left:?}");
    let refs = case.remote().refs().await?;
    ensure!(!refs.keys().any(|name| name.starts_with("refs/claudetask/")), "{refs:?}");
    Ok(())
}

/// The credential is in no log and in no object of the task.
async fn no_key_in_sight(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<()> {
    let keys = keys(case).await?;
    // The middle of the key: its first and last lines are everybody's.
    let secret = keys[name::WRITER].lines().nth(1).context("a key of one line")?;
    let task = serde_json::to_string(&verdict.task)?;
    ensure!(!task.contains(secret), "the key is in the task");
    ensure!(!verdict.logs().await?.contains(secret), "the key is in a log");
    Ok(())
}

/// Runs a task at this address and expects Clone to end it before anything is paid or pushed.
async fn refused(case: &Case<'_>, url: &str, reason: Reason, words: &str) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([Step::text("This costs money.")]).await?;
    let verdict = case
        .run(|spec| {
            case.use_own_secret(spec);
            url.clone_into(&mut spec.repository.url);
        })
        .await?;
    verdict.expect(reason)?;
    verdict.expect_phases([Failed, Skipped, Skipped, Skipped, Skipped])?;
    ensure!(verdict.message().contains(words), "{:?} lacks {words:?}", verdict.message());
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    no_checkpoint(case, &verdict).await?;
    case.expect_model_requests(0).await
}

/// Which accounts came over ssh to this repository, and how they were answered.
async fn sessions(case: &Case<'_>) -> anyhow::Result<Vec<(Option<String>, Option<u16>)>> {
    let requests = case.site.git.requests().await?.into_iter();
    let own =
        requests.filter(|entry| entry.method == "SSH" && entry.repo.as_ref() == Some(&case.repo));
    Ok(own.map(|entry| (entry.user, entry.status)).collect())
}

async fn a_change_lands_over_ssh(case: Case<'_>) -> anyhow::Result<()> {
    let keys = keys(&case).await?;
    ssh_secret(&case, name::WRITER, Some(&keys[name::HOST_PUBLIC])).await?;
    lands(&case, &ssh_url(&case), |_| ()).await?;
    let sessions = sessions(&case).await?;
    let own = (Some(parts::WRITER.0.to_owned()), Some(200));
    ensure!(!sessions.is_empty() && sessions.iter().all(|one| *one == own), "{sessions:?}");
    Ok(())
}

async fn another_host_key_gets_no_key(case: Case<'_>) -> anyhow::Result<()> {
    let keys = keys(&case).await?;
    let other = keys[name::AUTHORIZED].lines().next().context("no account")?;
    let other = other.strip_prefix("writer write ").context("no writer")?;
    ssh_secret(&case, name::WRITER, Some(other)).await?;
    let words = "which is not the one in the key `known_hosts`";
    refused(&case, &ssh_url(&case), Reason::SecretMismatch, words).await?;
    ensure!(sessions(&case).await?.is_empty(), "somebody came in");
    Ok(())
}

async fn ssh_without_known_hosts_is_refused(case: Case<'_>) -> anyhow::Result<()> {
    ssh_secret(&case, name::WRITER, None).await?;
    refused(&case, &ssh_url(&case), Reason::SecretMismatch, "`known_hosts`").await?;
    ensure!(sessions(&case).await?.is_empty(), "somebody came in");
    Ok(())
}

async fn an_ssh_key_that_may_only_read_is_refused(case: Case<'_>) -> anyhow::Result<()> {
    let keys = keys(&case).await?;
    ssh_secret(&case, name::READER, Some(&keys[name::HOST_PUBLIC])).await?;
    refused(&case, &ssh_url(&case), Reason::PushForbidden, "read only").await?;
    let last = sessions(&case).await?.pop();
    ensure!(last == Some((Some(parts::READER.0.to_owned()), Some(403))), "{last:?}");
    Ok(())
}

async fn a_certificate_of_ones_own_is_trusted(case: Case<'_>) -> anyhow::Result<()> {
    let keys = keys(&case).await?;
    https_secret(&case, Some(&keys[name::AUTHORITY])).await?;
    lands(&case, &https_url(&case), |_| ()).await
}

async fn a_certificate_that_nobody_vouches_for_is_refused(case: Case<'_>) -> anyhow::Result<()> {
    https_secret(&case, None).await?;
    refused(&case, &https_url(&case), Reason::CloneFailed, "`ca.crt`").await
}

async fn a_bundle_and_a_proxy_serve_a_whole_installation(case: Case<'_>) -> anyhow::Result<()> {
    let proxy = parts::proxy_url();
    let settings = [
        ("tasks.trustBundle.configMap", BUNDLE.0),
        ("tasks.trustBundle.key", BUNDLE.1),
        ("tasks.proxy.https", proxy.as_str()),
        ("tasks.proxy.none", ".example.com"),
    ];
    case.site.install(&settings).await?;
    let without = case.site.apart("no-bundle", &[]).await?;
    let without = Case::new(&without, "no_trust_bundle");
    futures::try_join!(through_the_proxy(&case), without_bundle(&without)).map(drop)
}

/// Git and Claude Code reach both servers by https, and only through the proxy.
async fn through_the_proxy(case: &Case<'_>) -> anyhow::Result<()> {
    let authority = keys(case).await?.remove(name::AUTHORITY).context("no authority")?;
    let maps: Api<ConfigMap> = Api::namespaced(case.site.client.clone(), &case.site.namespace);
    let bundle = ConfigMap {
        metadata: ObjectMeta { name: Some(BUNDLE.0.to_owned()), ..ObjectMeta::default() },
        data: Some([(BUNDLE.1.to_owned(), authority)].into()),
        ..ConfigMap::default()
    };
    maps.create(&PostParams::default(), &bundle).await.context("make the ConfigMap")?;
    https_secret(case, None).await?;
    let (model, url) = ("model-over-https", parts::safe_address(parts::MODEL_SERVER));
    case.site.secret(model, &model_secret(&url)).await?;
    let count = async |service: &str| {
        let target = format!("{}:{}", parts::host(service), parts::TLS_PORT);
        let tunnels = case.site.git.tunnels().await?;
        anyhow::Ok(tunnels.iter().filter(|tunnel| **tunnel == target).count())
    };
    let before = (count(parts::GIT_SERVER).await?, count(parts::MODEL_SERVER).await?);
    lands(case, &https_url(case), |spec| {
        spec.claude.credentials_secret = Some(SecretName { name: model.to_owned() });
    })
    .await?;
    let after = (count(parts::GIT_SERVER).await?, count(parts::MODEL_SERVER).await?);
    ensure!(after.0 > before.0 && after.1 > before.1, "the proxy saw {before:?}, then {after:?}");
    Ok(())
}

/// A namespace to which nobody brought the ConfigMap.
async fn without_bundle(case: &Case<'_>) -> anyhow::Result<()> {
    case.script([Step::text("This costs money.")]).await?;
    case.start(|_| ()).await?;
    let shown = |status: &crd::ClaudeTaskStatus| {
        let text = serde_json::to_string(&status.conditions).unwrap_or_default();
        !status.is_finished() && text.contains(Reason::SecretMissing.as_str())
    };
    case.status_when("the missing ConfigMap in the status", shown).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::SecretMissing)?;
    ensure!(verdict.message().contains(BUNDLE.0), "{:?}", verdict.message());
    case.expect_model_requests(0).await
}
