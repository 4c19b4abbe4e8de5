//! People whom an authenticating proxy in front of the web names: the apiserver is asked in their name.
//!
//! Not here: from where the headers count, which needs no cluster.

use anyhow::ensure;
use axum::http::Method;
use kube::ResourceExt;
use serde_json::json;

use super::super::case::Case;
use super::super::site::Site;
use super::people::{EVERYBODY, token};
use super::proxy::Proxy;
use super::visitor::{Proof, Visitor};
use crate::install::{self, apply};

pub async fn whom_the_proxy_in_front_names_acts_as_themselves(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web-named", &[]).await?;
    let prefix = format!("{}:", here.namespace);
    let ana = format!("{prefix}ana@example.com");
    let manifest = rights(&here, &ana);
    let kubectl = here.cluster.kubectl();
    tokio::task::spawn_blocking(move || apply(kubectl, &manifest)).await??;
    EVERYBODY[2].arrive(&here, &here.namespace).await?;
    let prefix = format!("--impersonation-prefix={prefix}");
    let identity = ["--identity=header", "--header-from=127.0.0.0/8", &prefix];
    let web = Proxy::start_as(&here, &identity).await?;
    let named = |name: &str| Visitor::new(&web.base, Some(Proof::Named(name.to_owned())));

    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let task = json!(case.task(|spec| spec.cancel = true)?);
    let made = named("ana@example.com").send(Method::POST, &at, Some(&task)).await?;
    ensure!(made.code == 201, "{} {}", made.code, made.text);
    let made = case.on(&here).current().await?;
    let asked = made.annotations().get(crd::names::ANNOTATION_REQUESTED_BY);
    ensure!(asked == Some(&ana), "asked by {asked:?}");

    // The apiserver lets the web impersonate nobody else, and says so in words about the web.
    let other = named("ben@example.com").send(Method::POST, &at, Some(&task)).await?;
    ensure!(other.code == 403 && !other.text.contains(install::WEB), "{}", other.text);
    let unseen = named("ben@example.com").get(&at).await?;
    ensure!(unseen.code == 403, "{} {}", unseen.code, unseen.text);
    let bearer = web.bearer(token(&here, EVERYBODY[2].name, &[]).await?).get(&at).await?;
    ensure!(bearer.code == 401, "a token counts beside the header: {}", bearer.text);
    Ok(())
}

/// Lets the web impersonate this user, who may edit tasks in the namespace.
pub fn rights(here: &Site, user: &str) -> String {
    let (namespace, web, system) = (&here.namespace, install::WEB, install::SYSTEM);
    let release = install::RELEASE;
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {namespace}-impersonate}}
rules:
  - apiGroups: ['']
    resources: [users]
    resourceNames: ['{user}']
    verbs: [impersonate]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {namespace}-impersonate}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {namespace}-impersonate}}
subjects: [{{kind: ServiceAccount, name: {web}, namespace: {system}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: named, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {release}-edit}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: '{user}'}}]
"
    )
}
