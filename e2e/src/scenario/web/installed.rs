//! The web as the chart installs it, and the policy beside it.
//!
//! Not here: what it answers to whom, which is the same for the process of [`super::proxy`].

use anyhow::{Context, ensure};
use axum::http::Method;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::super::case::Case;
use super::super::site::Site;
use super::people::{EVERYBODY, token};
use super::visitor::{Proof, Visitor};
use super::{SEEN_LIMIT, sign_in};
use crate::install::{SYSTEM, WEB, WEB_PORT};
use crate::wait::until;

/// What the web may do in nobody's name but its own; it does all of it as its callers.
const NOT_ITS_OWN: [&[&str]; 7] = [
    &["create", "claudetasks"],
    &["patch", "claudetasks"],
    &["delete", "claudetasks"],
    &["get", "secrets"],
    &["create", "pods"],
    &["impersonate", "users"],
    &["impersonate", "groups"],
];

pub async fn the_installed_web_has_only_the_rights_it_needs_and_serves_with_them(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web-installed", &[]).await?;
    let account = format!("--as=system:serviceaccount:{SYSTEM}:{WEB}");
    for deed in NOT_ITS_OWN {
        let asked = [&["auth", "can-i"], deed, &["--all-namespaces", &account]].concat();
        let said = answer(&here, &asked).await?;
        ensure!(said.starts_with("no"), "the web may {deed:?}: {said}");
    }
    let enforce = "pod-security.kubernetes.io/enforce=restricted";
    let label = ["label", "namespace", SYSTEM, enforce, "--overwrite", "--dry-run=server"];
    let said = answer(&here, &label).await?;
    ensure!(said.contains("labeled") && !said.contains("Warning"), "Pod Security: {said}");

    let cluster = std::sync::Arc::clone(&here.cluster);
    let reach = tokio::task::spawn_blocking(move || cluster.reach(SYSTEM, WEB, WEB_PORT)).await??;
    let owner = &EVERYBODY[2];
    owner.arrive(&here, &here.namespace).await?;
    let cookie = sign_in(reach.url(), &token(&here, owner.name, &[]).await?).await?;
    let browser = Visitor::new(reach.url(), Some(Proof::Cookie(cookie.clone())));
    let mut task = case.task(|spec| spec.cancel = true)?;
    task.metadata.name = Some("over-the-service".to_owned());
    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let made = browser.send(Method::POST, &at, Some(&serde_json::to_value(&task)?)).await?;
    ensure!(made.code == 201, "{} {}", made.code, made.text);
    here.task("over-the-service").await?;
    its_session_is_that_of_the_secret(&here, &cookie, &browser).await
}

/// The browser's session is in the web's Secret, and ends when it is taken out of it.
async fn its_session_is_that_of_the_secret(
    here: &Site,
    cookie: &str,
    browser: &Visitor,
) -> anyhow::Result<()> {
    let secrets: Api<Secret> = Api::namespaced(here.client.clone(), SYSTEM);
    let name = format!("{WEB}-sessions");
    let value = cookie.split_once('=').context("no cookie")?.1;
    let digest = digest(&SHA256, value.as_bytes());
    let key = digest.as_ref().iter().fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
    let kept = secrets.get(&name).await?.data.unwrap_or_default();
    ensure!(kept.contains_key(&key), "{key} is not in {name}: {:?}", kept.keys());
    ensure!(browser.get("/").await?.code == 200, "the session does not hold");
    let patch = Patch::Merge(json!({"data": {(key): Value::Null}}));
    secrets.patch(&name, &PatchParams::default(), &patch).await?;
    until("the end of the session", SEEN_LIMIT, async || {
        Ok((browser.get("/").await?.code == 303).then_some(()))
    })
    .await
}

pub async fn nobody_names_somebody_else_as_who_asked(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("web-policy", &[]).await?;
    let owner = EVERYBODY[2].name;
    EVERYBODY[2].arrive(&here, &here.namespace).await?;
    let me = format!("system:serviceaccount:{}:{owner}", here.namespace);
    let as_me = ["--namespace", &here.namespace, &format!("--as={me}")].map(str::to_owned);
    let as_me = as_me.each_ref().map(String::as_str);
    let key = crd::names::ANNOTATION_REQUESTED_BY;
    let mut task = case.task(|spec| spec.cancel = true)?;
    for (name, asked, is_taken) in
        [("mine", Some(me.as_str()), true), ("unsigned", None, true), ("ana", Some("ana"), false)]
    {
        task.metadata.name = Some(name.to_owned());
        task.metadata.annotations = asked.map(|asked| [(key.to_owned(), asked.to_owned())].into());
        let folder = tempfile::tempdir().context("make a directory for a task")?;
        let file = folder.path().join("task.json").display().to_string();
        std::fs::write(&file, json!(task).to_string()).context("write a task")?;
        let create = [&["create", "--filename", &file], &as_me[..]].concat();
        let said = answer(&here, &create).await?;
        let is_named = said.contains("may only be your own name");
        ensure!(is_taken == said.contains("created") && is_taken != is_named, "{name}: {said}");
    }
    let (other, gone) = (format!("{key}=ana"), format!("{key}-"));
    for (change, is_taken) in [(other.as_str(), false), (&gone, false), ("note=ana", true)] {
        let annotate = ["annotate", "claudetask", "mine", change, "--overwrite"];
        let said = answer(&here, &[&annotate[..], &as_me[..]].concat()).await?;
        ensure!(is_taken == said.contains("annotated"), "{change}: {said}");
    }
    Ok(())
}

/// What kubectl says on both its outputs, whatever its exit code.
async fn answer(here: &Site, args: &[&str]) -> anyhow::Result<String> {
    let mut kubectl = here.cluster.kubectl();
    kubectl.args(args);
    let output = tokio::task::spawn_blocking(move || kubectl.output()).await??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(text(&output.stdout) + &text(&output.stderr))
}
