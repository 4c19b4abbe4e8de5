//! Which verdicts a story may have.
//!
//! Not here: what must hold in all of them ([`crate::promises`]).

use crate::fault::Fault;
use crate::workload::Workload;
use crate::world::World;

impl World {
    /// What a fault must not change: faults between operator and apiserver leave the outcome as it
    /// would have been.
    pub fn check_outcome(&self, reason: &str) -> Result<(), String> {
        let harmless = |fault: &Fault| {
            use Fault as F;
            !matches!(
                fault,
                F::Invalid
                    | F::ForeignJob
                    | F::NodeLost
                    | F::SecondPod
                    | F::ClockJump
                    | F::JobDeleted
                    | F::RemoteSilent
            )
        };
        if !self.struck.iter().all(harmless) {
            return Ok(());
        }
        let expected: &[&str] = match self.script.workload {
            Workload::Cancel => &["Cancelled", "Pushed"],
            Workload::Timeout => &["Timeout"],
            _ => &["Pushed", "AlreadyPushed"],
        };
        if expected.contains(&reason) {
            return Ok(());
        }
        Err(format!("{:?} ended with {reason} after {:?}", self.script.workload, self.struck))
    }
}
