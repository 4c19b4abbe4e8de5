//! The web while the demo runs: where it is, and somebody who may sign in there.
//!
//! Not here: installing it ([`crate::install`]).

use anyhow::{Context, Result};

use super::plot::NAMESPACE;
use crate::cluster::Cluster;
use crate::cluster::command::capture;
use crate::cluster::reach::Reach;
use crate::install::{SYSTEM, WEB, WEB_PORT, apply};

/// The demo's user, who has the cluster's role `edit` in the namespace of the tasks.
const USER: &str = "ana";
/// How long their token holds.
const HOLDS: &str = "--duration=8h";

/// The web, and what one signs in with.
pub struct Web {
    reach: Reach,
    token: String,
}

impl Web {
    /// Makes the user, and finds the web.
    pub fn open(cluster: &Cluster) -> Result<Self> {
        let manifest = format!(
            r"
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {USER}, namespace: {NAMESPACE}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {USER}, namespace: {NAMESPACE}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}
subjects: [{{kind: ServiceAccount, name: {USER}, namespace: {NAMESPACE}}}]
"
        );
        apply(cluster.kubectl(), &manifest).context("make the demo's user")?;
        let create = ["create", "token", USER, "--namespace", NAMESPACE, HOLDS];
        let token = capture(cluster.kubectl().args(create))?.trim().to_owned();
        Ok(Self { reach: cluster.reach(SYSTEM, WEB, WEB_PORT)?, token })
    }

    /// What to tell whoever wants to look.
    pub fn invitation(&self) -> [String; 3] {
        let address = self.reach.url();
        let address = address.strip_suffix(":80").unwrap_or(address);
        [
            format!("==> Look at them in a browser: {address}"),
            format!(
                "    and sign in as {USER}, who may edit what is in {NAMESPACE}, with this token:"
            ),
            self.token.clone(),
        ]
    }
}
