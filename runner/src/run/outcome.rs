//! From how Claude ended and what became of its work to what Run says of itself. Pure.
//!
//! Not here: writing it down ([`super`]).

use crd::{Outcome, Phase, Reason, Report};

use crate::claude::verdict::{Failure, Verdict};
use crate::guard::full::is_full;
use crate::handoff::RunResult;
use crate::work::WorkError;

/// The work that was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// Its last commit; nothing when nothing changed.
    pub commit: Option<String>,
    /// What a reader of the verdict should know of it, in sentences.
    pub remarks: Vec<String>,
    /// What was too large to be handed over, files each with their size.
    pub left_out: Vec<String>,
}

/// How Run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Claude's closing words, or why it failed; nothing when the runner was asked to end.
    pub outcome: Option<Result<String, Failure>>,
    /// What was handed over.
    pub saved: Saved,
}

/// The verdict after what became of the work.
pub fn settle(verdict: Verdict, saved: Result<Saved, WorkError>) -> Settled {
    let outcome = match verdict {
        Verdict::Interrupted => None,
        Verdict::Failed(failure) => Some(Err(failure)),
        Verdict::Done(words) => Some(Ok(words)),
    };
    match saved {
        Ok(saved) => whole(outcome, saved),
        Err(error) => {
            let unread = || {
                let why = format!("Claude's work could not be read: {error}");
                Err(Failure::new(reason_of(&error), why))
            };
            let mut saved = Saved::default();
            if let Some(Err(_)) = outcome {
                saved.remarks.push(format!("The work could not be saved: {error}."));
            }
            let outcome = outcome.map(|outcome| outcome.and_then(|_| unread()));
            Settled { outcome, saved }
        }
    }
}

/// A change without its largest files is none to land, and nobody may miss them in silence.
fn whole(outcome: Option<Result<String, Failure>>, mut saved: Saved) -> Settled {
    let names = saved.left_out.join(", ");
    let outcome = match outcome {
        Some(Ok(_)) if !names.is_empty() => {
            let why = format!("The change is too large to be handed over; left out: {names}.");
            Some(Err(Failure::new(Reason::DiskFull, why)))
        }
        outcome => {
            if !names.is_empty() {
                saved.remarks.insert(0, format!("Too large to be saved, and lost: {names}."));
            }
            outcome
        }
    };
    Settled { outcome, saved }
}

/// Why work that cannot be read or written ends the task.
pub fn reason_of(error: &WorkError) -> Reason {
    let too_large = matches!(error, WorkError::TooLarge(_));
    if too_large || is_full(error) { Reason::DiskFull } else { Reason::AgentFailed }
}

/// What is handed to the git side.
pub fn result(outcome: Result<&str, &Failure>, saved: Saved) -> RunResult {
    let failure = outcome.err();
    let words = failure.map(|failure| failure.message.clone()).into_iter();
    RunResult {
        outcome: if failure.is_none() { Outcome::Succeeded } else { Outcome::Failed },
        reason: failure.map(|failure| failure.reason),
        message: words.chain(saved.remarks).collect::<Vec<_>>().join(" "),
        session_id: None,
        usage: None,
        summary: outcome.ok().filter(|words| !words.is_empty()).map(str::to_owned),
        commit: saved.commit,
    }
}

/// The container's last words.
pub fn report(result: &RunResult) -> Report {
    Report {
        reason: result.reason,
        message: result.message.clone(),
        session_id: result.session_id.clone(),
        usage: result.usage,
        summary: result.summary.clone(),
        ..Report::new(Phase::Run, result.outcome)
    }
}

#[cfg(test)]
mod tests {
    use crd::{Outcome, Reason};

    use super::{Saved, Settled, result, settle};
    use crate::claude::verdict::Verdict;
    use crate::work::WorkError;

    fn saved(left_out: &[&str]) -> Saved {
        let left_out = left_out.iter().map(|&name| name.to_owned()).collect();
        Saved { commit: Some("c".into()), remarks: Vec::new(), left_out }
    }

    fn failure(settled: Settled) -> (Reason, String) {
        let failure = settled.outcome.unwrap().unwrap_err();
        let result = result(Err(&failure), settled.saved);
        assert_eq!(result.outcome, Outcome::Failed);
        (failure.reason, result.message)
    }

    #[test]
    fn a_change_without_its_largest_file_is_not_landed() {
        let settled = settle(Verdict::Done("Done.".into()), Ok(saved(&["big.bin (3 MiB)"])));
        let (reason, message) = failure(settled);
        assert_eq!(reason, Reason::DiskFull);
        assert!(message.ends_with("left out: big.bin (3 MiB)."), "{message}");
        let whole = settle(Verdict::Done("Done.".into()), Ok(saved(&[])));
        assert_eq!(whole.outcome, Some(Ok("Done.".into())));
    }

    #[test]
    fn a_failure_stays_and_says_what_was_lost() {
        let failed = Verdict::failed(Reason::TurnLimit, "Enough.");
        let (reason, message) = failure(settle(failed, Ok(saved(&["a", "b"]))));
        assert_eq!(reason, Reason::TurnLimit);
        assert_eq!(message, "Enough. Too large to be saved, and lost: a, b.");
        assert_eq!(settle(Verdict::Interrupted, Ok(saved(&[]))).outcome, None);
    }

    #[test]
    fn a_full_volume_is_told_apart_from_work_that_cannot_be_read() {
        let error = |kind| WorkError::Io("the bundle", std::io::Error::from(kind));
        for (kind, reason) in [
            (std::io::ErrorKind::StorageFull, Reason::DiskFull),
            (std::io::ErrorKind::NotFound, Reason::AgentFailed),
        ] {
            let settled = settle(Verdict::Done(String::new()), Err(error(kind)));
            assert_eq!(failure(settled).0, reason);
        }
    }
}
