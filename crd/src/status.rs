//! The status of a `ClaudeTask`, written by the operator alone.
//!
//! Not here: how it is derived ([`crate::fold`]).

use std::ops::Add;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::phase::Phase;
use crate::reason::Reason;
use crate::usd::Usd;

/// What became of the task so far. `conditions` carry the verdict; the rest explains it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaudeTaskStatus {
    /// `metadata.generation` that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// For display only, derived from the rest: `Queued`, `Cloning`, `Running`, `Rebasing`,
    /// `ResolvingConflicts`, `Pushing`, `Waiting`, `Succeeded`, `Failed` or `Cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<DisplayPhase>,
    /// `Succeeded` is the verdict: Unknown until it is there, then True or False for ever.
    /// `Reconciling` and `Stalled` follow kstatus.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The five phases in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub phases: Vec<PhaseStatus>,
    /// Number of the attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Job of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// Pod of the attempt: `kubectl logs POD -c run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// The last five attempts that are over, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["number"]))]
    pub attempts: Vec<AttemptStatus>,
    /// Why there was more than one attempt.
    #[serde(skip_serializing_if = "Again::is_empty")]
    pub again: Again,
    /// While Waiting: when the next attempt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Timestamp>,
    /// When the task ends at the latest: its beginning, its timeout, and the time in Waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When the first container started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the verdict was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What came out of it.
    #[serde(skip_serializing_if = "TaskResult::is_empty")]
    pub result: TaskResult,
    /// What the model calls of earlier attempts cost; part of `usage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_usage: Option<Usage>,
    /// What the model calls cost, summed over all Claude processes of all attempts. An attempt
    /// whose Pod left no account counts as all that was left of the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Claude Code's session (UUID).
    #[serde(rename = "sessionID", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// The state of a task in one word, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DisplayPhase {
    /// No container has started.
    Queued,
    /// Clone runs.
    Cloning,
    /// Run runs.
    Running,
    /// Rebase runs.
    Rebasing,
    /// ConflictResolution runs.
    ResolvingConflicts,
    /// Push runs.
    Pushing,
    /// The next attempt begins at `resumeAt`.
    Waiting,
    /// The verdict is success.
    Succeeded,
    /// The verdict is failure.
    Failed,
    /// The verdict is Cancelled.
    Cancelled,
}

impl DisplayPhase {
    /// The word for a running phase.
    pub const fn of(phase: Phase) -> Self {
        match phase {
            Phase::Clone => Self::Cloning,
            Phase::Run => Self::Running,
            Phase::Rebase => Self::Rebasing,
            Phase::ConflictResolution => Self::ResolvingConflicts,
            Phase::Push => Self::Pushing,
        }
    }

    /// The name as it stands in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Cloning => "Cloning",
            Self::Running => "Running",
            Self::Rebasing => "Rebasing",
            Self::ResolvingConflicts => "ResolvingConflicts",
            Self::Pushing => "Pushing",
            Self::Waiting => "Waiting",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Condition type of the verdict.
pub const SUCCEEDED: &str = "Succeeded";
/// Condition type of kstatus: work is going on.
pub const RECONCILING: &str = "Reconciling";
/// Condition type of kstatus: the task cannot go on by itself.
pub const STALLED: &str = "Stalled";

/// A condition as in `meta/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Succeeded`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// A reason of the documented list, or the display phase while the task goes on.
    pub reason: String,
    /// A sentence for the task's author.
    #[serde(default)]
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
    /// `metadata.generation` that the condition was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known yet.
    Unknown,
}

/// One phase of the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseStatus {
    /// `Clone`, `Run`, `Rebase`, `ConflictResolution` or `Push`.
    pub name: Phase,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Skipped`.
    pub state: PhaseState,
    /// When its container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its container ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it ended so; of the documented list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What it reported.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// State of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PhaseState {
    /// Its container has not started.
    Pending,
    /// Its container runs.
    Running,
    /// It did its work.
    Succeeded,
    /// It failed.
    Failed,
    /// It had nothing to do, or the task ended before it.
    Skipped,
}

/// An attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptStatus {
    /// Its number, from 1.
    pub number: u32,
    /// Its Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// When its first container started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was seen to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Why it ended; of the documented list.
    pub reason: Reason,
    /// A sentence for the task's author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How many new attempts began, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Again {
    /// The Pod was lost without its own fault; at most three.
    pub disruptions: u32,
    /// The model API limited the rate or was overloaded.
    pub waits: u32,
    /// A branch moved before the push in a way that only a new attempt can follow.
    pub races: u32,
    /// Claude failed; at most `spec.retries`.
    pub retries: u32,
}

impl Again {
    /// True while there was one attempt only.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What came out of the task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskResult {
    /// Branch that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Commit that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Commit that the work started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_commit: Option<String>,
    /// Commit of the onto branch that the change was landed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onto_commit: Option<String>,
    /// Conflicts with the onto branch, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<ConflictSummary>,
    /// Size of the pushed change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// Ref on the remote that holds work which is not on the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Claude's closing words, at most 300 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

impl TaskResult {
    /// True when nothing is known yet.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Conflicts of the rebase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConflictSummary {
    /// Number of conflicted files.
    pub count: u32,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Agent turns used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// `Claude` once resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
}

/// Size of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub insertions: u32,
    /// Lines removed.
    pub deletions: u32,
}

/// What model calls used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// US dollars as Claude Code accounts them.
    #[serde(rename = "costUSD")]
    pub cost_usd: Usd,
    /// Answers of the model in the main loop.
    pub turns: u32,
    /// Tokens sent and not cached.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the prompt cache.
    pub cache_write_tokens: u64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cost_usd: self.cost_usd + other.cost_usd,
            turns: self.turns.saturating_add(other.turns),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
        }
    }
}

impl Usage {
    /// What came to `earlier` since; no field is below zero.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            cost_usd: self.cost_usd.minus(earlier.cost_usd),
            turns: self.turns.saturating_sub(earlier.turns),
            input_tokens: self.input_tokens.saturating_sub(earlier.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(earlier.output_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_sub(earlier.cache_read_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_sub(earlier.cache_write_tokens),
        }
    }
}

impl ClaudeTaskStatus {
    /// The condition of this type, if it is there.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// True once the verdict is there; it never changes.
    pub fn is_finished(&self) -> bool {
        self.condition(SUCCEEDED).is_some_and(|verdict| verdict.status != ConditionStatus::Unknown)
    }
}
