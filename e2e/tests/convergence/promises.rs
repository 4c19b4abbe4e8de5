//! What must hold in every story: the promises 1 to 4 of the design, and that nothing spins.
//!
//! Not here: the stories.

use std::collections::BTreeMap;

use crd::{Reason, names};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::process::Process;
use crate::remote::{Extent, Remote, Saved};
use crate::store::{Kind, name};
use crate::world::World;

/// Most passes of one operator over one task with up to two attempts.
const PASSES: usize = 50;
/// Passes that each further attempt may take.
const PASSES_AGAIN: usize = 20;
/// Time of the task, as it is filed.
const TIMEOUT: i64 = 3_600_000;
/// Time after that in which the verdict must be there.
const PATIENCE: i64 = 120_000;

/// What was seen.
#[derive(Debug, Default)]
pub struct Promises {
    /// The verdict's status and reason, with its phase.
    pub verdict: Option<(String, String)>,
    pub decided_at: i64,
    first_job: Option<i64>,
    attempts: usize,
    /// Passes by the place of the operator.
    pub passes: BTreeMap<usize, usize>,
    /// Time that was spent in Waiting.
    pub waited: i64,
    pub skew: i64,
    faults: Vec<Fault>,
    broken: Option<String>,
}

impl Promises {
    pub fn break_one(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    pub fn is_told_of(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub fn had(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// A finished task never runs again.
    pub fn job_is_created(&mut self) {
        if self.verdict.is_some() {
            self.break_one("a finished task gets a Job".to_owned());
        }
    }

    pub fn job_was_created(&mut self, now: i64) {
        self.attempts += 1;
        self.first_job.get_or_insert(now);
    }

    /// Work that is whole and on the checkpoint is not paid again, unless two Pods run at a time.
    pub fn paid(&mut self, best: Option<Saved>) {
        let whole = best.is_some_and(|best| best.extent == Extent::Complete);
        let twice = self.had(Fault::SecondPod) || self.had(Fault::NodeLost);
        if whole && !twice {
            self.break_one("finished work is paid again".to_owned());
        }
    }

    pub fn status_written(&mut self, status: &Value, now: i64, remote: &Remote) {
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let Some(said) = conditions.into_iter().find(|c| c["type"] == "Succeeded") else {
            return self.break_one("a status without the verdict's condition".to_owned());
        };
        let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
        let now_said = (text("status"), text("reason"));
        if let Some(known) = &self.verdict {
            if *known != now_said {
                let what = format!("the verdict changes from {known:?} to {now_said:?}");
                self.break_one(what);
            }
            return;
        }
        if let Some(at) = status["resumeAt"].as_str() {
            let at = crate::time::millis(at.parse().unwrap());
            self.waited += (at - now).max(0);
        }
        if now_said.0 == "Unknown" {
            return;
        }
        self.decided_at = now;
        self.check_verdict(&now_said, remote);
        self.verdict = Some(now_said);
    }

    fn check_verdict(&mut self, (status, reason): &(String, String), remote: &Remote) {
        let Ok(reason) = reason.parse::<Reason>() else {
            return self.break_one(format!("{reason} is not on the list"));
        };
        if (status == "True") != reason.is_success() {
            self.break_one(format!("{reason} with {status}"));
        }
        if matches!(reason, Reason::Pushed | Reason::AlreadyPushed) && remote.pushes.is_empty() {
            self.break_one(format!("{reason}, and nothing was pushed"));
        }
    }
}

impl World {
    /// What must hold at every moment.
    pub fn check(&mut self) -> Result<(), String> {
        if self.remote.pushes.len() > 1 {
            self.promises.break_one(format!("pushed {} times", self.remote.pushes.len()));
        }
        let more = self.promises.attempts.saturating_sub(2);
        let more = more + usize::from(self.promises.had(Fault::SecondPod));
        let budget = PASSES + PASSES_AGAIN * more;
        if let Some((place, count)) = self.promises.passes.iter().find(|(_, n)| **n > budget) {
            let what = format!("{count} passes of operator {place}");
            self.promises.break_one(what);
        }
        self.promises.broken.take().map_or(Ok(()), Err)
    }

    /// What must hold when everything rests.
    pub async fn check_the_end(&mut self) -> Result<(), String> {
        let Some((_, reason)) = self.promises.verdict.clone() else {
            return Err("no verdict".to_owned());
        };
        let first = self.promises.first_job.unwrap_or_default();
        let limit = first + TIMEOUT + PATIENCE + self.promises.waited + self.promises.skew;
        if self.promises.decided_at > limit {
            return Err(format!(
                "{reason} came {} s too late",
                (self.promises.decided_at - limit) / 1000
            ));
        }
        self.check_work(&reason)?;
        self.check_outcome(&reason)?;
        self.stays_at_rest().await?;
        self.survives_old_news().await?;
        self.survives_a_restore().await
    }

    /// Work that was saved stays saved until it is on the branch.
    fn check_work(&self, reason: &str) -> Result<(), String> {
        let on_branch = !self.remote.pushes.is_empty();
        let (best, last) = (self.remote.best, self.remote.checkpoint);
        let kept = last.map(|saved| (saved.extent, saved.units))
            >= best.map(|saved| (saved.extent, saved.units));
        if on_branch || kept {
            return Ok(());
        }
        Err(format!("{reason}: {best:?} was saved, and {last:?} is left"))
    }

    /// An operator that is new sees nothing to do.
    async fn stays_at_rest(&mut self) -> Result<(), String> {
        let writes = self.writes;
        self.a_new_operator_looks(self.store.history.len()).await;
        if self.writes > writes {
            return Err("a new operator writes to a finished task".to_owned());
        }
        self.check()
    }

    /// Jobs and Pods were deleted by hand, and an operator that starts is told of a time when the
    /// task had none yet.
    async fn survives_old_news(&mut self) -> Result<(), String> {
        for kind in [Kind::Job, Kind::Pod] {
            let names: Vec<_> =
                self.store.all(kind).map(|object| name(object).to_owned()).collect();
            for name in names {
                self.store.remove(kind, &name);
            }
        }
        self.a_new_operator_looks(1).await;
        self.check()
    }

    /// A task that was created again from a backup without its status does not run again.
    async fn survives_a_restore(&mut self) -> Result<(), String> {
        let Some(task) = self.store.get(Kind::Task, "login").cloned() else { return Ok(()) };
        let mut restored = (*task).clone();
        if restored["metadata"]["annotations"][names::ANNOTATION_VERDICT].is_null() {
            // It was refused, and the log says so.
            return Ok(());
        }
        restored["metadata"]["uid"] = json!("11111111-6f0e-4f6e-9c62-1d6f3f0f7a11");
        restored["status"] = Value::Null;
        self.store.remove(Kind::Task, "login");
        self.store.put(Kind::Task, restored);
        self.a_new_operator_looks(self.store.history.len()).await;
        let task = self.store.get(Kind::Task, "login").cloned().unwrap_or_default();
        if task["status"]["conditions"].is_null() {
            return Err("a restored task has no verdict".to_owned());
        }
        self.check()
    }

    /// One pass of an operator that has just listed what was there after so many changes.
    async fn a_new_operator_looks(&mut self, changes: usize) {
        self.operators = vec![Some(Process::start(&self.store, changes))];
        self.faults.clear();
        if let Some(operator) = &mut self.operators[0] {
            operator.begin();
        }
        self.settle(0).await;
        while self.operators[0].as_ref().is_some_and(|operator| operator.call.is_some()) {
            self.answer(0).await;
        }
    }
}
