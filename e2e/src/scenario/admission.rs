//! The cluster refuses a task's Pod or Job: the reason stands in the status while the task could
//! still start, and nothing is left that could once the verdict is there.

use std::time::Duration;

use anyhow::ensure;
use crd::status::PhaseState::Skipped;
use crd::status::SUCCEEDED;
use crd::{ClaudeTaskStatus, Reason};
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};

use super::case::Case;
use super::pod::{jobs, pods};
use super::site::Site;
use crate::model_server::Step;
use crate::wait::until;

super::scenarios!["admission":
    a_quota_for_pods_is_told_and_ends_the_task,
    a_quota_for_jobs_is_told_and_ends_the_task,
    a_quota_that_is_freed_in_time_lets_the_task_go_on,
    a_limit_range_is_told_and_ends_the_task,
    a_policy_is_told_in_its_own_words_and_ends_the_task,
];

fn is_rejected(status: &ClaudeTaskStatus) -> bool {
    status.condition(SUCCEEDED).is_some_and(|told| told.reason == Reason::PodRejected.as_str())
}

/// Runs a task in a namespace that refuses its Pods, and expects to be told why in these words.
async fn rejected(case: &Case<'_>, words: &str) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.start(|_| ()).await?;
    let status = case.status_when("PodRejected in the status", is_rejected).await?;
    ensure!(!status.is_finished(), "a verdict while the Pod could still come: {status:?}");
    ensure!(pods(case).await?.is_empty(), "a Pod although they are refused");
    let verdict = case.verdict().await?;
    verdict.expect(Reason::PodRejected)?;
    verdict.expect_phases([Skipped; 5])?;
    ensure!(verdict.message().contains(words), "{:?}", verdict.message());
    ensure!(jobs(case).await?.is_empty(), "a Job is left that could start a Pod");
    let target = case.remote().branch(&case.branch()).await?;
    ensure!(target.is_none(), "the target is at {target:?}");
    ensure!(case.remote().refs().await?.keys().all(|name| !name.contains("claudetask")));
    case.expect_model_requests(0).await
}

async fn quota(site: &Site, what: &str) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(site.client.clone(), &site.namespace);
    let none = serde_json::from_value(json!({
        "metadata": {"name": "none"}, "spec": {"hard": {what: "0"}},
    }))?;
    quotas.create(&PostParams::default(), &none).await.map(drop)?;
    Ok(())
}

async fn a_quota_for_pods_is_told_and_ends_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let site = case.site.apart("no-pods", &[]).await?;
    quota(&site, "pods").await?;
    rejected(&case.on(&site), "exceeded quota: none").await
}

async fn a_quota_for_jobs_is_told_and_ends_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let site = case.site.apart("no-jobs", &[]).await?;
    quota(&site, "count/jobs.batch").await?;
    rejected(&case.on(&site), "exceeded quota: none").await
}

async fn a_quota_that_is_freed_in_time_lets_the_task_go_on(case: Case<'_>) -> anyhow::Result<()> {
    let site = case.site.apart("few-pods", &[]).await?;
    quota(&site, "pods").await?;
    let case = case.on(&site);
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    case.start(|_| ()).await?;
    case.status_when("PodRejected in the status", is_rejected).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(site.client.clone(), &site.namespace);
    quotas.delete("none", &DeleteParams::default()).await?;
    case.verdict().await?.expect(Reason::Pushed)?;
    case.expect_pushed_once(&format!("refs/heads/{}", case.branch())).await?;
    case.expect_model_requests(2).await
}

async fn a_limit_range_is_told_and_ends_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let site = case.site.apart("small-pods", &[]).await?;
    let ranges: Api<LimitRange> = Api::namespaced(site.client.clone(), &site.namespace);
    let little = serde_json::from_value(json!({
        "metadata": {"name": "little"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]},
    }))?;
    ranges.create(&PostParams::default(), &little).await?;
    rejected(&case.on(&site), "maximum memory usage per Container is 16Mi").await
}

async fn a_policy_is_told_in_its_own_words_and_ends_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let site = case.site.apart("no-strangers", &[]).await?;
    let words = "no strangers here";
    let made = forbid_pods(&site, words).await;
    let played = match made {
        Ok(()) => rejected(&case.on(&site), words).await,
        Err(error) => Err(error),
    };
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(site.client.clone());
    policies.delete(&site.namespace, &DeleteParams::default()).await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(site.client.clone());
    bindings.delete(&site.namespace, &DeleteParams::default()).await?;
    played
}

/// A policy of the whole cluster that refuses every Pod of this namespace.
async fn forbid_pods(site: &Site, words: &str) -> anyhow::Result<()> {
    let name = &site.namespace;
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(site.client.clone());
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    let pods = json!([{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
        "operations": ["CREATE"]}]);
    let policy = serde_json::from_value(json!({"metadata": {"name": name}, "spec": {
        "matchConstraints": {"namespaceSelector": here, "resourceRules": pods},
        "validations": [{"expression": "false", "message": words}],
    }}))?;
    policies.create(&PostParams::default(), &policy).await?;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(site.client.clone());
    let binding = serde_json::from_value(json!({"metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]}}))?;
    bindings.create(&PostParams::default(), &binding).await?;
    let pods: Api<Pod> = Api::namespaced(site.client.clone(), &site.namespace);
    let (trial, pod) = (PostParams { dry_run: true, ..PostParams::default() }, harmless()?);
    until("the policy to be in force", Duration::from_secs(30), async || {
        let refused = pods.create(&trial, &pod).await.err();
        Ok(refused.filter(|error| error.to_string().contains(words)).map(drop))
    })
    .await
}

/// A Pod that the restricted standard lets in.
fn harmless() -> Result<Pod, serde_json::Error> {
    let security: Value = json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "runAsUser": 10001, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}});
    serde_json::from_value(json!({"metadata": {"name": "trial"}, "spec": {
        "containers": [{"name": "trial", "image": "none", "securityContext": security}],
    }}))
}
