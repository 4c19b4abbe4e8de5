//! What to do about one task: pure, total, without memory.
//!
//! Pod facts decide; the Job only says whether a Pod may still come. Before a verdict is written
//! while something could still start, the Job is deleted and both are seen gone; the reason waits
//! in the status meanwhile. Not here: reading ([`crate::observe`]) and doing ([`crate::act`]).

mod begin;
mod over;
mod stop;
mod tell;

use crd::advance::Known;
use crd::fold::{self, Ending, PhaseFacts};
use crd::span::after;
use crd::{ClaudeTask, ClaudeTaskStatus, Reason, advance, attempts};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;

use crate::config::Settings;
use crate::notes::Note;
use crate::pod_facts::{self, ending};
use crate::stall;
use crate::view::{JobSeen, JobView, Observed, PodSeen, created};
use crate::{ended, retention, verdict};

/// An obstacle that goes away by itself sooner is not worth showing.
const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// From this long a stall on, events are asked for, and again each time the stall has doubled.
pub const ASK_EVENTS: SignedDuration = SignedDuration::from_secs(10);
/// After the deadline and this, nothing that a Pod could still do counts.
const AFTER_THE_END: SignedDuration = SignedDuration::from_secs(60);

/// What to do, in this order, and when to look again if nothing happens before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What to do; when one fails the rest is left.
    pub actions: Vec<Action>,
    /// When to decide again at the latest; nothing means when something changes.
    pub wake: Option<Timestamp>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create the Job.
    CreateJob(Box<Job>),
    /// Write the verdict into the task's annotation, if the task is still as it was observed.
    NoteVerdict(String),
    /// Replace the status.
    WriteStatus(Box<ClaudeTaskStatus>),
    /// Write the annotation that asks a Pod to stop and save.
    StopPod {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// What the annotation says.
        request: String,
    },
    /// Delete the Job, if it still has this UID.
    DeleteJob {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// What becomes of its Pod.
        propagation: Propagation,
    },
    /// Delete the task, if it is still as it was observed.
    DeleteTask,
    /// Tell about the task.
    Publish(Note),
}

/// How the children of a deleted object go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// First the children; the object stays until they are gone.
    Foreground,
    /// First the object.
    Background,
}

/// Decides what to do about `task`, given what was `seen` of it.
pub fn decide(task: &ClaudeTask, seen: &Observed, settings: &Settings, now: Timestamp) -> Decision {
    if task.metadata.deletion_timestamp.is_some() {
        return Decision::default();
    }
    if let Some(status) = task.status.as_ref().filter(|status| status.is_finished()) {
        return retention::of_finished(task, status, &seen.jobs, settings, now);
    }
    let case = Case { task, seen, settings, now, last: task.status.clone().unwrap_or_default() };
    if let Some(earlier) = verdict::earlier(task) {
        return case.take_over(earlier);
    }
    match (case.pod(), &seen.job) {
        (Some(pod), _) => case.with_pod(pod),
        (None, JobSeen::Present(job)) => case.with_job(job),
        (None, _) if case.last.job_name.is_some() => {
            let gone = case.known_or(Reason::Lost, "the Job was deleted before it was done");
            case.over(None, &gone, case.deadline())
        }
        (None, _) if task.spec.cancel => {
            case.end(None, &ending(Reason::Cancelled, "cancelled before it began"))
        }
        (None, JobSeen::Foreign) => case.end(None, &case.foreign()),
        (None, JobSeen::Absent) => case.begin(),
    }
}

/// A Pod's name and what its containers did.
type PodFacts<'a> = (&'a str, &'a PhaseFacts);

struct Case<'a> {
    task: &'a ClaudeTask,
    seen: &'a Observed,
    settings: &'a Settings,
    now: Timestamp,
    last: ClaudeTaskStatus,
}

