//! Which container sees which volume: the two sides of a task, told apart by what they can reach.
//!
//! The operator makes a Pod's mounts of it, a run without a cluster those of its sandbox. Not here:
//! names and paths ([`crate::names`]).

use crate::Phase;
use crate::names::{self, Mount};

/// What one container sees of the shared volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Volumes that it may write.
    pub writes: &'static [Mount],
    /// Volumes that it may only read.
    pub reads: &'static [Mount],
}

/// The shared volumes of a container, which is a phase's or the saver.
pub fn shared(container: &str) -> Sight {
    use names::{HANDOFF, PLAN, REPO, SAVER, SESSION, WORKSPACE};
    match Phase::of_container(container) {
        Some(Phase::Clone) => Sight { writes: &[REPO, WORKSPACE, PLAN], reads: &[] },
        Some(Phase::Run | Phase::ConflictResolution) => {
            Sight { writes: &[WORKSPACE, SESSION, HANDOFF], reads: &[REPO, PLAN] }
        }
        Some(Phase::Rebase) => Sight { writes: &[REPO, PLAN], reads: &[HANDOFF] },
        Some(Phase::Push) => Sight { writes: &[REPO], reads: &[HANDOFF, PLAN] },
        None => Sight { writes: &[SAVER], reads: &[HANDOFF, REPO] },
    }
}

/// The phases' containers in their order, then the saver.
pub fn containers() -> impl Iterator<Item = &'static str> {
    Phase::ALL.into_iter().map(Phase::container).chain([names::SAVE_CONTAINER])
}

/// True for a container that holds the model credential; the others hold the git credential.
pub fn is_agent(container: &str) -> bool {
    Phase::of_container(container).is_some_and(Phase::is_agent)
}

/// The volume that is HOME in this container alone.
pub fn home(container: &str) -> String {
    format!("home-{container}")
}

/// The volume that holds temporary files of this container alone.
pub fn tmp(container: &str) -> String {
    format!("tmp-{container}")
}
