//! What the operator sees of the toy cluster, and what its actions do there.

use crd::ClaudeTaskStatus;
use crd::status::{ConditionStatus, SUCCEEDED};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use operator::decide::{Action, Decision, decide};
use operator::view::{JobSeen, Observed, PodSeen};
use serde_json::json;

use super::{Attempt, World};
use crate::sample::{Pod, at, job_json, settings};

/// What is to be done, and the version of the task that it was decided on.
pub struct Plan {
    pub decision: Decision,
    version: String,
}

/// More actions than any decision has.
pub const ALL: usize = 9;

impl World {
    pub fn observed(&self) -> Observed {
        let jobs = self.attempts.iter().filter_map(|attempt| attempt.job.clone());
        let jobs = jobs.map(Into::into).collect();
        let Some(attempt) = self.attempts.get(self.current()) else {
            return Observed { jobs, ..Observed::default() };
        };
        let pod = attempt.pod.as_ref().map(Pod::seen);
        let tombstone = attempt.tombstone.as_ref().map(Pod::gone);
        let pods: Vec<PodSeen> = pod.into_iter().chain(tombstone).collect();
        let job = attempt.job.clone().map_or(JobSeen::Absent, |job| JobSeen::Present(job.into()));
        Observed { job, pods, jobs, ..Observed::default() }
    }

    pub fn plan(&self) -> Plan {
        let decision = decide(&self.task, &self.observed(), &settings(), at(self.now));
        Plan { decision, version: self.version().to_owned() }
    }

    /// Observe, decide, act; the operator dies after so many actions.
    pub fn pass(&mut self, survives: usize) -> Option<Timestamp> {
        if self.deleted {
            return None;
        }
        let plan = self.plan();
        let wake = plan.decision.wake;
        self.perform(plan, survives);
        if survives < ALL {
            self.attempts.iter_mut().for_each(|attempt| attempt.tombstone = None);
        }
        wake
    }

    /// Performs a plan that may be an old one, as `act` does: what is refused ends it.
    pub fn perform(&mut self, plan: Plan, survives: usize) {
        let mut version = plan.version;
        for action in plan.decision.actions.into_iter().take(survives) {
            let is_fresh = !self.deleted && version == self.version();
            let done = match action {
                Action::CreateJob(job) => self.create_job(&job, is_fresh),
                Action::NoteVerdict(text) if is_fresh => {
                    self.note(text);
                    self.version().clone_into(&mut version);
                    true
                }
                Action::WriteStatus(status) if is_fresh => self.write(*status),
                Action::DeleteTask if is_fresh => {
                    assert!(self.verdict.is_some(), "only a finished task is deleted");
                    self.deleted = true;
                    true
                }
                Action::NoteVerdict(_) | Action::WriteStatus(_) | Action::DeleteTask => false,
                Action::DeleteJob { uid, .. } => self.delete_job(&uid),
                Action::StopPod { uid, request, .. } => self.ask(&uid, &request),
                Action::Publish(_) => true,
            };
            if !done {
                return;
            }
        }
    }

    fn note(&mut self, text: String) {
        let annotations = self.task.metadata.annotations.get_or_insert_default();
        let old = annotations.insert("claudetask.dev/verdict".to_owned(), text);
        assert_eq!(old, None, "a verdict is noted once");
        self.writes += 1;
        self.bump();
    }

    fn write(&mut self, status: ClaudeTaskStatus) -> bool {
        self.check_write(&status);
        self.task.status = Some(status);
        self.writes += 1;
        self.bump();
        true
    }

    fn check_write(&mut self, status: &ClaudeTaskStatus) {
        assert_eq!(self.verdict, None, "a verdict is written once and never changes");
        let condition = status.condition(SUCCEEDED).unwrap();
        if condition.status == ConditionStatus::Unknown {
            return;
        }
        let success = condition.status == ConditionStatus::True;
        assert!(!success || self.pushes == 1, "success needs positive proof");
        let mut known = self.attempts.iter().filter(|attempt| !attempt.stray);
        let working = known.any(|attempt| attempt.could_still_work(self.now));
        let in_time = !self.is_past_the_end();
        assert!(success || !working || !in_time, "{} too early", condition.reason);
        let noted = operator::verdict::earlier(&self.task).expect("the annotation comes first");
        assert_eq!(noted.ending.reason.as_str(), condition.reason);
        self.verdict = Some(condition.reason.clone());
    }

    fn create_job(&mut self, job: &Job, is_fresh: bool) -> bool {
        let label = &job.metadata.labels.as_ref().unwrap()["claudetask.dev/attempt"];
        let number: u32 = label.parse().unwrap();
        if self.attempts.iter().any(|attempt| attempt.number == number && attempt.job.is_some()) {
            return false;
        }
        assert!(!is_fresh || self.verdict.is_none(), "a finished task never starts again");
        let others = self.attempts.iter().filter(|attempt| attempt.number != number && is_fresh);
        for other in others {
            let alone = other.stray || !other.could_still_work(self.now);
            assert!(alone, "attempts {number} and {} at the same time", other.number);
        }
        let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        let limit = pod.active_deadline_seconds.unwrap();
        let mut view = job_json();
        view["metadata"]["name"] = json!(job.metadata.name);
        view["metadata"]["uid"] = json!(job_uid(number));
        view["metadata"]["creationTimestamp"] = json!(at(self.now));
        view["metadata"]["annotations"] = json!(job.metadata.annotations);
        let job = Some(serde_json::from_value(view).unwrap());
        self.attempts.retain(|attempt| attempt.number != number);
        self.attempts.push(Attempt { number, job, limit, stray: !is_fresh, ..Attempt::default() });
        true
    }

    pub fn delete_job(&mut self, uid: &str) -> bool {
        let now = self.now;
        for attempt in self.attempts.iter_mut().filter(|attempt| job_uid(attempt.number) == uid) {
            if let Some(job) = &mut attempt.job {
                job.metadata.deletion_timestamp = job.metadata.creation_timestamp.clone();
            }
            if let Some(pod) = attempt.pod.take() {
                attempt.pod = Some(leaving(pod, now));
            }
        }
        true
    }

    fn ask(&mut self, uid: &str, request: &str) -> bool {
        for pod in self.attempts.iter_mut().filter_map(|attempt| attempt.pod.as_mut()) {
            if pod.0["metadata"]["uid"] == uid {
                pod.0["metadata"]["annotations"] = json!({"claudetask.dev/stop": request});
            }
        }
        true
    }
}

/// On its way out, with a minute to save.
pub fn leaving(mut pod: Pod, now: i64) -> Pod {
    if pod.0["metadata"]["deletionTimestamp"].is_null() {
        pod.0["metadata"]["deletionTimestamp"] = json!(at(now + 60));
    }
    pod
}

pub fn job_uid(number: u32) -> String {
    format!("77777777-0000-4000-8000-{number:012}")
}
