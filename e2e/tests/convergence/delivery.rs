//! The toy runner's push, driven by the runner's own protocol, one question to the remote a step.
//!
//! Not here: the other phases ([`crate::runner`]).

use crd::{Outcome, Phase, Reason, Report};
use runner::push::protocol::{self, Course, End, Rules, Said, Seen, Step};

use crate::remote::Id;
use crate::runner::{Around, Ended, Runner};

/// Where a delivery is.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Begin,
    Look(Said),
    Done(End),
}

/// A commit on its way to the branch.
#[derive(Debug)]
pub struct Delivery {
    tip: Id,
    onto: Id,
    course: Course,
    stage: Stage,
}

fn id(commit: Id) -> String {
    format!("c{commit}")
}

impl Delivery {
    pub fn new(tip: Id, onto: Id) -> Self {
        Self { tip, onto, course: Course::default(), stage: Stage::Begin }
    }

    /// A push has begun, and nobody has looked yet what became of it.
    pub fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Look(_) | Stage::Done(End::Pushed))
    }

    pub fn step(&mut self, runner: &Runner, around: &mut Around) -> Option<Ended> {
        match self.stage {
            Stage::Begin => {
                let left = (runner.not_after() - around.now) / 1000;
                match protocol::begin(left, runner.asked.is_some()) {
                    Step::End(end) => return self.end(end, runner, around),
                    _ => self.stage = Stage::Look(self.push(runner, around)),
                }
                None
            }
            Stage::Look(said) => {
                let (seen, tip) = self.look(runner, around);
                let target = runner.script.target;
                let rules = Rules { target, is_verified: runner.script.verified };
                let (course, mut step) = protocol::after(rules, self.course, said, seen);
                self.course = course;
                if step == Step::Land {
                    step = self.land(tip, around);
                }
                match step {
                    Step::End(end) => return self.end(end, runner, around),
                    _ => self.stage = Stage::Begin,
                }
                None
            }
            Stage::Done(end) => self.end(end, runner, around),
        }
    }

    fn lease(&self, runner: &Runner) -> Option<Id> {
        let (onto, start) = (id(self.onto), id(runner.start));
        let lease = protocol::lease(runner.script.target, &onto, &start)?;
        Some(if lease == onto { self.onto } else { runner.start })
    }

    fn push(&self, runner: &Runner, around: &mut Around) -> Said {
        let lease = self.lease(runner);
        around.remote.push(runner.script.branch, lease, self.tip, around.now)
    }

    fn look(&self, runner: &Runner, around: &Around) -> (Seen, Id) {
        if around.remote.is_silent(around.now) {
            return (Seen::Unknown, 0);
        }
        let tip = around.remote.tip(runner.script.branch);
        let lease = self.lease(runner).map(id);
        let listed = tip.map(id);
        if let Some(seen) = protocol::glance(&id(self.tip), lease.as_deref(), listed.as_deref()) {
            return (seen, 0);
        }
        let tip = tip.unwrap_or_default();
        let has_ours = around.remote.is_ancestor(self.tip, tip);
        (protocol::study(has_ours, around.remote.is_marked(tip)), tip)
    }

    /// The same change on the branch's new tip.
    fn land(&mut self, tip: Id, around: &mut Around) -> Step {
        let conflicts = around.remote.clashes(self.onto, tip);
        if !conflicts {
            self.tip = around.remote.commit(tip);
            self.onto = tip;
        }
        protocol::landed(true, conflicts)
    }

    fn end(&mut self, end: End, runner: &Runner, around: &mut Around) -> Option<Ended> {
        let has_landed = matches!(end, End::Pushed | End::AlreadyPushed);
        if has_landed && !matches!(self.stage, Stage::Done(_)) {
            // The checkpoint goes with a second push.
            self.stage = Stage::Done(end);
            return None;
        }
        if has_landed && !around.remote.is_silent(around.now) {
            around.remote.checkpoint = None;
        }
        let failed = |reason| {
            let failed = Report::failed(Phase::Push, reason, format!("{end:?}"));
            let checkpoint =
                around.remote.checkpoint.map(|_| runner.document.checkpoint_ref.clone());
            Ended::badly(Report { again: end.again(), checkpoint, ..failed })
        };
        match end {
            End::Pushed => Ended::well(Report {
                reason: Some(Reason::Pushed),
                branch: Some(runner.script.branch.to_owned()),
                commit: Some(id(self.tip)),
                ..Report::new(Phase::Push, Outcome::Succeeded)
            }),
            End::AlreadyPushed => {
                Ended::well(Report::skipped(Phase::Push, Reason::AlreadyPushed, "marked"))
            }
            End::NothingToPush => {
                Ended::well(Report::skipped(Phase::Push, Reason::NothingToPush, "all is there"))
            }
            End::Appeared => failed(Reason::BranchExists),
            End::Late => failed(Reason::Timeout),
            End::Asked => failed(runner.asked.unwrap_or(Reason::Cancelled)),
            _ => failed(Reason::PushRejected),
        }
    }
}