impl Case<'_> {
    /// The Pod that counts: one that has pushed, else one that is not over, else the oldest.
    fn pod(&self) -> Option<&PodSeen> {
        self.seen.pods.iter().min_by_key(|seen| {
            let facts = pod_facts::facts(&seen.pod);
            let pushed = fold::ending(&facts).is_some_and(|ending| ending.reason.is_success());
            (!pushed, pod_facts::is_over(seen, &facts), created(&seen.pod.metadata))
        })
    }

    fn with_pod(&self, seen: &PodSeen) -> Decision {
        let facts = pod_facts::facts(&seen.pod);
        let pod = (seen.pod.metadata.name.as_deref().unwrap_or_default(), &facts);
        let deadline = self.deadline();
        if let Some(proven) = fold::ending(&facts) {
            return self.over(Some((seen, pod)), &proven, deadline);
        }
        if pod_facts::is_over(seen, &facts) || ended::is_lost_with_its_node(seen, &facts, self.now)
        {
            return self.interrupted(seen, pod, deadline);
        }
        let known = advance::obstacle(&self.last);
        let last_moment = after(deadline, AFTER_THE_END);
        if self.now >= last_moment {
            let overdue = ended::overdue(seen, &facts, known.as_ref(), deadline, self.now);
            return self.end(Some(pod), &overdue);
        }
        if pod_facts::is_leaving(seen) || self.job_is_leaving() {
            let known = Known { pod: Some(pod), obstacle: known.as_ref(), ..Known::default() };
            return self.say(known, Some(last_moment));
        }
        if self.now >= deadline {
            return self.out_of_time(pod, deadline);
        }
        if self.task.spec.cancel {
            return self.cancel(seen, pod, deadline);
        }
        let patience = self.settings.startup_deadline;
        match stall::of_pod(&seen.pod, &facts, &self.seen.events, patience, self.now) {
            Some(stall) => self.stalled(&stall, Some(pod), deadline),
            None => self.say(Known { pod: Some(pod), ..Known::default() }, Some(deadline)),
        }
    }

    fn with_job(&self, job: &JobView) -> Decision {
        let deadline = self.deadline();
        let last_moment = after(deadline, AFTER_THE_END);
        if job.is_finished() || self.now >= last_moment {
            let gone = self.known_or(Reason::Lost, "the Job ended and its Pod is gone");
            return self.over(None, &gone, deadline);
        }
        if self.job_is_leaving() {
            let known = advance::obstacle(&self.last);
            let known = Known { obstacle: known.as_ref(), ..Known::default() };
            return self.say(known, Some(last_moment));
        }
        if self.now >= deadline {
            return self.stop(None, &stop::timeout(), last_moment);
        }
        if self.task.spec.cancel {
            return self.stop(None, &stop::cancelled(), last_moment);
        }
        let patience = self.settings.startup_deadline;
        let stall = stall::of_job(job, &self.seen.events, patience, self.now);
        self.stalled(&stall, None, deadline)
    }

    /// When the task ends at the latest.
    fn deadline(&self) -> Timestamp {
        let (noted, made) = match &self.seen.job {
            JobSeen::Present(job) => (job.not_after(), created(&job.metadata)),
            JobSeen::Absent | JobSeen::Foreign => (None, None),
        };
        // A Job that the status does not know yet knows more of the waits before it.
        let told = match &self.last.job_name {
            Some(_) => self.last.deadline.or(noted),
            None => noted.or(self.last.deadline),
        };
        told.unwrap_or_else(|| after(made.unwrap_or(self.now), self.timeout()))
    }

    /// Time that the task has in all.
    fn timeout(&self) -> SignedDuration {
        self.settings.timeout_of(self.task)
    }

    fn attempt(&self) -> u32 {
        attempts::current(self.task)
    }

    fn job_name(&self) -> Option<&str> {
        match &self.seen.job {
            JobSeen::Present(job) => job.metadata.name.as_deref(),
            JobSeen::Absent | JobSeen::Foreign => None,
        }
    }

    fn job_is_leaving(&self) -> bool {
        matches!(&self.seen.job, JobSeen::Present(job) if job.metadata.deletion_timestamp.is_some())
    }

    fn known_or(&self, reason: Reason, message: &str) -> Ending {
        advance::obstacle(&self.last).unwrap_or_else(|| ending(reason, message))
    }
}
