//! The chart: `helm lint`, and `kubeconform` on what it renders, against the schemas of the
//! apiserver itself.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::schemas;
use super::tally::{Part, Tally};
use crate::cluster::Cluster;
use crate::cluster::command::capture;
use crate::cluster::layout::checkout;
use crate::install;

/// The web, for variants of it.
const WEB: &str = "web.enabled=true,web.publicUrl=https://tasks.example.com";

/// Values with which the chart is rendered besides its defaults.
const VARIANTS: [&[&str]; 6] = [
    &[],
    &["crds.install=false"],
    &["openshift=true,requestedBy.exemptUsers[0]=velero"],
    &[
        WEB,
        "web.replicas=2,web.ingress.enabled=true,web.ingress.tlsSecret=tls",
        "web.httpRoute.enabled=true,web.httpRoute.parentRefs[0].name=public",
    ],
    &[
        WEB,
        "web.identity=oidc,web.oidc.issuer=https://idp.example.com,web.oidc.clientId=tasks",
        "web.oidc.clientSecret.name=client,web.oidc.ca.configMap=ca,web.impersonation.users[0]=ana",
    ],
    &[WEB, "web.identity=header,web.header.from[0]=10.1.2.0/24"],
];

/// Values that say too little, and the one that is asked for.
const UNCLEAR: [(&[&str], &str); 4] = [
    (&["web.enabled=true"], "web.publicUrl: say"),
    (&[WEB, "web.identity=oidc,web.oidc.clientId=tasks"], "web.oidc.issuer: say"),
    (&[WEB, "web.identity=header"], "web.header.from: say"),
    (&[WEB, "web.httpRoute.enabled=true"], "web.httpRoute.parentRefs: name"),
];

/// Lints and checks the chart.
pub fn part(cluster: &Cluster, tally: &mut Tally) -> Result<()> {
    let chart = checkout().join("charts/claude-task");
    let part = Part::begin("helm lint");
    let lint = capture(cluster.helm().args(["lint", "--strict"]).arg(&chart));
    tally.end(&part, lint.map(drop).map_err(|error| format!("{error:#}")));

    let part = Part::begin("kubeconform");
    let folder = tempfile::tempdir().context("make a directory for schemas")?;
    schemas::write(cluster, folder.path())?;
    let found =
        VARIANTS.iter().try_for_each(|values| conforms(cluster, &chart, values, folder.path()));
    tally.end(&part, found.map_err(|error| format!("{error:#}")));

    let part = Part::begin("unclear values");
    let refused = UNCLEAR.iter().try_for_each(|(values, asked)| {
        let said = render(cluster, &chart, values).err().map(|error| format!("{error:#}"));
        let is_named = said.as_ref().is_some_and(|said| said.contains(asked));
        ensure!(is_named, "{values:?} should be asked for {asked:?}: {said:?}");
        Ok(())
    });
    tally.end(&part, refused.map_err(|error| format!("{error:#}")));
    Ok(())
}

fn render(cluster: &Cluster, chart: &Path, values: &[&str]) -> Result<String> {
    let mut helm = cluster.helm();
    helm.args(["template", install::RELEASE, "--namespace", install::SYSTEM]).arg(chart);
    for values in values {
        helm.args(["--set", values]);
    }
    capture(&mut helm)
}

fn conforms(cluster: &Cluster, chart: &Path, values: &[&str], schemas: &Path) -> Result<()> {
    let rendered = render(cluster, chart, values)?;
    ensure!(rendered.contains("kind: Deployment"), "the chart renders no Deployment");
    check(cluster.kubeconform(), &rendered, schemas)
}

fn check(mut kubeconform: Command, manifest: &str, schemas: &Path) -> Result<()> {
    let template = format!("{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", schemas.display());
    let mut child = kubeconform
        .args(["-strict", "-summary", "-schema-location", &template, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start kubeconform")?;
    if let Some(mut input) = child.stdin.take() {
        std::io::Write::write_all(&mut input, manifest.as_bytes())
            .context("write to kubeconform")?;
    }
    let output = child.wait_with_output().context("wait for kubeconform")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "kubeconform: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(said.contains("Skipped: 0"), "kubeconform knows no schema for something: {said}");
    Ok(())
}
