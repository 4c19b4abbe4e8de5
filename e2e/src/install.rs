//! What is installed into a cluster for the demo and the scenarios: the test parts by kubectl, the
//! operator and the web by Helm with their real RBAC.
//!
//! Not here: the cluster itself ([`crate::cluster`]) and what is done with it.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::cluster::command::{capture, succeeds};
use crate::cluster::layout::{built_programs, checkout};
use crate::cluster::{Cluster, version};
use crate::{keys, parts};

/// Namespace of the operator.
pub const SYSTEM: &str = "claudetask-system";
/// Name of the Helm release, and so of the operator's Deployment.
pub const RELEASE: &str = "claude-task";
/// Name of the web's Deployment, Service and service account.
pub const WEB: &str = "claude-task-web";
/// Port of the web's Service.
pub const WEB_PORT: u16 = 80;
/// Value of the chart that adds the web.
pub const WITH_WEB: (&str, &str) = ("web.enabled", "true");
/// Value of the chart that says where browsers find the web: they come without TLS.
pub const WEB_ADDRESS: (&str, &str) = ("web.publicUrl", "http://localhost");
/// What selects the operators' Pods.
pub const OPERATORS: &str =
    "--selector=app.kubernetes.io/instance=claude-task,app.kubernetes.io/component=operator";
/// Annotation of Pods with the build that they run: a new build's image has the same name.
const BUILD: &str = "claudetask.dev/build";
/// The test parts' programs, one in each Deployment of that name.
const PARTS: [&str; 2] = [parts::GIT_SERVER, parts::MODEL_SERVER];

/// Installs git server and Messages API, or brings them up to date, and waits until they are ready.
/// Those that run the newest build already go on with all that they hold.
pub fn test_parts(cluster: &Cluster) -> Result<()> {
    let mut manifest = parts::MANIFEST.replace(parts::IMAGE, &cluster.image("e2e"));
    if let Some(build) = build_of(&PARTS)? {
        manifest = manifest.replace(&format!("{BUILD}: unknown"), &format!("{BUILD}: \"{build}\""));
    }
    if !has_keys(cluster) {
        manifest = format!("{manifest}\n---\n{}", keys_secret()?);
    }
    apply(cluster.kubectl(), &manifest)?;
    for deployment in PARTS {
        ready(cluster, parts::NAMESPACE, deployment)?;
    }
    Ok(())
}

fn has_keys(cluster: &Cluster) -> bool {
    let get = ["get", "secret", "--namespace", parts::NAMESPACE, parts::KEYS];
    succeeds(cluster.kubectl().args(get))
}

/// A new Secret with the keys of the test parts' safe ends, in JSON, which is YAML too.
fn keys_secret() -> Result<String> {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": parts::KEYS, "namespace": parts::NAMESPACE},
        "stringData": keys::generate(&parts::hosts())?,
    });
    Ok(secret.to_string())
}

/// Installs the chart with these values on top of its defaults and waits until it is ready.
pub fn chart(cluster: &Cluster, values: &[(&str, &str)]) -> Result<()> {
    let _change = cluster.begin_change()?;
    forget_interrupted(cluster)?;
    let mut helm = cluster.helm();
    let chart = checkout().join("charts/claude-task");
    helm.args(["upgrade", "--install", RELEASE]).arg(chart);
    helm.args(["--namespace", SYSTEM, "--create-namespace", "--wait", "--timeout=120s"]);
    // A hand that changed an object of the release since, such as the CRD, owns fields of it.
    helm.arg("--force-conflicts");
    let images = [("operator", "image"), ("runner", "runner.image"), ("web-proxy", "web.image")];
    for (image, key) in images {
        let name = cluster.image(image);
        let (repository, tag) = name.rsplit_once(':').unwrap_or((&name, "latest"));
        helm.args(["--set", &format!("{key}.repository={repository},{key}.tag={tag}")]);
    }
    let mark = BUILD.replace('.', "\\.");
    for (program, key) in [("operator", "podAnnotations"), ("web-proxy", "web.podAnnotations")] {
        if let Some(build) = build_of(&[program])? {
            helm.args(["--set-string", &format!("{key}.{mark}={build}")]);
        }
    }
    for (name, value) in values {
        helm.args(["--set", &format!("{name}={value}")]);
    }
    capture(&mut helm).map(drop)
}

/// Removes Helm's records of operations that were killed: it refuses every other one because of
/// them. Nobody else is at work, or the caller would not hold the lock.
fn forget_interrupted(cluster: &Cluster) -> Result<()> {
    let pending = "status in (pending-install, pending-upgrade, pending-rollback)";
    let records = format!("--selector=owner=helm,name={RELEASE},{pending}");
    capture(cluster.kubectl().args(["delete", "secrets", "--namespace", SYSTEM, &records]))
        .map(drop)
}

/// What tells one build of these programs from another; none when they are not built here.
fn build_of(programs: &[&str]) -> Result<Option<String>> {
    let directory = built_programs()?;
    let files: Vec<_> = programs.iter().map(|name| directory.join(name)).collect();
    if !files.iter().all(|file| file.exists()) {
        return Ok(None);
    }
    let sums = capture(Command::new("sha256sum").args(files))?;
    let sums = sums.lines().filter_map(|line| line.split(' ').next());
    Ok(Some(version::key(sums)))
}

/// Waits until the operator is ready.
pub fn operator_ready(cluster: &Cluster) -> Result<()> {
    ready(cluster, SYSTEM, RELEASE)
}

fn ready(cluster: &Cluster, namespace: &str, deployment: &str) -> Result<()> {
    let name = format!("deployment/{deployment}");
    let status = ["rollout", "status", "--timeout=120s", "--namespace", namespace, &name];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_a_place_for_the_build_in_each_deployment() {
        assert_eq!(parts::MANIFEST.matches(&format!("{BUILD}: unknown")).count(), PARTS.len());
    }

    #[test]
    fn names_follow_the_release() {
        assert_eq!(WEB, format!("{RELEASE}-web"));
        assert!(OPERATORS.contains(&format!("instance={RELEASE},")));
    }

    #[test]
    fn a_program_that_is_not_built_here_has_no_build() {
        assert_eq!(build_of(&["no-such-program"]).unwrap(), None);
    }
}
