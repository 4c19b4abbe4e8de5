//! What is asked of the task and what happens around it, without any fault.
//!
//! Not here: faults ([`crate::fault`]).

use crd::Reason;
use runner::plan::Target;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::time::at;

/// The kinds of story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// Nothing special.
    Clean,
    /// A colleague changes the same lines.
    Conflict,
    /// Direct landing while colleagues land as well.
    Race,
    /// The branch that is rebased as a whole moves.
    Moved,
    /// Somebody cancels at some moment.
    Cancel,
    /// The model API limits the rate.
    RateLimit,
    /// Claude fails twice, and may try again.
    AgentFailure,
    /// Its Pod is deleted.
    LostPod,
    /// Claude never comes to an end.
    Timeout,
}

pub const WORKLOADS: [Workload; 9] = [
    Workload::Clean,
    Workload::Conflict,
    Workload::Race,
    Workload::Moved,
    Workload::Cancel,
    Workload::RateLimit,
    Workload::AgentFailure,
    Workload::LostPod,
    Workload::Timeout,
];

/// What the runner meets.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    pub workload: Workload,
    pub target: Target,
    pub start: &'static str,
    pub onto: &'static str,
    pub branch: &'static str,
    pub verified: bool,
    pub hangs: bool,
}

impl Script {
    pub fn new(workload: Workload, dice: &mut Dice) -> Self {
        let (target, start, branch) = match workload {
            Workload::Race => (Target::Onto, "main", "main"),
            Workload::Moved => (Target::Whole, "feature", "feature"),
            _ => (Target::New, "main", "claude/login"),
        };
        let verified = workload == Workload::Race && dice.percent(40);
        let hangs = workload == Workload::Timeout;
        Self { workload, target, start, onto: "main", branch, verified, hangs }
    }

    /// Why Run fails in this attempt after so many units.
    pub fn run_fails(&self, attempt: u32, units: usize) -> Option<Reason> {
        let failing = attempt <= 2 && units >= 1;
        match self.workload {
            Workload::RateLimit if failing => Some(Reason::RateLimited),
            Workload::AgentFailure if failing => Some(Reason::AgentFailed),
            _ => None,
        }
    }

    /// The task as it is filed.
    pub fn task(&self, uid: &str) -> Value {
        let mut spec = json!({
            "repository": {"url": "https://git.example.com/acme/shop.git", "ref": self.start,
                "credentialsSecret": {"name": "shop-git"}},
            "rebase": {"onto": self.onto},
            "push": {"branch": self.branch},
            "prompt": "Add input validation to the login form.",
            "claude": {"credentialsSecret": {"name": "claude-api"}, "maxBudgetUSD": "5.00"},
            "timeout": "1h",
        });
        if self.verified {
            spec["verify"] = json!(["cargo test"]);
        }
        if self.workload == Workload::AgentFailure {
            spec["retries"] = json!(2);
        }
        json!({
            "apiVersion": "claudetask.dev/v1alpha1",
            "kind": "ClaudeTask",
            "metadata": {"name": "login", "namespace": "demo", "uid": uid, "generation": 1,
                "creationTimestamp": at(0)},
            "spec": spec,
        })
    }
}
