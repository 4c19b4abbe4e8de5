//! A toy runner: the five phases of one Pod, with the real document, reports and push protocol.
//!
//! It keeps to the contract of the containers and does no work: a unit of Run costs time and
//! counts as paid. Not here: the push ([`crate::delivery`]) and what the kubelet makes of it
//! ([`crate::kubelet`]).

use crd::status::Usage;
use crd::usd::Usd;
use crd::{Outcome, Phase, Reason, Report, TaskDocument};
use runner::plan::Target;

use crate::delivery::Delivery;
use crate::dice::Dice;
use crate::remote::{Extent, Id, Remote, Saved};
use crate::workload::Script;

/// Units of work in a finished Run.
pub const UNITS: usize = 3;
/// Claude is stopped this long before the task's time is up.
const MARGIN: i64 = 90_000;

/// How a container ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub exit: i32,
    pub report: Option<Report>,
}

#[allow(clippy::unnecessary_wraps)] // A step ends with it, or not at all.
impl Ended {
    pub fn well(report: Report) -> Option<Self> {
        Some(Self { exit: 0, report: Some(report) })
    }

    pub fn badly(report: Report) -> Option<Self> {
        Some(Self { exit: 1, report: Some(report) })
    }
}

/// What the phases of one Pod share.
#[derive(Debug)]
pub struct Runner {
    pub document: TaskDocument,
    pub script: Script,
    /// Why the containers are asked to stop.
    pub asked: Option<Reason>,
    /// Commit that the task's own change starts from.
    base: Id,
    /// Commit of the start branch when this Pod cloned it.
    pub start: Id,
    pub onto: Id,
    skip: Option<Reason>,
    taken: Option<Saved>,
    units: usize,
    /// Units paid in this Pod.
    paid: usize,
    failed: Option<Reason>,
    landed: Option<Id>,
    delivery: Option<Delivery>,
}

/// What surrounds a step.
pub struct Around<'a> {
    pub remote: &'a mut Remote,
    pub dice: &'a mut Dice,
    pub now: i64,
    /// Units paid by all Pods of the task.
    pub paid: &'a mut usize,
}

impl Runner {
    pub fn new(document: TaskDocument, script: Script) -> Self {
        Self {
            document,
            script,
            asked: None,
            base: 0,
            start: 0,
            onto: 0,
            skip: None,
            taken: None,
            units: 0,
            paid: 0,
            failed: None,
            landed: None,
            delivery: None,
        }
    }

    /// One step of a phase; how it ended if it did.
    pub fn step(&mut self, phase: Phase, around: &mut Around) -> Option<Ended> {
        if let (Some(reason), true) = (self.skip, phase > Phase::Clone) {
            return Ended::well(Report::skipped(phase, reason, "as found before"));
        }
        match phase {
            Phase::Clone => self.clone(around),
            Phase::Run => self.run(around),
            Phase::Rebase => self.rebase(around),
            Phase::ConflictResolution => self.resolve(around),
            Phase::Push => self.push(around),
        }
    }

    /// What a container that is told to end does; only a push that has begun is looked after.
    pub fn terminate(&mut self, phase: Phase, around: &mut Around) -> Ended {
        if phase == Phase::Run && self.units > 0 {
            self.save(Extent::Partial, around);
        }
        if phase == Phase::Push
            && let Some(done) = self.delivery.take().and_then(|mut delivery| {
                delivery.is_under_way().then(|| delivery.step(self, around)).flatten()
            })
        {
            return done;
        }
        let report = Report { usage: self.usage(phase), ..Report::new(phase, Outcome::Failed) };
        Ended { exit: 143, report: phase.is_agent().then_some(report) }
    }

    fn clone(&mut self, around: &mut Around) -> Option<Ended> {
        let report = Report::new(Phase::Clone, Outcome::Succeeded);
        if let Some(reason) = self.asked {
            return Ended::badly(Report::failed(Phase::Clone, reason, "asked to stop"));
        }
        let (remote, script) = (&*around.remote, self.script);
        let branches = [script.branch, script.onto].into_iter().filter_map(|name| remote.tip(name));
        if branches.into_iter().any(|tip| remote.is_marked(tip)) {
            self.skip = Some(Reason::AlreadyPushed);
            let reason = self.skip;
            return Ended::well(Report { reason, ..report });
        }
        if script.target == Target::New && remote.tip(script.branch).is_some() {
            return Ended::badly(Report::failed(Phase::Clone, Reason::BranchExists, "it exists"));
        }
        self.start = remote.tip(script.start).unwrap_or_default();
        self.onto = remote.tip(script.onto).unwrap_or_default();
        self.taken = remote.checkpoint;
        self.units = self.taken.map_or(0, |taken| taken.units);
        let earlier = self.document.start_commit.as_ref().and_then(|id| id.get(1..)?.parse().ok());
        self.base = earlier.unwrap_or(self.start);
        let start_commit = Some(format!("c{}", self.base));
        Ended::well(Report { start_commit, ..report })
    }

