//! How a container ends: its report and its exit code.
//!
//! Not here: the report's format ([`crd::report`]) and how a phase comes to it.

use crd::status::Usage;
use crd::{Outcome, Phase, Reason, Report};

/// Exit code after SIGTERM, as a shell would say it.
pub const INTERRUPTED: u8 = 143;

/// A container's last words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What goes into the termination message; without a reason when the phase was interrupted,
    /// so that the Pod's own reason for it counts.
    pub report: Option<Report>,
    /// Exit code.
    pub exit: u8,
}

impl Ended {
    /// The phase did its part, or had nothing to do: exit code 0.
    pub fn well(report: Report) -> Self {
        Self { report: Some(report), exit: 0 }
    }

    /// The phase ends the attempt: exit code 1.
    pub fn badly(report: Report) -> Self {
        Self { report: Some(report), exit: 1 }
    }

    /// SIGTERM came: exit code 143, no report.
    pub const fn interrupted() -> Self {
        Self { report: None, exit: INTERRUPTED }
    }

    /// SIGTERM came to an agent phase: exit code 143, and a report without a reason that says only
    /// what has been paid.
    pub fn interrupted_after(phase: Phase, usage: Usage, session_id: &str) -> Self {
        let report = Report {
            usage: Some(usage),
            session_id: Some(session_id.to_owned()),
            ..Report::new(phase, Outcome::Failed)
        };
        Self { report: Some(report), exit: INTERRUPTED }
    }

    /// The phase was started a second time in the same Pod.
    pub fn twice(phase: Phase) -> Self {
        let message = "The container was started a second time in the same Pod, so its first run was cut off.";
        Self::badly(Report::failed(phase, Reason::Lost, message))
    }

    /// An earlier phase found that nothing is left to do.
    pub fn skipped(phase: Phase, skip: &crate::plan::Skip) -> Self {
        let report = Report::skipped(phase, skip.reason, skip.message.clone());
        if skip.reason.is_success() { Self::well(report) } else { Self::badly(report) }
    }

    /// There was nothing to do for this phase alone.
    pub fn idle(phase: Phase) -> Self {
        Self::well(Report::new(phase, Outcome::Skipped))
    }
}
