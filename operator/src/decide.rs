//! What to do about one task: pure, total, without memory.
//!
//! Pod facts decide; the Job only says whether a Pod may still come. Before a verdict is written
//! while something could still start, the Job is deleted and both are seen gone; the reason waits
//! in the status meanwhile. Not here: reading ([`crate::observe`]) and doing ([`crate::act`]).

use crd::fold::{self, Ending, PhaseFacts};
use crd::{ClaudeTask, ClaudeTaskStatus, Reason};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;

use crate::config::Settings;
use crate::ended;
use crate::job;
use crate::notes::{self, Note};
use crate::pod_facts::{self, ending};
use crate::stall::{self, Stall, after};
use crate::status::{self, Known, Write};
use crate::view::{JobSeen, JobView, Observed, PodSeen, Refusal, created};

/// The only attempt.
pub const ATTEMPT: u32 = 1;
/// An obstacle that goes away by itself sooner is not worth showing.
const SETTLE: SignedDuration = SignedDuration::from_secs(5);
/// From this long a stall on, events are asked for, and again each time the stall has doubled.
pub const ASK_EVENTS: SignedDuration = SignedDuration::from_secs(10);
/// After `notAfter` and this, nothing that a Pod could still do counts.
const AFTER_THE_END: SignedDuration = SignedDuration::from_secs(60);
/// Longest time between two tries to create a refused Job.
const RETRY_LIMIT: SignedDuration = SignedDuration::from_secs(60);

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
    /// Replace the status.
    WriteStatus(Box<ClaudeTaskStatus>),
    /// Delete the Job in the foreground, if it still has this UID.
    DeleteJob {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Tell about the task.
    Publish(Note),
}