    fn is_taken_whole(&self) -> bool {
        self.taken.is_some_and(|taken| taken.extent == Extent::Complete)
    }

    fn run(&mut self, around: &mut Around) -> Option<Ended> {
        if self.is_taken_whole() {
            return Ended::well(Report::new(Phase::Run, Outcome::Skipped));
        }
        let late = self.not_after() - MARGIN <= around.now;
        let stop = self.asked.or(late.then_some(Reason::Timeout));
        let fails = self.script.run_fails(self.document.attempt, self.units);
        if let Some(reason) = stop.or(fails) {
            self.failed = Some(reason);
            let report = Report::failed(Phase::Run, reason, "Claude was stopped");
            return Ended::well(Report { usage: self.usage(Phase::Run), ..report });
        }
        if self.script.hangs {
            return None;
        }
        self.units += 1;
        self.paid += 1;
        *around.paid += 1;
        if self.units >= UNITS {
            let report = Report::new(Phase::Run, Outcome::Succeeded);
            return Ended::well(Report { usage: self.usage(Phase::Run), ..report });
        }
        if around.dice.percent(60) {
            self.save(Extent::Partial, around);
        }
        None
    }

    fn usage(&self, phase: Phase) -> Option<Usage> {
        let micros = 100_000 * u64::try_from(self.paid).unwrap();
        let usage = Usage { cost_usd: Usd::from_micros(micros), turns: 1, ..Usage::default() };
        (phase == Phase::Run).then_some(usage)
    }

    pub fn not_after(&self) -> i64 {
        crate::time::millis(self.document.not_after)
    }

    /// The checkpoint, if it holds the work now.
    fn save(&self, extent: Extent, around: &mut Around) -> Option<String> {
        let work = Saved { attempt: self.document.attempt, extent, units: self.units };
        around.remote.save(work, around.now).then(|| self.document.checkpoint_ref.clone())
    }

    fn rebase(&mut self, around: &mut Around) -> Option<Ended> {
        let extent = if self.failed.is_none() { Extent::Complete } else { Extent::Partial };
        let checkpoint = if self.units > 0 { self.save(extent, around) } else { None };
        let words = if checkpoint.is_some() { "saved" } else { "the work could not be saved" };
        let report = |report: Report| Report { checkpoint: checkpoint.clone(), ..report };
        if let Some(reason) = self.failed {
            return Ended::badly(report(Report::skipped(Phase::Rebase, reason, words)));
        }
        if let Some(reason) = self.asked {
            return Ended::badly(report(Report::failed(Phase::Rebase, reason, words)));
        }
        self.onto = around.remote.tip(self.script.onto).unwrap_or_default();
        if around.remote.is_marked(self.onto) {
            self.skip = Some(Reason::AlreadyPushed);
            let found = Report::new(Phase::Rebase, Outcome::Succeeded);
            return Ended::well(report(Report { reason: self.skip, ..found }));
        }
        let conflict = around.remote.clashes(self.base, self.onto);
        if !conflict {
            self.landed = Some(around.remote.commit(self.onto));
        }
        let conflicts = Some(u32::from(conflict));
        let done = Report::new(Phase::Rebase, Outcome::Succeeded);
        Ended::well(report(Report { conflicts, message: words.to_owned(), ..done }))
    }

    fn resolve(&mut self, around: &mut Around) -> Option<Ended> {
        if self.landed.is_some() {
            return Ended::well(Report::new(Phase::ConflictResolution, Outcome::Skipped));
        }
        if let Some(reason) = self.asked {
            self.failed = Some(reason);
            let failed = Report::failed(Phase::ConflictResolution, reason, "asked to stop");
            return Ended::well(failed);
        }
        self.landed = Some(around.remote.commit(self.onto));
        Ended::well(Report::new(Phase::ConflictResolution, Outcome::Succeeded))
    }

    fn push(&mut self, around: &mut Around) -> Option<Ended> {
        if let Some(reason) = self.failed {
            return Ended::badly(Report::skipped(Phase::Push, reason, "not resolved"));
        }
        let landed = self.landed.unwrap_or_default();
        let onto = self.onto;
        let mut delivery = self.delivery.take().unwrap_or_else(|| Delivery::new(landed, onto));
        let ended = delivery.step(self, around);
        self.delivery = Some(delivery);
        ended
    }
}
