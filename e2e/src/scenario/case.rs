//! One scenario's own corner: a repository, a script, a task and their names.

use std::time::Duration;

use anyhow::{Context, ensure};
use crd::spec::SecretName;
use crd::{ClaudeTask, ClaudeTaskSpec};
use serde_json::json;

use super::place::Place;
use super::site::{GIT_SECRET, MODEL_SECRET, Site};
use super::verdict::Verdict;
use crate::git_server::{Action, Call, Rule};
use crate::model_server::{Script, Step};
use crate::parts;
use crate::repo::{Remote, Work};
use crate::wait::until;

/// Longest time that a task of a scenario may take.
const VERDICT_LIMIT: Duration = Duration::from_secs(150);
/// Longest time until something happens that a scenario waits for.
const EVENT_LIMIT: Duration = Duration::from_mins(1);

/// Where the agent's clone is, for scripts that write files.
pub const TREE: &str = "/workspace/repo";

/// A scenario's names and what it does with them.
pub struct Case<'a> {
    /// What all scenarios share.
    pub site: &'a Site,
    /// Name of the task; unique in the run.
    pub name: String,
    /// Name of its script, gate and redirect at the test parts, which other runs use too.
    pub part: String,
    /// Name of the repository on the git server: `acme/<name>-<namespace>`.
    pub repo: String,
}

