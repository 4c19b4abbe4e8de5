//! The beginning of an attempt: its Job, or why there is none.
//!
//! Not here: whether there is to be another attempt ([`crd::attempts`]).

use crd::Reason;
use crd::advance::{self, Known};
use crd::fold::Ending;
use crd::span::after;
use jiff::{SignedDuration, Timestamp};

use super::{Action, Case, Decision, SETTLE};
use crate::job;
use crate::pod_facts::ending;
use crate::status;
use crate::view::Refusal;

/// Longest time between two tries to create a refused Job.
const RETRY_LIMIT: SignedDuration = SignedDuration::from_secs(60);

impl Case<'_> {
    /// The attempt has no Job yet.
    pub(super) fn begin(&self) -> Decision {
        if let Some(resume_at) = self.last.resume_at.filter(|at| self.now < *at) {
            let known = advance::obstacle(&self.last);
            let known = Known { obstacle: known.as_ref(), ..Known::default() };
            return self.say(known, Some(resume_at));
        }
        match &self.seen.refusal {
            Some(Refusal::Invalid(said)) => self.end(None, &ending(Reason::InvalidSpec, said)),
            Some(Refusal::NotNow(said)) => self.refused(said),
            None => self.create(),
        }
    }

    fn create(&self) -> Decision {
        let deadline = self.deadline_of_a_new_job();
        if self.now >= deadline {
            return self.end(None, &super::stop::timeout());
        }
        match job::build(self.task, self.attempt(), self.settings, deadline, self.now) {
            Err(refused) => self.end(None, &ending(Reason::InvalidSpec, refused.to_string())),
            Ok(job) => {
                let name = job.metadata.name.clone();
                let known = Known { job_name: name.as_deref(), ..Known::default() };
                let mut decision = self.say(known, None);
                decision.actions.insert(0, Action::CreateJob(Box::new(job)));
                decision
            }
        }
    }

    /// The first Job starts the clock; a wait that has lasted longer than planned has stopped it.
    pub(super) fn deadline_of_a_new_job(&self) -> Timestamp {
        let Some(deadline) = self.last.deadline else { return after(self.now, self.timeout()) };
        let late = self.last.resume_at.map(|at| self.now.duration_since(at)).unwrap_or_default();
        after(deadline, late.max(SignedDuration::ZERO))
    }

    /// The Job was refused, but not for good.
    fn refused(&self, said: &str) -> Decision {
        let refused = format!("the Job could not be created: {said}");
        let obstacle = ending(Reason::PodRejected, refused);
        let since = self.first_tried();
        if self.now >= after(since, self.settings.startup_deadline) {
            return self.end(None, &obstacle);
        }
        let pause = self.now.duration_since(since).clamp(SETTLE, RETRY_LIMIT);
        let known = Known { obstacle: Some(&obstacle), ..Known::default() };
        self.say(known, Some(after(self.now, pause)))
    }

    /// When this attempt could first have had its Job.
    fn first_tried(&self) -> Timestamp {
        let before = self.last.attempts.last().and_then(|attempt| attempt.finished_at);
        self.last
            .resume_at
            .or(before)
            .or_else(|| status::first_written(&self.last))
            .unwrap_or(self.now)
    }

    /// A Job of this attempt's name belongs to somebody else.
    pub(super) fn foreign(&self) -> Ending {
        let name = self.task.metadata.name.as_deref().unwrap_or_default();
        let uid = self.task.metadata.uid.as_deref().unwrap_or_default();
        let job = job::name(name, uid, self.attempt());
        ending(
            Reason::InvalidSpec,
            format!("Job {job} exists and does not belong to this task; delete that Job first"),
        )
    }
}
