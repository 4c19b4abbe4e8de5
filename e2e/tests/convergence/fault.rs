//! The kinds of fault, and which runs have which at which write.
//!
//! Not here: what a fault does ([`crate::world`]).

use crate::dice::Dice;
use crate::workload::{WORKLOADS, Workload};

/// What goes wrong when the operator is about to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The operator dies before its request arrives.
    CrashBefore,
    /// It dies after its request was performed.
    CrashAfter,
    /// The request is performed, the connection breaks.
    ReplyLost,
    /// Somebody else wrote the object: 409.
    Conflict,
    /// 422.
    Invalid,
    /// 429.
    TooMany,
    /// 500.
    ServerError,
    /// The Job to create is there already, and it is the task's.
    AlreadyExists,
    /// The Job to create is there already, and it is somebody else's.
    ForeignJob,
    /// The operator starts anew with a list from long ago.
    StaleRead,
    /// Its next events never come, until it lists again.
    Dropped,
    /// Its last events come once more.
    Repeated,
    /// Its next events come in the wrong order.
    Reordered,
    /// Its watches end with 410: it lists again.
    Expired,
    /// A second operator works as well, from now on.
    SecondOperator,
    /// The Job controller makes a second Pod of the same spec.
    SecondPod,
    /// The node is cut off, and what runs there goes on for a while.
    NodeLost,
    /// The operator's clock jumps.
    ClockJump,
    /// Somebody deletes the Pod.
    PodDeleted,
    /// Somebody deletes the Job.
    JobDeleted,
    /// The next push to the branch arrives, its answer does not.
    PushReplyLost,
    /// The git server does not answer for a while.
    RemoteSilent,
}

pub const FAULTS: [Fault; 22] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::ReplyLost,
    Fault::Conflict,
    Fault::Invalid,
    Fault::TooMany,
    Fault::ServerError,
    Fault::AlreadyExists,
    Fault::ForeignJob,
    Fault::StaleRead,
    Fault::Dropped,
    Fault::Repeated,
    Fault::Reordered,
    Fault::Expired,
    Fault::SecondOperator,
    Fault::SecondPod,
    Fault::NodeLost,
    Fault::ClockJump,
    Fault::PodDeleted,
    Fault::JobDeleted,
    Fault::PushReplyLost,
    Fault::RemoteSilent,
];

/// Writes of a run at which a fault may strike.
pub const POINTS: usize = 10;

/// Runs with one fault each: every workload, every fault, every point.
pub const SINGLE: u64 = (WORKLOADS.len() * FAULTS.len() * POINTS) as u64;

/// What a seed stands for.
#[derive(Debug, Clone)]
pub struct Plan {
    pub workload: Workload,
    /// Fault by the number of the write, from 1.
    pub faults: Vec<(usize, Fault)>,
    pub dice: Dice,
}

impl Plan {
    /// Seeds below [`SINGLE`] have one fault, the others three.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let place = usize::try_from(seed % SINGLE).unwrap();
        let workload = WORKLOADS[place % WORKLOADS.len()];
        let mut faults = vec![(
            1 + place / WORKLOADS.len() / FAULTS.len(),
            FAULTS[place / WORKLOADS.len() % FAULTS.len()],
        )];
        if seed >= SINGLE {
            faults = (0..3)
                .map(|_| (1 + dice.below(POINTS), FAULTS[dice.below(FAULTS.len())]))
                .collect();
        }
        Self { workload, faults, dice }
    }
}
