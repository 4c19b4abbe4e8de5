//! `spec.environment`: where Claude Code works. An allow-list, never a whole Pod.
//!
//! Not here: where git works; that is the operator's setting alone.

use kube::KubeSchema;
use kube::core::cel::Rule;
use serde::{Deserialize, Serialize};

use crate::rules::one_line_each;

/// Where Claude Code works.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Shell commands, run in the work tree before Claude starts, and again before it resolves
    /// conflicts or the rebased change is verified, such as `npm ci`. Each must exit with 0, or
    /// the task ends with the reason `SetupFailed` and Claude is not asked. They share a HOME with
    /// the commands of `verify` and see no credential. Files that they create or change, and that
    /// nobody changes afterwards, are not part of the change, whether git ignores them or not. At
    /// most 16 commands of 4,096 bytes. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 4096)))]
    #[x_kube(validation = one_line_each("command"))]
    pub setup: Vec<String>,

    /// CPU, memory and ephemeral storage of the containers in which Claude works. Default: the
    /// operator's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// Resources as in a container of a Pod.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// What the node must have free, such as `cpu: 500m`, `memory: 1Gi`.
    #[serde(default, skip_serializing_if = "Quantities::is_empty")]
    pub requests: Quantities,
    /// What the container may use at most.
    #[serde(default, skip_serializing_if = "Quantities::is_empty")]
    pub limits: Quantities,
}

/// Amounts of the resources that can be set.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quantities {
    /// CPU cores, such as `500m` or `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = quantity())]
    pub cpu: Option<String>,
    /// Bytes of memory, such as `512Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = quantity())]
    pub memory: Option<String>,
    /// Bytes of local disk, such as `10Gi`.
    #[serde(default, rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = quantity())]
    pub ephemeral_storage: Option<String>,
}

impl Quantities {
    /// Name and amount of each resource that is set.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("cpu", &self.cpu),
            ("memory", &self.memory),
            ("ephemeral-storage", &self.ephemeral_storage),
        ]
        .into_iter()
        .filter_map(|(name, amount)| Some((name, amount.as_deref()?)))
    }

    /// True when nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }
}

fn quantity() -> Rule {
    Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message("must be a quantity above 0, such as 500m or 1Gi")
}
