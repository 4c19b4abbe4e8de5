//! A finished task, with what scenarios assert of it.

use anyhow::{Context, ensure};
use crd::status::{ConditionStatus, PhaseState, SUCCEEDED, TaskResult};
use crd::{ClaudeTask, ClaudeTaskStatus, Phase, Reason, Usd};

use super::site::Site;

/// A finished task.
pub struct Verdict<'a> {
    site: &'a Site,
    /// The object.
    pub task: ClaudeTask,
    /// Its status.
    pub status: ClaudeTaskStatus,
}

impl<'a> Verdict<'a> {
    /// Takes a task with a status.
    pub fn new(site: &'a Site, task: ClaudeTask) -> anyhow::Result<Self> {
        let status = task.status.clone().context("a finished task without status")?;
        Ok(Self { site, task, status })
    }

    /// What came out.
    pub fn result(&self) -> &TaskResult {
        &self.status.result
    }

    /// Asserts reason and the matching truth of the verdict.
    pub fn expect(&self, reason: Reason) -> anyhow::Result<()> {
        let verdict = self.status.condition(SUCCEEDED).context("no verdict")?;
        ensure!(
            verdict.reason == reason.as_str(),
            "{} ({}) instead of {reason}; phases: {}",
            verdict.reason,
            verdict.message,
            serde_json::to_string(&self.status.phases)?
        );
        let truth =
            if reason.is_success() { ConditionStatus::True } else { ConditionStatus::False };
        ensure!(verdict.status == truth, "{reason} with status {:?}", verdict.status);
        Ok(())
    }

    /// Asserts the states of the five phases in order.
    pub fn expect_phases(&self, states: [PhaseState; 5]) -> anyhow::Result<()> {
        let found: Vec<_> = self.status.phases.iter().map(|phase| phase.state).collect();
        ensure!(found == states, "phases {found:?} instead of {states:?}");
        Ok(())
    }

    /// Asserts that so many answers of the model are counted, with what they cost.
    pub fn expect_paid(&self, answers: u32) -> anyhow::Result<()> {
        let usage = self.status.usage.unwrap_or_default();
        let told = usage.cost_usd > Usd::ZERO && usage.input_tokens > 0 && usage.output_tokens > 0;
        ensure!(told && usage.turns == answers, "{usage:?} for {answers} answers");
        Ok(())
    }

    /// State of one phase.
    pub fn state(&self, phase: Phase) -> Option<PhaseState> {
        self.status.phases.iter().find(|status| status.name == phase).map(|status| status.state)
    }

    /// The verdict's sentence.
    pub fn message(&self) -> &str {
        self.status.condition(SUCCEEDED).map(|verdict| verdict.message.as_str()).unwrap_or_default()
    }

    /// Logs of every phase.
    pub async fn logs(&self) -> anyhow::Result<String> {
        self.site.logs_of(&self.task).await
    }
}
