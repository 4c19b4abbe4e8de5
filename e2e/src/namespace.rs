//! A namespace in which tasks run: Pod Security `restricted` is enforced in it, and it holds the
//! Secrets that tasks name.
//!
//! Not here: what goes into the Secrets ([`crate::parts`] has the test parts' accounts).

use anyhow::Context;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Client;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};

/// Label by which the apiserver refuses Pods below the standard that is its value.
pub const ENFORCE: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");

const MANAGER: &str = "claudetask-e2e";

/// A client of the cluster's administrator.
pub async fn client(cluster: &crate::cluster::Cluster) -> anyhow::Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(cluster.kubeconfig())?;
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    Ok(Client::try_from(config)?)
}

/// Makes the namespace, or gives an existing one these labels besides [`ENFORCE`].
pub async fn make(client: &Client, name: &str, labels: &[(&str, &str)]) -> anyhow::Result<()> {
    let labels = labels.iter().chain([&ENFORCE]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.collect()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made = namespaces.patch(name, &PatchParams::apply(MANAGER), &Patch::Apply(namespace)).await;
    made.map(drop).with_context(|| format!("make the namespace {name}"))
}

/// Makes a Secret with these values, or brings it up to date. Unlike `kubectl apply` this leaves
/// no second copy of the values in an annotation.
pub async fn secret(
    client: &Client,
    namespace: &str,
    name: &str,
    values: &[(&str, &str)],
) -> anyhow::Result<()> {
    let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let secret = Secret {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        string_data: Some(values.collect()),
        ..Secret::default()
    };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let made = secrets.patch(name, &PatchParams::apply(MANAGER), &Patch::Apply(secret)).await;
    made.map(drop).with_context(|| format!("make the Secret {name}"))
}
