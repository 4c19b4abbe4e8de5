//! What a decision writes: a status on the way, or the verdict.
//!
//! Not here: what the status says ([`crd::advance`]) and which events it is worth
//! ([`crate::notes`]).

use crd::advance::{self, Known};
use crd::fold::Ending;
use crd::{ClaudeTaskStatus, attempts};
use jiff::Timestamp;

use super::{Action, Case, Decision, PodFacts};
use crate::status::{self, Write};
use crate::{notes, verdict};

impl Case<'_> {
    /// An unfinished status.
    pub(super) fn say(&self, known: Known, wake: Option<Timestamp>) -> Decision {
        let next = self.status(known);
        match status::write(&self.last, &next, self.now) {
            Write::Never => Decision { actions: Vec::new(), wake },
            Write::At(due) => {
                Decision { actions: Vec::new(), wake: Some(wake.map_or(due, |wake| wake.min(due))) }
            }
            Write::Now => Decision { actions: self.told(next), wake },
        }
    }

    /// The verdict.
    pub(super) fn end(&self, pod: Option<PodFacts>, ending: &Ending) -> Decision {
        let known = Known { pod, ending: Some(ending), ..Known::default() };
        let next = attempts::close(self.status(known), ending, self.now);
        let mut actions: Vec<_> =
            verdict::note(self.task, &next).map(Action::NoteVerdict).into_iter().collect();
        actions.extend(self.told(next));
        Decision { actions, wake: None }
    }

    /// The status that says all of `known`.
    pub(super) fn status(&self, known: Known) -> ClaudeTaskStatus {
        let job_name = known.job_name.or(self.job_name());
        let mut next = advance::next(self.task, Known { job_name, ..known }, self.now);
        if job_name.is_some() && self.last.job_name.is_none() {
            next.deadline = Some(match self.job_name() {
                Some(_) => self.deadline(),
                None => self.deadline_of_a_new_job(),
            });
            next.resume_at = None;
        }
        next
    }

    /// The status and the events that it is worth.
    pub(super) fn told(&self, next: ClaudeTaskStatus) -> Vec<Action> {
        let notes = notes::of_step(&self.last, &next);
        let write = Action::WriteStatus(Box::new(next));
        std::iter::once(write).chain(notes.into_iter().map(Action::Publish)).collect()
    }
}
