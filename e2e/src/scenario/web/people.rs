//! People as service accounts: what each may do, and their tokens.
//!
//! Not here: what the web makes of them.

use anyhow::{Context, bail};

use super::super::site::Site;
use crate::install::apply;

/// Somebody with rights in one namespace.
pub struct Person {
    /// Name of the service account.
    pub name: &'static str,
    /// What they may do with ClaudeTasks, as RBAC's verbs.
    pub verbs: &'static [&'static str],
    /// Whether they may read the logs of Pods too.
    pub logs: bool,
    /// Whether they may do it in the namespace that is looked at, or in another one.
    pub here: bool,
}

/// What everybody reads who may read.
const READ: [&str; 3] = ["get", "list", "watch"];

/// Everybody with a token that holds.
pub const EVERYBODY: [Person; 4] = [
    Person { name: "reader", verbs: &READ, logs: true, here: true },
    Person {
        name: "creator",
        verbs: &[READ[0], READ[1], READ[2], "create"],
        logs: false,
        here: true,
    },
    Person { name: "owner", verbs: &["*"], logs: true, here: true },
    Person { name: "stranger", verbs: &["*"], logs: true, here: false },
];

impl Person {
    /// Makes the service account, in the namespace `here`, with its rights there or `elsewhere`.
    pub async fn arrive(&self, here: &Site, elsewhere: &str) -> anyhow::Result<()> {
        let (name, home) = (self.name, here.namespace.clone());
        let place = if self.here { home.as_str() } else { elsewhere };
        let verbs = self.verbs.join("\", \"");
        let logs = if self.logs { "get" } else { "delete" };
        let manifest = format!(
            r#"
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {home}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}, namespace: {place}}}
rules:
  - apiGroups: [claudetask.dev]
    resources: [claudetasks]
    verbs: ["{verbs}"]
  - apiGroups: [""]
    resources: [pods/log]
    verbs: [{logs}]
  - apiGroups: [""]
    resources: [events]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}, namespace: {place}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}
subjects: [{{kind: ServiceAccount, name: {name}, namespace: {home}}}]
"#
        );
        let kubectl = here.cluster.kubectl();
        tokio::task::spawn_blocking(move || apply(kubectl, &manifest)).await?
    }

    /// What `kubectl auth can-i` says for them; `deed` is a verb and a resource.
    pub async fn can_i(&self, here: &Site, deed: &str) -> anyhow::Result<bool> {
        let (verb, resource) = deed.split_once(' ').context("a deed is a verb and a resource")?;
        let home = &here.namespace;
        let user = format!("--as=system:serviceaccount:{home}:{}", self.name);
        let mut kubectl = here.cluster.kubectl();
        kubectl.args(["auth", "can-i", verb, "--namespace", home, &user]);
        // A slash would be a name to kubectl.
        match resource.split_once('/') {
            Some((whole, part)) => kubectl.args([whole, &format!("--subresource={part}")]),
            None => kubectl.arg(resource),
        };
        // It exits with 1 after `no`, which is an answer.
        let output = tokio::task::spawn_blocking(move || kubectl.output()).await??;
        match String::from_utf8_lossy(&output.stdout).trim() {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => bail!("can-i {deed}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// A token of this service account in the site's namespace, with these further arguments.
pub async fn token(site: &Site, name: &str, more: &[&str]) -> anyhow::Result<String> {
    let args = ["create", "token", name, "--namespace", &site.namespace];
    Ok(site.kubectl(&[&args[..], more].concat()).await?.trim().to_owned())
}
