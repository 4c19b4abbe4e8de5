//! The state of a task or a phase: a word and a shape, never a colour alone.
//!
//! Not here: how it is drawn ([`super::marks`]).

use crd::ClaudeTask;
use crd::Reason;
use crd::status::{ConditionStatus, DisplayPhase, PhaseState, SUCCEEDED};

/// What one sees of a task or a phase first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing of it has begun.
    Pending,
    /// It is at work.
    Running,
    /// It did what it was for.
    Succeeded,
    /// It ended without success.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It had nothing to do.
    Skipped,
    /// It goes on later by itself.
    Waiting,
}

impl State {
    /// Those that a task can be in, as they are offered to choose from.
    pub const OF_TASKS: [Self; 6] = [
        Self::Running,
        Self::Pending,
        Self::Waiting,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
            Self::Waiting => "Waiting",
        }
    }

    /// Its shape.
    pub const fn shape(self) -> &'static str {
        match self {
            Self::Pending => "○",
            Self::Running => "◔",
            Self::Succeeded => "●",
            Self::Failed => "✕",
            Self::Cancelled => "⊘",
            Self::Skipped => "–",
            Self::Waiting => "◷",
        }
    }

    /// Its word in lower case, as classes and queries have it.
    pub fn key(self) -> String {
        self.word().to_ascii_lowercase()
    }

    /// State of a task: the verdict where there is one, else what its status shows.
    pub fn of(task: &ClaudeTask) -> Self {
        let Some(status) = &task.status else { return Self::Pending };
        let verdict = status.condition(SUCCEEDED).map(|verdict| (verdict.status, &verdict.reason));
        match (verdict, status.phase) {
            (Some((ConditionStatus::True, _)), _) => Self::Succeeded,
            (Some((ConditionStatus::False, reason)), _) => match reason.parse() {
                Ok(Reason::Cancelled) => Self::Cancelled,
                _ => Self::Failed,
            },
            (_, None | Some(DisplayPhase::Queued)) => Self::Pending,
            (_, Some(DisplayPhase::Waiting)) => Self::Waiting,
            _ => Self::Running,
        }
    }

    /// True once nothing changes any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Skipped)
    }
}

impl From<PhaseState> for State {
    fn from(state: PhaseState) -> Self {
        match state {
            PhaseState::Pending => Self::Pending,
            PhaseState::Running => Self::Running,
            PhaseState::Succeeded => Self::Succeeded,
            PhaseState::Failed => Self::Failed,
            PhaseState::Skipped => Self::Skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::page::samples;

    #[test]
    fn each_state_has_a_shape_of_its_own() {
        let shapes: std::collections::HashSet<_> =
            State::OF_TASKS.iter().map(|s| s.shape()).collect();
        assert_eq!(shapes.len(), State::OF_TASKS.len());
    }

    #[test]
    fn the_verdict_goes_before_what_the_status_shows() {
        for (task, state) in [
            (samples::fresh("a"), State::Pending),
            (samples::queued("a"), State::Pending),
            (samples::running("a"), State::Running),
            (samples::waiting("a"), State::Waiting),
            (samples::pushed("a"), State::Succeeded),
            (samples::failed("a"), State::Failed),
            (samples::cancelled("a"), State::Cancelled),
        ] {
            assert_eq!(State::of(&task), state);
        }
    }
}
