//! How an attempt ended, and what that is for whoever called the program.
//!
//! The reports come first, as in the cluster; then why it was stopped; then the agent's own words.
//! Not here: whether another attempt follows ([`crd::attempts`]).

use crd::fold::{self, Ending, PhaseFact, PhaseFacts};
use crd::{Phase, Reason};

/// The ending of an attempt that was stopped for the reason `why`, if it was.
/// `checkpoint` is the ref that holds what was saved.
pub fn ending(facts: &PhaseFacts, why: Option<Reason>, checkpoint: &str) -> Ending {
    fold::ending(facts)
        .or_else(|| why.map(|why| stopped(why, checkpoint)))
        .or_else(|| fold::own_words(facts))
        .unwrap_or_else(|| lost(facts))
}

fn stopped(why: Reason, checkpoint: &str) -> Ending {
    let what = match why {
        Reason::Timeout => "the task's time is over",
        _ => "stopped before its work was done",
    };
    let message = format!("{what}; what had been saved by then, if anything, is on {checkpoint}");
    Ending { reason: why, message }
}

fn lost(facts: &PhaseFacts) -> Ending {
    let silent = Phase::ALL.into_iter().rev().find_map(|phase| match &facts[phase as usize] {
        PhaseFact::Ended { exit_code, .. } => Some((phase.container(), *exit_code)),
        PhaseFact::Pending | PhaseFact::Running { .. } => None,
    });
    let message = match silent {
        Some((name, code)) => format!("{name} ended with exit code {code}: it left no report"),
        None => "nothing of it was started".to_owned(),
    };
    Ending { reason: Reason::Lost, message }
}

/// Exit code of the program for a task that ended with this reason. 1 and 2 are the program's own:
/// it could not work, or what it was given is wrong.
pub const fn exit_code(reason: Reason) -> u8 {
    match reason {
        Reason::Pushed | Reason::NothingToPush | Reason::AlreadyPushed => 0,
        // Before Claude was started.
        Reason::CloneFailed
        | Reason::AuthenticationFailed
        | Reason::SecretMismatch
        | Reason::RefNotFound
        | Reason::BranchExists
        | Reason::PushForbidden
        | Reason::SetupFailed
        | Reason::SecretMissing
        | Reason::InvalidSpec => 3,
        // Claude's work.
        Reason::AgentFailed | Reason::AgentHung | Reason::VerificationFailed => 4,
        // A limit.
        Reason::BudgetExceeded | Reason::TurnLimit | Reason::Timeout => 5,
        // The model API.
        Reason::RateLimited | Reason::Overloaded | Reason::CredentialsRejected => 6,
        // The branch.
        Reason::ConflictsUnresolved | Reason::ResolutionRejected | Reason::PushRejected => 7,
        // The machine.
        Reason::ImagePullFailed
        | Reason::OutOfMemory
        | Reason::DiskFull
        | Reason::Evicted
        | Reason::Unschedulable
        | Reason::PodRejected
        | Reason::NodeLost
        | Reason::Lost => 8,
        // As a shell says it of a program that Ctrl-C ended.
        Reason::Cancelled => 130,
    }
}

#[cfg(test)]
mod tests {
    use crd::{Outcome, Report};

    use super::*;

    fn ended(exit_code: i32, report: Option<Report>) -> PhaseFact {
        PhaseFact::Ended {
            started_at: None,
            finished_at: None,
            exit_code,
            report: report.map(Box::new),
        }
    }

    fn facts(run: PhaseFact, rebase: PhaseFact) -> PhaseFacts {
        let clone = ended(0, Some(Report::new(Phase::Clone, Outcome::Succeeded)));
        [clone, run, rebase, PhaseFact::Pending, PhaseFact::Pending]
    }

    #[test]
    fn a_report_of_the_git_side_comes_before_the_request_to_stop() {
        let rebase = Report::failed(Phase::Rebase, Reason::PushRejected, "moved");
        let facts = facts(ended(0, None), ended(1, Some(rebase)));
        assert_eq!(ending(&facts, Some(Reason::Cancelled), "c").reason, Reason::PushRejected);
    }

    #[test]
    fn without_a_report_the_request_is_the_reason_then_the_agents_words_then_nothing() {
        let killed = facts(ended(137, None), PhaseFact::Pending);
        assert_eq!(ending(&killed, Some(Reason::Cancelled), "c").reason, Reason::Cancelled);
        let lost = ending(&killed, None, "c");
        assert_eq!(lost.reason, Reason::Lost);
        assert_eq!(lost.message, "run ended with exit code 137: it left no report");
        let words = Report::failed(Phase::Run, Reason::AgentHung, "silent");
        let spoken = facts(ended(1, Some(words)), PhaseFact::Pending);
        assert_eq!(ending(&spoken, None, "c").reason, Reason::AgentHung);
    }

    #[test]
    fn a_success_is_0_and_every_failure_is_beyond_the_programs_own_codes() {
        for reason in Reason::ALL {
            let code = exit_code(*reason);
            assert!(if reason.is_success() { code == 0 } else { code > 2 }, "{reason}: {code}");
        }
    }
}
