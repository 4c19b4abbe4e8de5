//! The termination message: what one container says when it ends, at most [`LIMIT`] bytes of JSON.
//!
//! The kubelet shares 12 KiB among all containers of a Pod (Kubernetes, "Determine the Reason for
//! Pod Failure"), so texts are cut and the JSON never is. Not here: what is done with it
//! ([`crate::fold`]).

use serde::{Deserialize, Serialize};

use crate::phase::Phase;
use crate::reason::Reason;
use crate::status::{Diff, Usage};

/// Largest encoded report in bytes.
pub const LIMIT: usize = 1024;
/// Version of the format.
pub const FORMAT: u32 = 1;

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It did its work.
    Succeeded,
    /// It failed, with a reason.
    Failed,
    /// There was nothing for it to do; `reason` says why when an earlier phase decided that.
    Skipped,
}

/// What one phase container reports. Every field below `message` is only set by the phase named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`FORMAT`].
    pub version: u32,
    /// The phase that speaks.
    pub phase: Phase,
    /// How it ended.
    pub outcome: Outcome,
    /// Why; always set for `Failed`, and for a success that is the task's verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// A sentence for the task's author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Clone: commit that the work starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_commit: Option<String>,
    /// Clone, Rebase: commit of the onto branch as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onto_commit: Option<String>,
    /// Run: Claude Code's session (UUID).
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "sessionID")]
    pub session_id: Option<String>,
    /// Run, ConflictResolution: usage of this container's Claude processes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Run: Claude's closing words, at most 300 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Rebase, Push: ref on the remote that holds the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Rebase: number of conflicted files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<u32>,
    /// Rebase: the first conflicted files that fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflict_files: Vec<String>,
    /// ConflictResolution: agent turns used for the resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// Push: branch that was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Push: commit that the branch now points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Push: size of the change against the onto commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// Rebase, Push: a branch moved in a way that this attempt cannot follow, and a new one can.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Push: races lost before it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub races: Option<u32>,
}

/// A termination message that is not a report of the expected phase.
#[derive(Debug, thiserror::Error)]
pub enum NotAReport {
    /// Not JSON of this format, or too long.
    #[error("the termination message is not a report: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another format version or another phase.
    #[error("the termination message is of version {version}, phase {phase}")]
    Foreign {
        /// The version found.
        version: u32,
        /// The phase found.
        phase: Phase,
    },
}

impl Report {
    /// A report with nothing but its outcome.
    pub fn new(phase: Phase, outcome: Outcome) -> Self {
        Self {
            version: FORMAT,
            phase,
            outcome,
            reason: None,
            message: String::new(),
            start_commit: None,
            onto_commit: None,
            session_id: None,
            usage: None,
            summary: None,
            checkpoint: None,
            conflicts: None,
            conflict_files: Vec::new(),
            rounds: None,
            branch: None,
            commit: None,
            diff: None,
            again: false,
            races: None,
        }
    }

    /// A failure with its reason and a sentence.
    pub fn failed(phase: Phase, reason: Reason, message: impl Into<String>) -> Self {
        Self { reason: Some(reason), message: message.into(), ..Self::new(phase, Outcome::Failed) }
    }

    /// A phase that had nothing to do because of `reason`.
    pub fn skipped(phase: Phase, reason: Reason, message: impl Into<String>) -> Self {
        Self { reason: Some(reason), message: message.into(), ..Self::new(phase, Outcome::Skipped) }
    }

    /// The compact JSON, at most [`LIMIT`] bytes: the list of files is cut first, then the
    /// summary, then the message.
    pub fn encode(&self) -> String {
        let mut report = self.clone();
        loop {
            let text = serde_json::to_string(&report).unwrap_or_default();
            if text.len() <= LIMIT || !report.shorten(text.len() - LIMIT) {
                return text;
            }
        }
    }

    /// Reads what `phase` left.
    ///
    /// # Errors
    /// [`NotAReport`] when the text is no report, or that of another phase or format.
    pub fn parse(phase: Phase, text: &str) -> Result<Self, NotAReport> {
        let report: Self = serde_json::from_str(text)?;
        if report.version != FORMAT || report.phase != phase {
            return Err(NotAReport::Foreign { version: report.version, phase: report.phase });
        }
        Ok(report)
    }

    /// Removes something worth about `excess` bytes; false when nothing is left to remove.
    fn shorten(&mut self, excess: usize) -> bool {
        if self.conflict_files.pop().is_some() {
            return true;
        }
        if let Some(summary) = self.summary.take() {
            self.summary = cut(&summary, excess);
            return true;
        }
        if self.message.is_empty() {
            return false;
        }
        self.message = cut(&self.message, excess).unwrap_or_default();
        true
    }
}

/// `text` without its last `excess` bytes, but at most half of it goes at a time, because JSON
/// escapes make the text longer than it is; nothing when too little would be left.
fn cut(text: &str, excess: usize) -> Option<String> {
    const ELLIPSIS: char = '…';
    let gone = excess.min(text.len() / 2) + ELLIPSIS.len_utf8();
    let end = text.floor_char_boundary(text.len().checked_sub(gone)?);
    (end > 0).then(|| format!("{}{ELLIPSIS}", text[..end].trim_end_matches(ELLIPSIS)))
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Outcome, Report};
    use crate::phase::Phase;
    use crate::reason::Reason;

    #[test]
    fn texts_are_cut_and_the_json_is_not() {
        let mut report =
            Report::failed(Phase::Rebase, Reason::ConflictsUnresolved, "\u{1f980}\"\n".repeat(900));
        report.summary = Some("ü".repeat(300));
        report.conflict_files = (0..200).map(|i| format!("src/a/long/path/{i}.rs")).collect();
        report.conflicts = Some(200);
        let text = report.encode();
        assert!(text.len() <= LIMIT, "{}", text.len());
        let back = Report::parse(Phase::Rebase, &text).unwrap();
        assert_eq!((back.outcome, back.conflicts), (Outcome::Failed, Some(200)));
        assert!(back.message.starts_with('\u{1f980}'));
    }

    #[test]
    fn a_short_report_is_kept_whole() {
        let mut report = Report::new(Phase::Rebase, Outcome::Succeeded);
        report.conflict_files = vec!["a".into(), "b".into()];
        assert_eq!(Report::parse(Phase::Rebase, &report.encode()).unwrap(), report);
    }

    #[test]
    fn another_phase_or_format_is_refused() {
        let text = Report::new(Phase::Run, Outcome::Succeeded).encode();
        assert!(Report::parse(Phase::Push, &text).is_err());
        assert!(
            Report::parse(Phase::Run, &text.replace("\"version\":1", "\"version\":2")).is_err()
        );
        assert!(Report::parse(Phase::Run, "panicked at").is_err());
    }
}
