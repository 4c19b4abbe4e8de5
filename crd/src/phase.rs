//! The five phases of an attempt, in order, and the container that is each of them.
//!
//! Not here: what a phase does (runner) and how its state is derived ([`crate::fold`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A phase: one container of the attempt's Pod, in this order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// Fetches the repository and checks everything that can fail before money is spent.
    Clone,
    /// Claude Code works on the prompt.
    Run,
    /// The change is landed on the newest state of the onto branch.
    Rebase,
    /// Claude Code resolves what git could not.
    ConflictResolution,
    /// The result is built and pushed.
    Push,
}

impl Phase {
    /// All phases in the order in which they run.
    pub const ALL: [Self; 5] =
        [Self::Clone, Self::Run, Self::Rebase, Self::ConflictResolution, Self::Push];

    /// Name of the phase's container, and of the runner's subcommand in it.
    pub const fn container(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Run => "run",
            Self::Rebase => "rebase",
            Self::ConflictResolution => "resolve",
            Self::Push => "push",
        }
    }

    /// The phase whose container has this name.
    pub fn of_container(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.container() == name)
    }

    /// True where the model and repository code run: these containers hold the model credential,
    /// the others the git credential.
    pub const fn is_agent(self) -> bool {
        matches!(self, Self::Run | Self::ConflictResolution)
    }

    /// The name used in status and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clone => "Clone",
            Self::Run => "Run",
            Self::Rebase => "Rebase",
            Self::ConflictResolution => "ConflictResolution",
            Self::Push => "Push",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;

    #[test]
    fn every_container_leads_back_to_its_phase() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of_container(phase.container()), Some(phase));
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
        assert_eq!(Phase::of_container(crate::names::SAVE_CONTAINER), None);
    }
}
