//! A toy cluster drives decisions to rest: events come late or not at all, the operator dies
//! between any two actions, people and nodes interfere. What must hold always is asserted at every
//! step.

use crd::status::{ConditionStatus, SUCCEEDED};
use crd::{ClaudeTask, Outcome, Phase, Report};
use jiff::Timestamp;
use operator::decide::{Action, decide};
use operator::view::{JobSeen, JobView, Observed, PodSeen};
use serde_json::json;

use crate::sample::{Pod, at, job_json, pushed, settings, task};

const DEADLINE: i64 = 3600;

/// A small generator: the same seed gives the same story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

struct World {
    dice: Dice,
    now: i64,
    task: ClaudeTask,
    job: Option<JobView>,
    pod: Option<Pod>,
    /// The operator remembers a Pod that is gone, until it dies.
    tombstone: Option<Pod>,
    /// Phases that have ended; the next one runs when `running`.
    done: usize,
    running: bool,
    dead_node: bool,
    hangs: bool,
    has_pushed: bool,
    writes: usize,
    verdict: Option<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            now: 0,
            task: task(),
            job: None,
            pod: None,
            tombstone: None,
            done: 0,
            running: false,
            dead_node: false,
            hangs: false,
            has_pushed: false,
            writes: 0,
            verdict: None,
        }
    }

    fn observed(&self) -> Observed {
        let pod = self.pod.as_ref().map(Pod::seen);
        let tombstone = self.tombstone.as_ref().map(Pod::gone);
        let pods: Vec<PodSeen> = pod.into_iter().chain(tombstone).collect();
        let job = self.job.clone().map_or(JobSeen::Absent, |job| JobSeen::Present(job.into()));
        Observed { job, pods, ..Observed::default() }
    }

    /// One pass; `survives` actions are done before the operator dies.
    fn pass(&mut self, survives: usize) {
        let decision = decide(&self.task, &self.observed(), &settings(), at(self.now));
        for action in decision.actions.into_iter().take(survives) {
            match action {
                Action::CreateJob(_) => self.create_job(),
                Action::WriteStatus(status) => {
                    self.check_write(&status);
                    self.task.status = Some(*status);
                    self.writes += 1;
                }
                Action::DeleteJob { .. } => self.delete_job(),
                Action::Publish(_) => {}
            }
        }
        if survives < 9 {
            self.tombstone = None;
        }
    }

    fn create_job(&mut self) {
        let begun = self.task.status.as_ref().is_some_and(|status| status.job_name.is_some());
        assert!(!begun, "a task that has begun gets no second Job");
        if self.job.is_none() {
            let mut job = job_json();
            job["metadata"]["creationTimestamp"] = json!(at(self.now));
            job["metadata"]["annotations"]["claudetask.dev/not-after"] =
                json!(at(self.now + DEADLINE));
            self.job = Some(serde_json::from_value(job).unwrap());
        }
    }

    fn delete_job(&mut self) {
        if let Some(job) = &mut self.job {
            job.metadata.deletion_timestamp = job.metadata.creation_timestamp.clone();
        }
        if let Some(pod) = self.pod.take() {
            self.pod = Some(pod.deleting());
        }
    }

    fn check_write(&mut self, status: &crd::ClaudeTaskStatus) {
        let condition = status.condition(SUCCEEDED).unwrap();
        if condition.status == ConditionStatus::Unknown {
            assert_eq!(self.verdict, None, "a verdict never changes");
            return;
        }
        assert_eq!(self.verdict, None, "a verdict is written once");
        let success = condition.status == ConditionStatus::True;
        assert!(!success || self.has_pushed, "success needs positive proof");
        assert!(success || !self.could_still_start(), "{} too early", condition.reason);
        self.verdict = Some(condition.reason.clone());
    }

    fn could_still_start(&self) -> bool {
        let Some(job) = &self.job else { return false };
        let past = job.not_after().is_some_and(|at_last| at(self.now - 60) >= at_last);
        let pod = match &self.pod {
            Some(pod) => pod.0["status"]["phase"] != "Failed",
            None => job.metadata.deletion_timestamp.is_none() && !job.is_finished(),
        };
        pod && !past
    }

    /// The Job controller and the kubelet do one thing.
    fn progress(&mut self) {
        let leaving = self.job.as_ref().is_none_or(|job| job.metadata.deletion_timestamp.is_some());
        match self.pod.take() {
            None if leaving => self.job = None,
            None => {
                let finished = self.job.as_ref().is_some_and(JobView::is_finished);
                if !finished && self.tombstone.is_none() && self.done == 0 && !self.running {
                    let mut pod = Pod::new();
                    pod.0["metadata"]["creationTimestamp"] = json!(at(self.now));
                    self.pod = Some(pod.with("startTime", at(self.now).to_string()));
                } else {
                    self.fail_job();
                }
            }
            Some(pod) if self.dead_node => self.pod = Some(pod),
            Some(pod) if !pod.0["metadata"]["deletionTimestamp"].is_null() => self.stop(pod),
            Some(pod) if self.hangs => self.pod = Some(self.end_late(pod)),
            Some(pod) => self.pod = Some(self.step(pod)),
        }
    }

    fn fail_job(&mut self) {
        if let Some(job) = &mut self.job {
            let failed = json!({"conditions": [{"type": "Failed", "status": "True"}]});
            job.status = serde_json::from_value(failed).unwrap();
        }
    }

    /// The kubelet ends a Pod in which nothing goes on at the Pod's own deadline.
    fn end_late(&self, pod: Pod) -> Pod {
        let start: Timestamp =
            serde_json::from_value(pod.0["status"]["startTime"].clone()).unwrap();
        if at(self.now - DEADLINE) < start || pod.0["status"]["phase"] == "Failed" {
            return pod;
        }
        let ended = match Phase::ALL.get(self.done).filter(|_| self.running) {
            Some(phase) => pod.ended(phase.container(), (self.now, self.now), 143, "Error", ""),
            None => pod,
        };
        ended.with("phase", "Failed").with("reason", "DeadlineExceeded")
    }

    /// A Pod on its way out first fails, then vanishes.
    fn stop(&mut self, pod: Pod) {
        if pod.0["status"]["phase"] == "Failed" {
            self.tombstone = Some(pod);
            self.fail_job();
            return;
        }
        let stopped = match Phase::ALL.get(self.done).filter(|_| self.running) {
            Some(phase) => pod.ended(phase.container(), (self.now, self.now), 143, "Error", ""),
            None => pod,
        };
        self.pod = Some(stopped.with("phase", "Failed"));
    }

    fn step(&mut self, pod: Pod) -> Pod {
        let Some(phase) = Phase::ALL.get(self.done).copied() else { return pod };
        self.running = !self.running;
        if self.running {
            return pod.running(phase.container(), self.now);
        }
        self.done += 1;
        self.has_pushed |= phase == Phase::Push;
        let report =
            if phase == Phase::Push { pushed() } else { Report::new(phase, Outcome::Succeeded) };
        pod.reported((self.now, self.now), 0, &report)
    }

    /// People and nodes.
    fn disturb(&mut self) {
        match self.dice.below(7) {
            0 => self.delete_job(),
            1 => self.pod = self.pod.take().map(Pod::deleting),
            2 => self.dead_node = true,
            3 if self.has_pushed => {}
            3 => {
                let evicted = |pod: Pod| pod.with("phase", "Failed").with("reason", "Evicted");
                self.pod = self.pod.take().map(|pod| evicted(pod).deleting());
            }
            4 => self.now += 400,
            5 => self.hangs = true,
            _ => self.tombstone = None,
        }
    }

    fn ending(&self) -> String {
        self.verdict.clone().unwrap_or_else(|| panic!("no verdict after {} s", self.now))
    }
}

