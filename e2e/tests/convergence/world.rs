//! The world of one task: chance says who acts next, until everything rests.
//!
//! Not here: faults at the operator's writes ([`crate::strike`]) and what must hold
//! ([`crate::promises`]).

use std::collections::BTreeSet;

use crate::agenda::{self, Happening};
use crate::apiserver;
use crate::cluster::{self, Chore};
use crate::dice::Dice;
use crate::fault::{Fault, Plan};
use crate::kubelet::{Machine, NEVER};
use crate::process::Process;
use crate::promises::Promises;
use crate::remote::Remote;
use crate::runner::Around;
use crate::store::{Kind, Store};
use crate::workload::Script;

/// UID of the task.
pub const UID: &str = "0b5e8a5e-6f0e-4f6e-9c62-1d6f3f0f7a11";
/// Longest story.
const LIMIT: i64 = 9 * 3_600_000;
/// Most steps of a story.
const STEPS: usize = 20_000;

/// A pause that is none, in milliseconds.
const AT_ONCE: i64 = 600;

/// Everything.
pub struct World {
    pub now: i64,
    pub dice: Dice,
    pub store: Store,
    pub remote: Remote,
    pub script: Script,
    pub faults: Vec<(usize, Fault)>,
    pub struck: Vec<Fault>,
    pub machines: Vec<Machine>,
    pub operators: Vec<Option<Process>>,
    pub agenda: Vec<(i64, Happening)>,
    /// UIDs of Jobs that had a Pod.
    pub begun: BTreeSet<String>,
    pub promises: Promises,
    /// Units of Run that were paid.
    pub paid: usize,
    /// Writes of all operators.
    pub writes: usize,
    /// The next Job to create is there already.
    pub job_is_there: Option<Fault>,
    pub trace: bool,
}

/// Who may act.
#[derive(Debug, Clone)]
enum Turn {
    Answer(usize),
    Deliver(usize),
    Pass(usize),
    Relist(usize),
    Chore(Chore),
    Machine(usize),
    Happen(usize),
}

