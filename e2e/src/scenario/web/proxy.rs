//! One `web-proxy` as a process of this machine, with the rights that the chart gives to the web.
//!
//! Not here: what is asked of it ([`super::visitor`]).

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::process::Process;
use super::super::site::Site;
use super::visitor::{Proof, Visitor};
use crate::cluster::layout::built_programs;
use crate::install;
use crate::wait::until;

/// The file in the web's directory by which it finds the cluster.
const KUBECONFIG: &str = "kubeconfig";
/// How long it may take to read all tasks.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// A running web; it ends when it is dropped.
pub struct Proxy {
    /// Its address without a trailing slash.
    pub base: String,
    address: SocketAddr,
    identity: Vec<String>,
    process: Process,
    folder: TempDir,
}

impl Proxy {
    /// Starts it and waits until it is ready.
    pub async fn start(site: &Site) -> anyhow::Result<Self> {
        Self::start_as(site, &["--identity=token"]).await
    }

    /// The same, with these settings of who people are.
    pub async fn start_as(site: &Site, identity: &[&str]) -> anyhow::Result<Self> {
        let identity: Vec<_> = identity.iter().map(|&argument| argument.to_owned()).collect();
        let folder = TempDir::new().context("make a directory for the web")?;
        std::fs::write(folder.path().join(KUBECONFIG), kubeconfig_of(site).await?.to_string())?;
        // Whoever takes the port in the moment between makes the start fail, which is told.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = process(address, &identity, folder.path())?;
        let base = format!("http://{address}");
        let proxy = Self { base, address, identity, process, folder };
        proxy.wait_until_ready().await?;
        Ok(proxy)
    }

    /// Kills it, and starts it again at the same address.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        until("the end of the web", READY_LIMIT, async || self.process.exit_code()).await?;
        self.process = process(self.address, &self.identity, self.folder.path())?;
        self.wait_until_ready().await
    }

    /// Somebody with this bearer token.
    pub fn bearer(&self, token: String) -> Visitor {
        Visitor::new(&self.base, Some(Proof::Bearer(token)))
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let visitor = Visitor::new(&self.base, None);
        let ready = until("the web to be ready", READY_LIMIT, async || {
            let answer = visitor.get("/readyz").await;
            Ok(answer.is_ok_and(|answer| answer.code == 200).then_some(()))
        });
        ready.await.with_context(|| self.process.said())
    }
}

fn process(address: SocketAddr, identity: &[String], folder: &Path) -> anyhow::Result<Process> {
    let arguments = [
        format!("--listen={address}"),
        format!("--public-url=http://{address}"),
        // Scenarios look more often than people do.
        "--requests-per-second=1000".to_owned(),
        "--request-burst=1000".to_owned(),
        format!("--namespace={}", install::SYSTEM),
        format!("--sessions-secret={}-sessions", install::WEB),
    ];
    let kubeconfig = folder.join(KUBECONFIG).display().to_string();
    let env = [("KUBECONFIG".to_owned(), kubeconfig)];
    let program = built_programs()?.join("web-proxy");
    let arguments = [identity, &arguments[..]].concat();
    Process::start(&program, &arguments, &env, folder.to_owned())
}

/// The cluster of the administrator's kubeconfig, for the installed web's service account.
async fn kubeconfig_of(site: &Site) -> anyhow::Result<Value> {
    let shown = site.kubectl(&["config", "view", "--raw", "--minify", "--output=json"]).await?;
    let mut config: Value = serde_json::from_str(&shown).context("read the kubeconfig")?;
    let create = ["create", "token", install::WEB, "--namespace", install::SYSTEM];
    let token = site.kubectl(&create).await?;
    for user in config["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({"token": token.trim()});
    }
    Ok(config)
}