impl<'a> Case<'a> {
    /// Plays the scenario that is this function; its failure tells what became of the task, too.
    pub async fn play<P: Future<Output = anyhow::Result<()>>>(
        site: &'a Site,
        function: &str,
        play: impl FnOnce(Case<'a>) -> P,
    ) -> anyhow::Result<()> {
        let case = Case::new(site, function);
        let name = case.name.clone();
        let Err(error) = play(case).await else { return Ok(()) };
        // Not each scenario has a task, and not each task is still there.
        let account = site.account(&name).await.unwrap_or_default();
        Err(anyhow::anyhow!("{error:#}\n{account}"))
    }

    /// The corner of the scenario that is this function.
    pub fn new(site: &'a Site, function: &str) -> Self {
        let name = function.replace('_', "-");
        let name = name[..name.len().min(50)].trim_end_matches('-').to_owned();
        let part = format!("{name}-{}", site.namespace);
        let repo = format!("acme/{part}");
        Self { site, name, part, repo }
    }

    /// The same corner at another site.
    pub fn on<'b>(&self, site: &'b Site) -> Case<'b> {
        Case::new(site, &self.name)
    }

    /// The repository with the tests' own account, to which the task's rules do not apply.
    pub fn remote(&self) -> Remote {
        let (user, password) = parts::COLLEAGUE;
        Remote::new(&self.site.git_base, &self.repo, user, password)
    }

    /// Makes the repository with one commit of these files on `main`; gives a working copy.
    pub async fn repository(&self, files: &[(&str, &str)]) -> anyhow::Result<Work> {
        self.site.git.create_repo(&self.repo).await?;
        let work = Work::create().await?;
        work.commit_files("Start", files).await?;
        work.push(&self.remote(), &["main"]).await?;
        Ok(work)
    }

    /// What the remote holds now.
    pub async fn pushed(&self) -> anyhow::Result<Work> {
        Work::clone(&self.remote()).await
    }

    /// The branch that the task pushes by default.
    pub fn branch(&self) -> String {
        format!("claude/{}", self.name)
    }

    /// Tells the model what to say to this scenario's prompt.
    pub async fn script(&self, steps: impl IntoIterator<Item = Step>) -> anyhow::Result<()> {
        self.site.model.register(&self.part, &Script::new(steps)).await
    }

    /// A step that runs a shell command in the work tree.
    pub fn shell(&self, command: &str) -> Step {
        Step::bash(&format!("cd {TREE} && {command}"))
    }

    /// A step that waits at this scenario's gate first.
    pub fn gated(&self, step: Step) -> Step {
        step.waiting_for(&self.part)
    }

    /// Returns when Claude waits at the gate, that is while Run goes on.
    pub async fn at_gate(&self) -> anyhow::Result<()> {
        self.site.model.wait_until_waiting(&self.part, VERDICT_LIMIT).await
    }

    /// Opens the gate.
    pub async fn open_gate(&self) -> anyhow::Result<()> {
        self.site.model.open(&self.part).await
    }

    /// Puts a rule for the task's next such request in force.
    pub async fn rule(&self, call: Call, action: Action) -> anyhow::Result<u64> {
        let rule = Rule::next(call, &self.repo, action).by(parts::WRITER.0);
        self.site.git.add_rule(&rule).await
    }

    /// Puts a rule in force for the task's next push of one ref.
    pub async fn push_rule(&self, reference: &str, action: Action) -> anyhow::Result<u64> {
        let rule = Rule::next(Call::Push, &self.repo, action).by(parts::WRITER.0).of_ref(reference);
        self.site.git.add_rule(&rule).await
    }

    /// Returns when the rule holds a request.
    pub async fn held(&self, rule: u64) -> anyhow::Result<()> {
        self.site.git.wait_until_holding(rule, VERDICT_LIMIT).await
    }

    /// The task as most scenarios want it, changed by `change`.
    pub fn task(&self, change: impl FnOnce(&mut ClaudeTaskSpec)) -> anyhow::Result<ClaudeTask> {
        let mut spec: ClaudeTaskSpec = serde_json::from_value(json!({
            "repository": {
                "url": format!("{}/{}.git", self.site.git_url(), self.repo),
                "ref": "main",
                "credentialsSecret": {"name": GIT_SECRET},
            },
            "prompt": format!("Play your part. [scenario: {}]", self.part),
            "claude": {"credentialsSecret": {"name": MODEL_SECRET}},
        }))?;
        change(&mut spec);
        Ok(ClaudeTask::new(&self.name, spec))
    }

    /// Makes the task use the git Secret that has its own name.
    pub fn use_own_secret(&self, spec: &mut ClaudeTaskSpec) {
        spec.repository.credentials_secret = Some(SecretName { name: self.name.clone() });
    }

    /// Applies the task.
    pub async fn start(&self, change: impl FnOnce(&mut ClaudeTaskSpec)) -> anyhow::Result<()> {
        self.site.create(&self.task(change)?).await
    }

    /// Applies the task and waits for its verdict.
    pub async fn run(
        &self,
        change: impl FnOnce(&mut ClaudeTaskSpec),
    ) -> anyhow::Result<Verdict<'a>> {
        self.start(change).await?;
        self.verdict().await
    }

    /// Waits for the verdict.
    pub async fn verdict(&self) -> anyhow::Result<Verdict<'a>> {
        let what = format!("the verdict of {}", self.name);
        let task = until(&what, VERDICT_LIMIT, async || {
            let task = self.current().await?;
            let finished = task.status.as_ref().is_some_and(crd::ClaudeTaskStatus::is_finished);
            Ok(finished.then_some(task))
        })
        .await?;
        self.site.finish(&task).await?;
        Verdict::new(self.site, task)
    }

    /// The task as it is now.
    pub async fn current(&self) -> anyhow::Result<ClaudeTask> {
        self.site.task(&self.name).await
    }

    /// Whether the task's attempts are Jobs with Pods, which more can be asked of.
    pub fn has_pods(&self) -> bool {
        matches!(self.site.place, Place::Cluster)
    }

    /// Cancels the task.
    pub async fn cancel(&self) -> anyhow::Result<()> {
        self.site.cancel(&self.name).await
    }

    /// Waits until the task's status satisfies `check`.
    pub async fn status_when(
        &self,
        what: &str,
        check: impl Fn(&crd::ClaudeTaskStatus) -> bool,
    ) -> anyhow::Result<crd::ClaudeTaskStatus> {
        until(what, EVENT_LIMIT, async || {
            Ok(self.current().await?.status.filter(|status| check(status)))
        })
        .await
    }

    /// Asserts that a ref was moved by exactly one push.
    pub async fn expect_pushed_once(&self, reference: &str) -> anyhow::Result<()> {
        let pushes = self.site.git.pushes(&self.repo).await?;
        let updates = pushes.iter().flat_map(|push| &push.updates);
        let count = updates.filter(|update| update.name == reference).count();
        ensure!(count == 1, "{reference} was pushed {count} times: {pushes:?}");
        Ok(())
    }

    /// Name of the task's Pod, once the status tells it.
    pub async fn pod(&self) -> anyhow::Result<String> {
        let status = self.status_when("a Pod in the status", |s| s.pod_name.is_some()).await?;
        status.pod_name.context("no Pod")
    }

    /// How many requests of this scenario reached the model.
    pub async fn model_requests(&self) -> anyhow::Result<usize> {
        Ok(self.site.model.requests(&self.part).await?.len())
    }

    /// Asserts how many requests of this scenario reached the model.
    pub async fn expect_model_requests(&self, count: usize) -> anyhow::Result<()> {
        let found = self.model_requests().await?;
        ensure!(found == count, "{found} model requests instead of {count}");
        Ok(())
    }
}
