//! What Job controller, kubelet, containers and people do in the toy cluster.

use crd::{Outcome, Phase, Reason, Report};
use jiff::Timestamp;
use operator::view::JobView;
use serde_json::json;

use super::apiserver::{job_uid, leaving};
use super::{Attempt, Health, Script, World, is_over};
use crate::sample::{Pod, at, pushed};

impl World {
    /// One thing happens in one of the attempts.
    pub fn progress(&mut self) {
        for place in 0..self.attempts.len() {
            let mut attempt = std::mem::take(&mut self.attempts[place]);
            self.proceed(&mut attempt);
            self.attempts[place] = attempt;
        }
    }

    fn proceed(&mut self, attempt: &mut Attempt) {
        let going =
            attempt.job.as_ref().is_none_or(|job| job.metadata.deletion_timestamp.is_some());
        match attempt.pod.take() {
            None if going => attempt.job = None,
            None if attempt.tombstone.is_none() && attempt.done == 0 && !attempt.running => {
                let finished = attempt.job.as_ref().is_some_and(JobView::is_finished);
                attempt.pod = (!finished).then(|| self.new_pod(attempt));
            }
            None => finish_job(attempt),
            Some(pod) if attempt.health == Health::Dead => attempt.pod = Some(pod),
            Some(pod) if !pod.0["metadata"]["deletionTimestamp"].is_null() => {
                stop(attempt, pod, self.now);
            }
            Some(pod) if is_over(&pod) => {
                attempt.pod = Some(pod);
                finish_job(attempt);
            }
            Some(pod) if attempt.health == Health::Hangs => {
                attempt.pod = Some(end_late(attempt, pod, self.now));
            }
            Some(pod) => attempt.pod = Some(self.step(attempt, pod)),
        }
    }

    fn new_pod(&self, attempt: &Attempt) -> Pod {
        let mut pod = Pod::new();
        let job = attempt.job.as_ref().unwrap();
        let name = job.metadata.name.clone().unwrap();
        let meta = &mut pod.0["metadata"];
        meta["creationTimestamp"] = json!(at(self.now));
        meta["name"] = json!(format!("{name}-x7x7x"));
        meta["uid"] = json!(format!("pod-{}", attempt.number));
        meta["ownerReferences"][0]["name"] = json!(name);
        meta["ownerReferences"][0]["uid"] = json!(job_uid(attempt.number));
        pod.with("startTime", at(self.now).to_string())
    }

    /// The next container starts, or the one that runs ends.
    fn step(&mut self, attempt: &mut Attempt, pod: Pod) -> Pod {
        let Some(phase) = Phase::ALL.get(attempt.done).copied() else { return pod };
        attempt.running = !attempt.running;
        if attempt.running {
            return pod.running(phase.container(), self.now);
        }
        attempt.done += 1;
        let asked = !self.deaf && !pod.0["metadata"]["annotations"].is_null();
        let (exit, report) = self.end_of(phase, attempt.number, asked, &pod);
        let pod = pod.reported((self.now, self.now), exit, &report);
        match (exit, phase) {
            (0, Phase::Push) => pod.with("phase", "Succeeded"),
            (0, _) => pod,
            _ => pod.with("phase", "Failed"),
        }
    }