#[test]
fn an_undisturbed_task_is_pushed_with_seven_writes() {
    let mut world = World::new(1);
    while world.verdict.is_none() {
        world.pass(9);
        world.progress();
        world.now += 1;
        assert!(world.now < 60);
    }
    assert_eq!(world.ending(), "Pushed");
    assert_eq!(world.writes, 7, "one for the Job, one a phase, one for the verdict");
}

#[test]
fn an_operator_that_dies_between_any_two_actions_changes_nothing_in_the_outcome() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        while world.verdict.is_none() {
            for _ in 0..world.dice.below(4) {
                world.progress();
            }
            let survives = usize::try_from(world.dice.below(4)).unwrap();
            world.pass(survives);
            world.now += i64::try_from(world.dice.below(9)).unwrap();
            assert!(world.now < DEADLINE, "seed {seed}");
        }
        assert_eq!(world.ending(), "Pushed", "seed {seed}");
    }
}

#[test]
fn whatever_interferes_there_is_one_verdict_in_time_and_it_stays() {
    let mut endings = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..40 {
            match world.dice.below(8) {
                0 => world.disturb(),
                1..4 => world.progress(),
                4 => world.now += 7,
                5 => {
                    let survives = usize::try_from(world.dice.below(4)).unwrap();
                    world.pass(survives);
                }
                _ => world.pass(9),
            }
        }
        // From here on only time passes.
        let limit = world.now + DEADLINE + 120;
        while world.verdict.is_none() && world.now < limit {
            world.progress();
            world.pass(9);
            world.now += 20;
        }
        for _ in 0..5 {
            world.progress();
            world.pass(9);
        }
        *endings.entry(world.ending()).or_default() += 1;
    }
    for reason in ["Pushed", "Lost", "Evicted", "Timeout", "NodeLost"] {
        assert!(endings.contains_key(reason), "the stories are too tame: {endings:?}");
    }
}
