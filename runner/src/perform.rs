//! The git phases, from the plan to the container's last words.
//!
//! Here alone a phase's result becomes a report. Not here: the work itself ([`crate::clone`],
//! [`crate::rebase`], [`crate::push`]).

use crd::{Outcome, Phase, Reason, Report};

use crate::attempt::Attempt;
use crate::checkpoint::Taken;
use crate::ended::Ended;
use crate::plan::{Landed, Landing, Start};
use crate::push::{Ending, Pushed};
use crate::rebase::Rebased;
use crate::store::StoreError;
use crate::{clone, push, rebase, request};

/// Clone.
pub fn clone(attempt: &Attempt) -> Ended {
    match clone::clone(attempt) {
        Ok(start) => {
            let skip = start.skip.as_ref();
            let taken = start.taken.as_ref().map(|taken| earlier(attempt, taken));
            Ended::well(Report {
                reason: skip.map(|skip| skip.reason),
                message: skip.map(|skip| skip.message.clone()).or(taken).unwrap_or_default(),
                // Later attempts may start elsewhere; the task's start stays what it was.
                start_commit: attempt.document.start_commit.clone().or(Some(start.start_commit)),
                onto_commit: Some(start.onto_commit),
                ..Report::new(Phase::Clone, Outcome::Succeeded)
            })
        }
        Err(error) if error.is_interruption() => stopped(attempt, Phase::Clone, None),
        Err(error) => failed(Phase::Clone, error.reason(), &error.to_string()),
    }
}

/// Rebase.
pub fn rebase(attempt: &Attempt) -> Ended {
    let start = match Start::read(&attempt.dirs) {
        Ok(Start { skip: Some(skip), .. }) => return Ended::skipped(Phase::Rebase, &skip),
        Ok(start) => start,
        Err(error) => return unplanned(Phase::Rebase, &error),
    };
    match rebase::rebase(attempt, &start) {
        Ok(Rebased { landing, saved }) => {
            let files = conflicted(&landing);
            let skip = landing.skip.as_ref();
            Ended::well(Report {
                reason: skip.map(|skip| skip.reason),
                message: skip.map_or(saved.words, |skip| skip.message.clone()),
                onto_commit: Some(landing.onto_commit),
                checkpoint: landing.checkpoint,
                conflicts: count(&files),
                conflict_files: files,
                ..Report::new(Phase::Rebase, Outcome::Succeeded)
            })
        }
        Err(end) if end.error.is_interruption() => {
            stopped(attempt, Phase::Rebase, end.saved.checkpoint)
        }
        Err(stopped) => {
            // A Run that failed is the failure; this phase had nothing to land then.
            let run = matches!(stopped.error, rebase::Error::Run { .. });
            let message = sentences(&[&stopped.error.to_string(), &stopped.saved.words]);
            Ended::badly(Report {
                outcome: if run { Outcome::Skipped } else { Outcome::Failed },
                checkpoint: stopped.saved.checkpoint,
                conflicts: count(&stopped.conflicts),
                conflict_files: stopped.conflicts,
                ..Report::failed(Phase::Rebase, stopped.error.reason(), message)
            })
        }
    }
}

/// Push.
pub fn push(attempt: &Attempt) -> Ended {
    let start = match Start::read(&attempt.dirs) {
        Ok(Start { skip: Some(skip), .. }) => return Ended::skipped(Phase::Push, &skip),
        Ok(start) => start,
        Err(error) => return unplanned(Phase::Push, &error),
    };
    let landing = match Landing::read(&attempt.dirs) {
        Ok(Landing { skip: Some(skip), .. }) => return Ended::skipped(Phase::Push, &skip),
        Ok(landing) => landing,
        Err(error) => return unplanned(Phase::Push, &error),
    };
    match push::push(attempt, &start, &landing) {
        Ok(Ending::Pushed(pushed)) => Ended::well(report(pushed)),
        Ok(Ending::Nothing(skip)) => Ended::skipped(Phase::Push, &skip),
        Err(end) if end.error.is_interruption() => {
            stopped(attempt, Phase::Push, end.checkpoint.or(landing.checkpoint))
        }
        Err(stopped) => {
            let resolution = matches!(stopped.error, push::Error::Resolution { .. });
            let what = if stopped.checkpoint.is_some() { "finished commit" } else { "work" };
            let checkpoint = stopped.checkpoint.or(landing.checkpoint);
            let words = checkpoint.as_ref().map(|name| format!("The {what} is on {name}."));
            let message = sentences(&[&stopped.error.to_string(), &words.unwrap_or_default()]);
            Ended::badly(Report {
                outcome: if resolution { Outcome::Skipped } else { Outcome::Failed },
                // Without saved work, a new attempt would pay for it again.
                again: stopped.error.again() && checkpoint.is_some(),
                checkpoint,
                ..Report::failed(Phase::Push, stopped.error.reason(), message)
            })
        }
    }
}

fn earlier(attempt: &Attempt, taken: &Taken) -> String {
    let (own, state) = (taken.is_own(&attempt.document), taken.state.as_str());
    let whose = if own { "an earlier attempt".to_owned() } else { format!("task {}", taken.uid) };
    format!("Goes on from the {state} work of {whose}.")
}

/// The container was told to stop: by a request, whose reason is the verdict, or by SIGTERM alone,
/// for which the Pod's own facts say the reason.
fn stopped(attempt: &Attempt, phase: Phase, checkpoint: Option<String>) -> Ended {
    let Some(reason) = attempt.stop.asked() else { return Ended::interrupted() };
    let words = checkpoint.as_ref().map(|name| format!("The work is on {name}."));
    let message = sentences(&[&request::sentence(reason), &words.unwrap_or_default()]);
    Ended::badly(Report { checkpoint, ..Report::failed(phase, reason, message) })
}

fn report(pushed: Pushed) -> Report {
    Report {
        reason: Some(Reason::Pushed),
        message: format!("{} is on {}.", short(&pushed.commit), pushed.branch),
        branch: Some(pushed.branch),
        commit: Some(pushed.commit),
        onto_commit: Some(pushed.onto),
        diff: Some(pushed.diff),
        races: Some(pushed.races),
        ..Report::new(Phase::Push, Outcome::Succeeded)
    }
}

fn failed(phase: Phase, reason: Reason, message: &str) -> Ended {
    Ended::badly(Report::failed(phase, reason, sentences(&[message])))
}

/// The plan of an earlier phase cannot be read.
fn unplanned(phase: Phase, error: &StoreError) -> Ended {
    failed(phase, Reason::Lost, &format!("What an earlier phase planned cannot be read: {error}"))
}

fn conflicted(landing: &Landing) -> Vec<String> {
    match &landing.landed {
        Some(Landed::Conflicts(conflict)) => {
            conflict.files.iter().map(|file| file.path.clone()).collect()
        }
        _ => Vec::new(),
    }
}

fn count(files: &[String]) -> Option<u32> {
    u32::try_from(files.len()).ok().filter(|count| *count > 0)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The texts that say something, each as a sentence with a full stop, and with a capital letter
/// unless it begins with a name such as that of a file.
fn sentences(texts: &[&str]) -> String {
    let sentence = |text: &str| {
        let text = text.trim();
        let word = text.split(' ').next().unwrap_or_default();
        let mut chars = text.chars();
        let first = chars.next()?;
        let plain = word.chars().all(|letter| letter.is_ascii_lowercase());
        let first = if plain { first.to_ascii_uppercase() } else { first };
        let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
        Some(format!("{first}{}{stop}", chars.as_str()))
    };
    texts.iter().filter_map(|text| sentence(text)).collect::<Vec<_>>().join(" ")
}
