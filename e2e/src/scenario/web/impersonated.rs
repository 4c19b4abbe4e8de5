//! Somebody in whose name the web acts, and the rights that it and they need for it.
//!
//! Not here: people with tokens of their own ([`super::people`]).

use anyhow::ensure;
use kube::ResourceExt;

use super::super::case::Case;
use super::super::site::Site;
use crate::install::{self, apply};

/// A user of the apiserver whom the web may impersonate in one test.
pub struct Impersonated {
    /// What the web puts before each name, other in each test.
    prefix: String,
    /// The name, with the prefix.
    pub user: String,
}

impl Impersonated {
    /// This person, who from now on may edit tasks in the namespace, by the web or otherwise.
    pub async fn arrive(here: &Site, name: &str) -> anyhow::Result<Self> {
        let prefix = format!("{}:", here.namespace);
        let user = format!("{prefix}{name}");
        let (kubectl, manifest) = (here.cluster.kubectl(), rights(here, &user));
        tokio::task::spawn_blocking(move || apply(kubectl, &manifest)).await??;
        Ok(Self { prefix, user })
    }

    /// The web's flag for the prefix.
    pub fn flag(&self) -> String {
        format!("--impersonation-prefix={}", self.prefix)
    }

    /// Looks for the person in the task, as the one who asked for it.
    pub async fn expect_asked(&self, case: &Case<'_>, here: &Site) -> anyhow::Result<()> {
        let task = case.on(here).current().await?;
        let asked = task.annotations().get(crd::names::ANNOTATION_REQUESTED_BY);
        ensure!(asked == Some(&self.user), "asked by {asked:?}");
        Ok(())
    }
}

/// Lets the web impersonate this user, who may edit tasks in the namespace.
fn rights(here: &Site, user: &str) -> String {
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