    /// How a container ends, as the runner would.
    fn end_of(&mut self, phase: Phase, number: u32, asked: bool, pod: &Pod) -> (i32, Report) {
        let script = self.scripts.get(number as usize - 1).copied().unwrap_or(Script::Pushes);
        let run = pod.view().status.init_container_statuses.into_iter().find(|c| c.name == "run");
        let run = run.and_then(|run| run.state.terminated).and_then(|ended| ended.message);
        let run = run.and_then(|said| Report::parse(Phase::Run, &said).ok());
        let failed = run.filter(|run| run.outcome == Outcome::Failed).and_then(|run| run.reason);
        match (phase, failed, script) {
            (Phase::Run, _, _) if self.saved => (0, Report::new(phase, Outcome::Skipped)),
            (Phase::Run, _, _) if asked => (0, Report::failed(phase, Reason::Cancelled, "asked")),
            (Phase::Run, _, Script::ClaudeFails(reason)) => {
                self.runs += 1;
                (0, Report::failed(phase, reason, "script"))
            }
            (Phase::Rebase, Some(reason), _) => (1, Report::skipped(phase, reason, "script")),
            _ if asked && !phase.is_agent() => {
                (1, Report::failed(phase, Reason::Cancelled, "asked"))
            }
            (Phase::Push, _, Script::LosesRace) => {
                let lost = Report::failed(phase, Reason::PushRejected, "script");
                (1, Report { again: true, ..lost })
            }
            (Phase::Push, _, _) if self.pushes > 0 => {
                (0, Report::skipped(phase, Reason::AlreadyPushed, "marked"))
            }
            (Phase::Push, _, _) => {
                self.pushes += 1;
                (0, pushed())
            }
            (phase, _, _) => {
                self.runs += usize::from(phase == Phase::Run);
                self.saved |= phase == Phase::Rebase;
                (0, Report::new(phase, Outcome::Succeeded))
            }
        }
    }

    /// People, nodes and clocks.
    pub fn disturb(&mut self) {
        let (now, place) = (self.now, self.current());
        let Some(attempt) = self.attempts.get_mut(place) else { return };
        let mut change = |change: &dyn Fn(Pod) -> Pod| {
            attempt.pod = attempt.pod.take().map(|pod| leaving(change(pod), now));
        };
        match self.dice.below(9) {
            0 => {
                let uid = job_uid(attempt.number);
                self.delete_job(&uid);
            }
            1 => change(&|pod| pod),
            2 => {
                change(&|pod| disrupted(pod, "DeletionByTaintManager"));
                attempt.health = Health::Dead;
            }
            3 if attempt.health == Health::Dead => attempt.health = Health::Well,
            3 => attempt.health = Health::Dead,
            4 => change(&|pod| disrupted(pod, "EvictionByEvictionAPI")),
            5 => attempt.health = Health::Hangs,
            6 => self.now += 400,
            7 => self.cancel(),
            _ => attempt.tombstone = None,
        }
    }
}

fn disrupted(pod: Pod, why: &str) -> Pod {
    pod.condition("DisruptionTarget", "True", why, "drained")
}

fn finish_job(attempt: &mut Attempt) {
    if let Some(job) = &mut attempt.job {
        let ended = json!({"conditions": [{"type": "Failed", "status": "True"}]});
        job.status = serde_json::from_value(ended).unwrap();
    }
}

/// The kubelet ends a Pod in which nothing goes on at the Pod's own deadline.
fn end_late(attempt: &mut Attempt, pod: Pod, now: i64) -> Pod {
    let start: Timestamp = serde_json::from_value(pod.0["status"]["startTime"].clone()).unwrap();
    if at(now - attempt.limit) < start {
        return pod;
    }
    let ended = match Phase::ALL.get(attempt.done).filter(|_| attempt.running) {
        Some(phase) => pod.ended(phase.container(), (now, now), 143, "Error", ""),
        None => pod,
    };
    attempt.running = false;
    ended.with("phase", "Failed").with("reason", "DeadlineExceeded")
}

/// A Pod on its way out first fails, then vanishes.
fn stop(attempt: &mut Attempt, pod: Pod, now: i64) {
    if is_over(&pod) {
        attempt.tombstone = Some(pod);
        finish_job(attempt);
        return;
    }
    let stopped = match Phase::ALL.get(attempt.done).filter(|_| attempt.running) {
        Some(phase) => pod.ended(phase.container(), (now, now), 143, "Error", ""),
        None => pod,
    };
    attempt.running = false;
    attempt.pod = Some(stopped.with("phase", "Failed"));
}
