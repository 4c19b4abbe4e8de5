//! The task document: what the containers of one attempt are told, as JSON in one variable.
//!
//! The prompt is not in it (agent containers get it in a variable of their own), nor any
//! credential. Written by the operator, read by the runner.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network::Proxy;
use crate::spec::{Claude, ClaudeTask, Push, Rebase, Repository};
use crate::{Usd, names};

/// Largest encoded document in bytes: one environment string above 128 KiB fails the start of a
/// container without a message (Linux `MAX_ARG_STRLEN`).
pub const LIMIT: usize = 100_000;

/// What every container of one attempt knows about its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDocument {
    /// Namespace of the task.
    pub namespace: String,
    /// Name of the task.
    pub name: String,
    /// UID of the task: the mark in commit trailers and the end of the checkpoint ref.
    pub uid: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Where the work comes from.
    pub repository: Repository,
    /// What it is rebased onto, and how conflicts are treated.
    pub rebase: Rebase,
    /// Where it goes.
    pub push: Push,
    /// Branch to push, without `refs/heads/`; the default already filled in.
    pub branch: String,
    /// Shell commands that prepare the work tree.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Shell commands that must succeed.
    #[serde(default)]
    pub verify: Vec<String>,
    /// How Claude Code is started; its Secret is mounted, not named here.
    pub claude: Claude,
    /// Full name of the checkpoint ref of this task.
    pub checkpoint_ref: String,
    /// Commit that the first attempt started from; nothing in the first attempt itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_commit: Option<String>,
    /// What earlier attempts have spent of `claude.maxBudgetUSD`.
    #[serde(default, skip_serializing_if = "Usd::is_zero")]
    pub spent: Usd,
    /// No push begins later than 30 s before this, and Claude is stopped early enough to save.
    pub not_after: Timestamp,
    /// Settings of the operator that the runner follows.
    pub settings: RunnerSettings,
}

/// Settings of the operator that concern the runner; durations in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunnerSettings {
    /// Time between saves of partial work while Claude runs. Default 300.
    pub save_interval: u32,
    /// Claude is stopped as hung when its stream was silent for this long. Default 900.
    pub idle_limit: u32,
    /// Time that Claude has to exit after its result line. Default 60.
    pub exit_limit: u32,
    /// Time limit of one command of `setup` or `verify`. Default 1800.
    pub verify_limit: u32,
    /// Retries of one model request by Claude Code itself, 0 to 15. Default 10.
    pub model_retries: u32,
    /// The Pod's `terminationGracePeriodSeconds`. Default 60.
    pub grace_period: u32,
    /// Whether plain http repositories are allowed. Default false.
    pub allow_http: bool,
    /// Proxies to the network. Default none.
    pub proxy: Proxy,
    /// Percentage of a memory or volume limit at which an agent container stops what fills it; 0
    /// for never. Default 90.
    pub guard: u32,
    /// Size limit of the workspace volume in bytes; 0 when there is none. Default 20 GiB.
    pub workspace_size: u64,
    /// Size limit of each other volume of an agent container in bytes; 0 when there is none.
    /// Default 4 GiB.
    pub scratch_size: u64,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            save_interval: 300,
            idle_limit: 900,
            exit_limit: 60,
            verify_limit: 1800,
            model_retries: 10,
            grace_period: 60,
            allow_http: false,
            proxy: Proxy::default(),
            guard: 90,
            workspace_size: 20 << 30,
            scratch_size: 4 << 30,
        }
    }
}

/// The task cannot be told to the containers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// The object has no name, namespace or UID: it did not come from an apiserver.
    #[error("metadata.{0} is missing")]
    Anonymous(&'static str),
    /// The document would exceed [`LIMIT`].
    #[error(
        "spec is {0} bytes without the prompt; the limit is {LIMIT}: shorten spec.verify, spec.environment.setup or spec.push.options"
    )]
    TooLarge(usize),
}

impl TaskDocument {
    /// The document of one attempt of `task`.
    ///
    /// # Errors
    /// [`Unwritable::Anonymous`] when the object has no identity.
    pub fn new(
        task: &ClaudeTask,
        attempt: u32,
        checkpoint_prefix: &str,
        not_after: Timestamp,
        settings: RunnerSettings,
    ) -> Result<Self, Unwritable> {
        let uid = task.metadata.uid.clone().ok_or(Unwritable::Anonymous("uid"))?;
        let spec = task.spec.clone();
        let status = task.status.as_ref().filter(|_| attempt > 1);
        Ok(Self {
            namespace: task.metadata.namespace.clone().ok_or(Unwritable::Anonymous("namespace"))?,
            name: task.metadata.name.clone().ok_or(Unwritable::Anonymous("name"))?,
            checkpoint_ref: names::checkpoint_ref(checkpoint_prefix, &uid),
            uid,
            attempt,
            branch: task.push_branch(),
            repository: spec.repository,
            rebase: spec.rebase,
            push: spec.push,
            setup: spec.environment.setup,
            verify: spec.verify,
            claude: spec.claude,
            start_commit: status.and_then(|status| status.result.start_commit.clone()),
            spent: status.and_then(|status| status.earlier_usage).unwrap_or_default().cost_usd,
            not_after,
            settings,
        })
    }

    /// The JSON for [`crate::names::ENV_DOCUMENT`].
    ///
    /// # Errors
    /// [`Unwritable::TooLarge`] above [`LIMIT`] bytes.
    pub fn encode(&self) -> Result<String, Unwritable> {
        let text = serde_json::to_string(self).unwrap_or_default();
        if text.len() > LIMIT { Err(Unwritable::TooLarge(text.len())) } else { Ok(text) }
    }

    /// The commit trailer that marks this task's commits, `ClaudeTask: <uid>`.
    pub fn trailer(&self) -> String {
        format!("{}: {}", crate::names::TRAILER, self.uid)
    }
}
