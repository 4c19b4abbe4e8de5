//! What is wrong with the work that Claude calls done, for which it gets another turn. Pure.
//!
//! Not here: finding it ([`crate::commands`], [`crate::work::open`]).

use crd::Reason;

use crate::claude::verdict::Verdict;
use crate::commands::FailedCommand;
use crate::prompt;
use crate::scrub::Scrub;

/// What is wrong.
pub enum Fault {
    /// A command of `verify` failed.
    Check(FailedCommand),
    /// A rebase, or something like it, was left in the middle.
    Unfinished(Vec<String>),
}

impl Fault {
    /// What Claude is asked.
    pub fn prompt(&self, scrub: &Scrub) -> String {
        match self {
            Self::Check(failed) => {
                prompt::repair(&failed.command, &failed.how, &scrub.text(&failed.output))
            }
            Self::Unfinished(what) => prompt::finish(what),
        }
    }

    /// The verdict when it is still so after `repairs` turns.
    pub fn verdict(&self, repairs: u32) -> Verdict {
        match self {
            Self::Check(failed) => {
                let message =
                    format!("`{}` {} after {repairs} repairs.", failed.command, failed.how);
                Verdict::failed(failed.reason(Reason::VerificationFailed), message)
            }
            Self::Unfinished(what) => {
                let what = what.join("; there is ");
                let message = format!(
                    "There is {what}, although Claude was asked {repairs} times to finish it."
                );
                Verdict::failed(Reason::AgentFailed, message)
            }
        }
    }
}