impl World {
    pub fn new(plan: &Plan, trace: bool) -> Self {
        let mut dice = plan.dice.clone();
        let script = Script::new(plan.workload, &mut dice);
        let mut store = Store::default();
        store.put(Kind::Task, script.task(UID));
        let operator = Process::start(&store, 0);
        let agenda = agenda::story(plan.workload, &mut dice);
        Self {
            now: 0,
            dice,
            store,
            remote: Remote::new(&["main", "feature"]),
            script,
            faults: plan.faults.clone(),
            struck: Vec::new(),
            machines: Vec::new(),
            operators: vec![Some(operator)],
            agenda,
            begun: BTreeSet::new(),
            promises: Promises::default(),
            paid: 0,
            writes: 0,
            job_is_there: None,
            trace,
        }
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>9.1} s  {}", precise(self.now), what());
        }
    }

    /// Runs until nothing happens any more.
    pub async fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            let turns = self.turns();
            if turns.is_empty() {
                match self.next() {
                    Some(next) if next < LIMIT && !self.is_at_rest(next) => {
                        self.now = next.max(self.now);
                    }
                    _ => return self.check_the_end().await,
                }
                continue;
            }
            let turn = turns[self.dice.below(turns.len())].clone();
            self.now += self.dice.between(0, 200);
            self.act(turn).await;
            self.check()?;
        }
        Err("it never comes to rest".to_owned())
    }

    /// The verdict is there, and what is left to come is far away.
    fn is_at_rest(&self, next: i64) -> bool {
        self.promises.verdict.is_some() && next > self.now + 3_600_000
    }

    fn turns(&self) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (place, operator) in self.operators.iter().enumerate() {
            let Some(operator) = operator else { continue };
            if operator.call.is_some() {
                turns.extend([Turn::Answer(place), Turn::Answer(place)]);
            }
            if operator.position < self.store.history.len() {
                turns.push(Turn::Deliver(place));
            }
            if operator.is_due(self.now) {
                turns.push(Turn::Pass(place));
            }
            if operator.relists_at.is_some_and(|at| at <= self.now) {
                turns.push(Turn::Relist(place));
            }
        }
        turns.extend(cluster::chores(&self.store, &self.begun).into_iter().map(Turn::Chore));
        let due = self.machines.iter().enumerate().filter(|(_, m)| m.next <= self.now);
        turns.extend(due.map(|(place, _)| Turn::Machine(place)));
        let due = self.agenda.iter().enumerate().filter(|(_, (at, _))| *at <= self.now);
        turns.extend(due.map(|(place, _)| Turn::Happen(place)));
        turns
    }

    fn next(&self) -> Option<i64> {
        let operators = self.operators.iter().flatten().filter_map(Process::next);
        let machines = self.machines.iter().map(|m| m.next).filter(|next| *next != NEVER);
        operators.chain(machines).chain(self.agenda.iter().map(|(at, _)| *at)).min()
    }

    async fn act(&mut self, turn: Turn) {
        match turn {
            Turn::Answer(place) => self.answer(place).await,
            Turn::Deliver(place) => {
                if let Some(operator) = &mut self.operators[place] {
                    operator.deliver(&self.store);
                }
            }
            Turn::Relist(place) => {
                if let Some(operator) = &mut self.operators[place] {
                    operator.list(&self.store, self.store.history.len());
                }
            }
            Turn::Pass(place) => {
                *self.promises.passes.entry(place).or_default() += 1;
                self.begin(place).await;
            }
            Turn::Chore(chore) => self.chore(&chore),
            Turn::Machine(place) => self.step(place),
            Turn::Happen(place) => {
                let (_, happening) = self.agenda.swap_remove(place);
                self.happen(happening);
            }
        }
        for machine in &mut self.machines {
            machine.notice(&self.store, self.now);
        }
    }

    async fn begin(&mut self, place: usize) {
        self.say(|| format!("operator {place} begins a pass"));
        if let Some(operator) = &mut self.operators[place] {
            operator.begin();
        }
        self.settle(place).await;
    }

    /// The pass goes on until it asks or ends. One that ended well and saw everything would do
    /// nothing more if it came again.
    pub async fn settle(&mut self, place: usize) {
        let now = self.now;
        let Some(operator) = &mut self.operators[place] else { return };
        let well = operator.settle(now).await;
        let sees_all =
            operator.position == self.store.history.len() && operator.relists_at.is_none();
        // A refused status is tried again in full.
        let sees_all = sees_all && !self.promises.had(Fault::Invalid);
        // A pass that asks for the next one at once has left something to do.
        let is_done =
            !operator.wanted && operator.due.is_none_or(|due| due > now + operator.skew + AT_ONCE);
        if well && sees_all && is_done && self.dice.percent(20) {
            self.repeat(place).await;
        }
    }

    async fn repeat(&mut self, place: usize) {
        let Some(operator) = &mut self.operators[place] else { return };
        let due = operator.due;
        operator.begin();
        operator.settle(self.now).await;
        while let Some(call) = operator.call.take() {
            if call.request.is_write() && !call.request.tells() {
                let what = format!("{} {}", call.request.method, call.request.path);
                self.promises.break_one(format!("a second pass without change writes: {what}"));
            }
            let answer = apiserver::answer(&mut self.store, &call.request, self.now);
            call.answer(&answer);
            operator.settle(self.now).await;
        }
        operator.due = [operator.due, due].into_iter().flatten().min();
    }

    fn chore(&mut self, chore: &Chore) {
        self.say(|| format!("{chore:?}"));
        match chore {
            Chore::MakePod(job) => self.make_pod(job),
            other => cluster::perform(&mut self.store, other, self.now),
        }
    }

    /// The Job controller makes a Pod.
    pub fn make_pod(&mut self, job: &str) {
        let Some(job) = self.store.get(Kind::Job, job).cloned() else { return };
        let pod = format!("{}-{}", crate::store::name(&job), self.machines.len());
        self.begun.insert(crate::store::uid(&job).to_owned());
        self.store.put(Kind::Pod, cluster::pod_of(&job, &pod, self.now));
        let start = self.now + self.dice.between(500, 4_000);
        self.machines.push(Machine::new(&pod, &job, self.script, start));
    }

    fn step(&mut self, place: usize) {
        let paid = self.paid;
        let machine = &mut self.machines[place];
        let mut around = Around {
            remote: &mut self.remote,
            dice: &mut self.dice,
            now: self.now,
            paid: &mut self.paid,
        };
        machine.step(&mut self.store, &mut around);
        let (pod, phase) = (machine.pod.clone(), machine.phase());
        if self.paid > paid {
            self.promises.paid(self.remote.best);
        }
        self.say(|| format!("{pod} is at {phase:?}"));
    }
}

fn precise(millis: i64) -> f64 {
    f64::from(i32::try_from(millis).unwrap_or(i32::MAX)) / 1000.0
}