/// Decides what to do about `task`, given what was `seen` of it.
pub fn decide(task: &ClaudeTask, seen: &Observed, settings: &Settings, now: Timestamp) -> Decision {
    let finished = task.status.as_ref().is_some_and(ClaudeTaskStatus::is_finished);
    if finished || task.metadata.deletion_timestamp.is_some() {
        return Decision::default();
    }
    let case = Case { task, seen, settings, now, last: task.status.clone().unwrap_or_default() };
    match (case.pod(), &seen.job) {
        (Some(pod), _) => case.with_pod(pod),
        (None, JobSeen::Present(job)) => case.with_job(job),
        (None, _) if case.last.job_name.is_some() => {
            case.end(None, &case.known_or(Reason::Lost, "the Job was deleted before it was done"))
        }
        (None, JobSeen::Foreign) => case.end(None, &case.foreign()),
        (None, JobSeen::Absent) => case.start(),
    }
}

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

    fn start(&self) -> Decision {
        match &self.seen.refusal {
            Some(Refusal::Invalid(said)) => {
                return self.end(None, &ending(Reason::InvalidSpec, said));
            }
            Some(Refusal::NotNow(said)) => return self.refused(said),
            None => {}
        }
        match job::build(self.task, ATTEMPT, self.settings, self.now) {
            Err(refused) => self.end(None, &ending(Reason::InvalidSpec, refused.to_string())),
            Ok(job) => {
                let name = job.metadata.name.clone();
                let mut decision =
                    self.say(Known { job_name: name.as_deref(), ..Known::default() }, None);
                decision.actions.insert(0, Action::CreateJob(Box::new(job)));
                decision
            }
        }
    }

    /// The Job was refused, but not for good.
    fn refused(&self, said: &str) -> Decision {
        let refused = format!("the Job could not be created: {said}");
        let obstacle = ending(Reason::PodRejected, refused);
        let since = status::first_written(&self.last).unwrap_or(self.now);
        if self.now >= after(since, self.settings.startup_deadline) {
            return self.end(None, &obstacle);
        }
        let pause = self.now.duration_since(since).clamp(SETTLE, RETRY_LIMIT);
        let known = Known { obstacle: Some(&obstacle), ..Known::default() };
        self.say(known, Some(after(self.now, pause)))
    }

    fn with_pod(&self, seen: &PodSeen) -> Decision {
        let facts = pod_facts::facts(&seen.pod);
        let pod = (seen.pod.metadata.name.as_deref().unwrap_or_default(), &facts);
        let known = status::obstacle(&self.last);
        if let Some(proven) = fold::ending(&facts) {
            return self.end(Some(pod), &proven);
        }
        let not_after = self.not_after(created(&seen.pod.metadata));
        let last_moment = after(not_after, AFTER_THE_END);
        if pod_facts::is_over(seen, &facts) {
            let ended = ended::interrupted(seen, &facts, known.as_ref(), &self.seen.events);
            if !self.job_is_leaving() || self.now >= last_moment {
                return self.end(Some(pod), &ended);
            }
            let known = Known { pod: Some(pod), obstacle: Some(&ended), ..Known::default() };
            return self.say(known, Some(last_moment));
        }
        if self.now >= last_moment {
            let overdue = ended::overdue(seen, &facts, known.as_ref(), not_after, self.now);
            return self.end(Some(pod), &overdue);
        }
        if pod_facts::is_leaving(seen) || self.job_is_leaving() {
            let known = Known { pod: Some(pod), obstacle: known.as_ref(), ..Known::default() };
            return self.say(known, Some(last_moment));
        }
        let patience = self.settings.startup_deadline;
        match stall::of_pod(&seen.pod, &facts, &self.seen.events, patience, self.now) {
            Some(stall) => self.stalled(&stall, Some(pod), last_moment),
            None => self.say(Known { pod: Some(pod), ..Known::default() }, Some(last_moment)),
        }
    }

    fn with_job(&self, job: &JobView) -> Decision {
        let last_moment = after(self.not_after(created(&job.metadata)), AFTER_THE_END);
        if job.is_finished() || self.now >= last_moment {
            return self
                .end(None, &self.known_or(Reason::Lost, "the Job ended and its Pod is gone"));
        }
        if self.job_is_leaving() {
            let known = status::obstacle(&self.last);
            let known = Known { obstacle: known.as_ref(), ..Known::default() };
            return self.say(known, Some(last_moment));
        }
        let patience = self.settings.startup_deadline;
        let stall = stall::of_job(job, &self.seen.events, patience, self.now);
        self.stalled(&stall, None, last_moment)
    }

    /// Nothing runs: show why, and when time is up delete the Job.
    fn stalled(
        &self,
        stall: &Stall,
        pod: Option<(&str, &PhaseFacts)>,
        last_moment: Timestamp,
    ) -> Decision {
        let known = Known { pod, job_name: self.job_name(), ..Known::default() };
        if self.now < stall.until {
            let settled = after(stall.since, SETTLE);
            let shown = stall.obstacle.as_ref().filter(|_| self.now >= settled);
            let asks = next_question(stall.since, self.now);
            let wake = [settled, asks, stall.until, last_moment].into_iter();
            return self
                .say(Known { obstacle: shown, ..known }, wake.filter(|at| *at > self.now).min());
        }
        let known = Known { obstacle: Some(stall.verdict()), ..known };
        let mut decision = self.say(known, Some(last_moment));
        if let JobSeen::Present(job) = &self.seen.job
            && let (Some(name), Some(uid)) = (job.metadata.name.clone(), job.metadata.uid.clone())
        {
            decision.actions.push(Action::DeleteJob { name, uid });
        }
        decision
    }

    /// An unfinished status.
    fn say(&self, known: Known, wake: Option<Timestamp>) -> Decision {
        let next = status::next(self.task, ATTEMPT, self.named(known), self.now);
        match status::write(&self.last, &next, self.now) {
            Write::Never => Decision { actions: Vec::new(), wake },
            Write::At(due) => {
                Decision { actions: Vec::new(), wake: Some(wake.map_or(due, |wake| wake.min(due))) }
            }
            Write::Now => Decision { actions: self.told(next), wake },
        }
    }

    /// The verdict.
    fn end(&self, pod: Option<(&str, &PhaseFacts)>, ending: &Ending) -> Decision {
        let known = Known { pod, ending: Some(ending), ..Known::default() };
        let next = status::next(self.task, ATTEMPT, self.named(known), self.now);
        Decision { actions: self.told(next), wake: None }
    }

    fn named<'b>(&'b self, known: Known<'b>) -> Known<'b> {
        Known { job_name: known.job_name.or(self.job_name()), ..known }
    }

    fn told(&self, next: ClaudeTaskStatus) -> Vec<Action> {
        let notes = notes::of_step(&self.last, &next);
        let write = Action::WriteStatus(Box::new(next));
        std::iter::once(write).chain(notes.into_iter().map(Action::Publish)).collect()
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

    fn foreign(&self) -> Ending {
        let name = self.task.metadata.name.as_deref().unwrap_or_default();
        let uid = self.task.metadata.uid.as_deref().unwrap_or_default();
        let job = job::name(name, uid, ATTEMPT);
        ending(
            Reason::InvalidSpec,
            format!("Job {job} exists and does not belong to this task; delete that Job first"),
        )
    }

    fn known_or(&self, reason: Reason, message: &str) -> Ending {
        status::obstacle(&self.last).unwrap_or_else(|| ending(reason, message))
    }

    /// When nothing that the Pod could still do counts any more; [`AFTER_THE_END`] later the verdict
    /// is written whatever a Pod or Job does: its node may be dead.
    fn not_after(&self, made: Option<Timestamp>) -> Timestamp {
        let noted = match &self.seen.job {
            JobSeen::Present(job) => job.not_after(),
            JobSeen::Absent | JobSeen::Foreign => None,
        };
        noted.unwrap_or_else(|| after(made.unwrap_or(self.now), self.settings.deadline))
    }
}

/// When events are worth asking for next: when a stall is 10, 20, 40 … seconds old.
fn next_question(since: Timestamp, now: Timestamp) -> Timestamp {
    let mut age = ASK_EVENTS;
    while after(since, age) <= now && age < SignedDuration::from_hours(24) {
        age = age.saturating_mul(2);
    }
    after(since, age)
}
