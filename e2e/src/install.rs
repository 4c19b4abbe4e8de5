//! What is installed into a cluster for the demo and the scenarios: the test parts by kubectl, the
//! operator by Helm with its real RBAC.
//!
//! Not here: the cluster itself ([`crate::cluster`]) and what is done with it.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::cluster::command::capture;
use crate::cluster::layout::checkout;
use crate::parts;

/// Namespace of the operator.
pub const SYSTEM: &str = "claudetask-system";
/// Name of the Helm release, and so of the operator's Deployment.
pub const RELEASE: &str = "claude-task";
/// Installs git server and Messages API, or brings them up to date, and waits until they are ready.
pub fn test_parts(cluster: &Cluster) -> Result<()> {
    let manifest = parts::MANIFEST.replace(parts::IMAGE, &cluster.image("e2e"));
    apply(cluster.kubectl(), &manifest)?;
    for deployment in [parts::GIT_SERVER, parts::MODEL_SERVER] {
        let name = format!("deployment/{deployment}");
        // A new build has the same image name, so the Pods are made anew.
        capture(cluster.kubectl().args([
            "rollout",
            "restart",
            "--namespace",
            parts::NAMESPACE,
            &name,
        ]))?;
        capture(cluster.kubectl().args([
            "rollout",
            "status",
            "--timeout=120s",
            "--namespace",
            parts::NAMESPACE,
            &name,
        ]))?;
    }
    Ok(())
}

/// Installs the chart with these values on top of its defaults and waits until it is ready.
pub fn operator(cluster: &Cluster, values: &[(&str, &str)]) -> Result<()> {
    let mut helm = cluster.helm();
    let chart = checkout().join("charts/claude-task");
    helm.args(["upgrade", "--install", RELEASE]).arg(chart);
    helm.args(["--namespace", SYSTEM, "--create-namespace", "--wait", "--timeout=120s"]);
    for (image, key) in [("operator", "image"), ("runner", "runner.image")] {
        let name = cluster.image(image);
        let (repository, tag) = name.rsplit_once(':').unwrap_or((&name, "latest"));
        helm.args(["--set", &format!("{key}.repository={repository},{key}.tag={tag}")]);
    }
    for (name, value) in values {
        helm.args(["--set", &format!("{name}={value}")]);
    }
    capture(&mut helm).map(drop)
}

/// Starts the operator's Pods anew, so that an image of the same name is taken up.
pub fn restart_operator(cluster: &Cluster) -> Result<()> {
    let name = format!("deployment/{RELEASE}");
    capture(cluster.kubectl().args(["rollout", "restart", "--namespace", SYSTEM, &name]))?;
    operator_ready(cluster)
}

/// Waits until the operator is ready.
pub fn operator_ready(cluster: &Cluster) -> Result<()> {
    let name = format!("deployment/{RELEASE}");
    let status = ["rollout", "status", "--timeout=120s", "--namespace", SYSTEM, &name];
    capture(cluster.kubectl().args(status)).map(drop)
}

/// `kubectl apply` of a text.
pub fn apply(mut kubectl: Command, manifest: &str) -> Result<()> {
    let mut child = kubectl
        .args(["apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubectl")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(manifest.as_bytes()).context("hand the manifest to kubectl")?;
    }
    let output = child.wait_with_output().context("wait for kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl apply: {}", said.trim());
    Ok(())
}
