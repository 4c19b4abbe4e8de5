//! Everything that must be there before the two tasks: images, test parts, operator, namespace,
//! Secrets, repository and what the scripted model will say.
//!
//! Not here: the cluster itself ([`crate::cluster`]) and taking all of this back
//! ([`super::teardown`]).

use std::sync::Arc;

use anyhow::{Context, Result};
use kube::Client;

use super::files;
use super::model::Model;
use super::plot::{GIT_SECRET, MODEL_SECRET, NAMESPACE, Plot, plots};
use super::shop;
use super::stop::Stop;
use super::teardown::MARK;
use super::web::Web;
use crate::cluster::reach::Reach;
use crate::cluster::{Cluster, Progress};
use crate::repo::{Remote, Work};
use crate::{git_server, install, model_server, namespace, parts};

/// Name of the sample repository, unless an earlier demo has left one.
const REPO: &str = "acme/shop";

/// Values of the chart besides its defaults.
const SETTINGS: &[(&str, &str)] = &[
    ("tasks.allowPlainHttp", "true"),
    ("tasks.timeout", "20m"),
    install::WITH_WEB,
    install::WEB_ADDRESS,
];

/// What the demo plays on.
pub struct Stage {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Client of the cluster's administrator.
    pub client: Client,
    /// Where Claude's answers come from.
    pub model: Model,
    /// The scripted model's admin interface.
    pub script: model_server::Admin,
    /// The sample repository as this machine reaches it, with the colleague's account.
    pub remote: Remote,
    /// Both tasks.
    pub plots: [Plot; 2],
    /// The web.
    pub web: Web,
    /// Keeps the addresses valid.
    _reach: [Reach; 2],
}

impl Stage {
    /// Sets everything up in the cluster, step by step.
    pub async fn set(
        cluster: &Arc<Cluster>,
        model: Model,
        run: &str,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<Self> {
        install_all(cluster, progress, stop).await?;
        let on = Arc::clone(cluster);
        let reach = stop.or(move || {
            let reach = |service| on.reach(parts::NAMESPACE, service, parts::PORT);
            Ok([reach(parts::GIT_SERVER)?, reach(parts::MODEL_SERVER)?])
        });
        let reach = reach.await?;
        let client = namespace::client(cluster).await?;
        secrets(&client, &model, progress).await?;
        let plots = plots(run);
        let script = model_server::Admin::new(reach[1].url(), parts::ADMIN_PASSWORD);
        if model.is_scripted() {
            for plot in &plots {
                script.register(&plot.name, &plot.script()).await?;
            }
        }
        let remote = repository(reach[0].url(), run, progress).await?;
        let on = Arc::clone(cluster);
        let web = stop.or(move || Web::open(&on)).await?;
        web.invitation().into_iter().for_each(|line| progress.say(line));
        let cluster = Arc::clone(cluster);
        Ok(Self { cluster, client, model, script, remote, plots, web, _reach: reach })
    }

    /// The repository's name on the git server: `acme/shop`.
    pub fn repo(&self) -> &str {
        self.remote.url[self.remote.origin().len() + 1..].trim_end_matches(".git")
    }

    /// Writes both tasks to files and applies these, as a user would.
    pub async fn apply(&self, progress: &Progress, stop: &Stop) -> Result<()> {
        for plot in &self.plots {
            let file = format!("{}.yaml", plot.name);
            let path = files::write(&file, &plot.manifest(self.repo(), &self.model))?;
            progress.say(format!("==> Apply a task that {}", plot.shows));
            progress.say(format!("    $ kubectl apply -f {}", files::shown(&path)));
            let mut kubectl = self.cluster.kubectl();
            kubectl.arg("apply").arg("--filename").arg(path);
            let apply = stop.or(move || crate::cluster::command::capture(&mut kubectl));
            apply.await?;
        }
        Ok(())
    }
}

async fn install_all(cluster: &Arc<Cluster>, progress: &Progress, stop: &Stop) -> Result<()> {
    let (on, say) = (Arc::clone(cluster), progress.clone());
    stop.or(move || on.load_images(false, &say)).await?;
    let (on, say) = (Arc::clone(cluster), progress.clone());
    let parts = "Install the test parts: a git server and a scripted Messages API";
    stop.or(move || say.step(parts, "", || install::test_parts(&on))).await?;
    let (on, say) = (Arc::clone(cluster), progress.clone());
    let operator = "Install the operator and the web with Helm";
    stop.or(move || say.step(operator, "", || install::chart(&on, SETTINGS))).await
}

async fn secrets(client: &Client, model: &Model, progress: &Progress) -> Result<()> {
    progress.say(format!(
        "==> Make the namespace {NAMESPACE} (Pod Security restricted) and two Secrets in it"
    ));
    namespace::make(client, NAMESPACE, &[MARK]).await?;
    let place = format!("{}/acme/", parts::git_url());
    namespace::secret(client, NAMESPACE, GIT_SECRET, &parts::git_secret(&place, parts::WRITER))
        .await?;
    let values = model.secret();
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    namespace::secret(client, NAMESPACE, MODEL_SECRET, &values).await
}

/// A repository with the shop in its first commit. What an earlier demo pushed stays as it is.
async fn repository(base: &str, run: &str, progress: &Progress) -> Result<Remote> {
    let git = git_server::Admin::new(base, parts::ADMIN_PASSWORD);
    let (user, password) = parts::COLLEAGUE;
    let remote = |repo: &str| Remote::new(base, repo, user, password);
    git.create_repo(REPO).await?;
    let mut name = REPO.to_owned();
    if !remote(REPO).refs().await?.is_empty() {
        name = format!("{REPO}-{run}");
        git.create_repo(&name).await?;
    }
    progress.say(format!("==> Push the sample repository {name} to the git server"));
    let work = Work::create().await?;
    work.commit_files("Open the shop", shop::FILES).await?;
    let remote = remote(&name);
    work.push(&remote, &["main"]).await.context("push the sample repository")?;
    Ok(remote)
}
