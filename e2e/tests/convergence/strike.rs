//! Answers the operator, and lets faults strike when it is about to write.
//!
//! Not here: when it is answered ([`crate::world`]).

use axum::http::Method;
use serde_json::{Value, json};

use crate::agenda::Happening;
use crate::apiserver::{self, Answer, Request, refusal};
use crate::cluster::FOREIGN;
use crate::fault::Fault;
use crate::process::{Call, Process};
use crate::store::{Kind, name};
use crate::world::World;

impl World {
    /// Answers the request of the operator in this place.
    pub async fn answer(&mut self, place: usize) {
        let Some(call) = self.operators[place].as_mut().and_then(|operator| operator.call.take())
        else {
            return;
        };
        let request = call.request.clone();
        self.say(|| format!("operator {place}: {} {}", request.method, request.path));
        if request.is_write() {
            self.writes += 1;
        }
        let due = self.faults.iter().position(|(at, _)| request.is_write() && *at <= self.writes);
        if let Some(fault) = due.map(|due| self.faults.swap_remove(due).1) {
            self.strike(place, fault, call);
        } else {
            let answer = self.perform(&request);
            call.answer(&answer);
        }
        self.settle(place).await;
    }

    /// Performs a request, and looks at what it says.
    fn perform(&mut self, request: &Request) -> Answer {
        if request.creates_job() {
            if let Some(fault) = self.job_is_there.take() {
                self.struck.push(fault);
                self.put_job(fault, &request.body);
            }
            self.promises.job_is_created();
        }
        let answer = apiserver::answer(&mut self.store, request, self.now);
        if answer.0 < 300 && request.creates_job() {
            self.promises.job_was_created(self.now);
        }
        if request.writes_status() && answer.0 < 300 {
            self.promises.status_written(&request.body["status"], self.now, &self.remote);
        }
        answer
    }

    fn put_job(&mut self, fault: Fault, job: &Value) {
        let mut job = job.clone();
        if fault == Fault::ForeignJob {
            job["metadata"]["ownerReferences"][0]["uid"] = json!(FOREIGN);
        }
        let create = Request {
            method: Method::POST,
            path: "/apis/batch/v1/namespaces/demo/jobs".to_owned(),
            query: String::new(),
            body: job,
        };
        apiserver::answer(&mut self.store, &create, self.now);
        self.promises.job_was_created(self.now);
    }

    fn strike(&mut self, place: usize, fault: Fault, call: Call) {
        self.say(|| format!("fault: {fault:?}"));
        self.promises.is_told_of(fault);
        if self.strike_beside(place, fault) {
            let answer = self.perform(&call.request);
            call.answer(&answer);
            return;
        }
        match fault {
            Fault::CrashBefore => self.crash(place, None),
            Fault::CrashAfter => {
                self.perform(&call.request);
                self.crash(place, None);
            }
            Fault::StaleRead => {
                self.perform(&call.request);
                let position = self.dice.below(self.store.history.len() + 1);
                self.crash(place, Some(position));
            }
            Fault::ReplyLost => {
                self.perform(&call.request);
                call.lose();
            }
            Fault::Invalid => call.answer(&refusal(422, "Invalid")),
            Fault::TooMany => call.answer(&refusal(429, "TooManyRequests")),
            _ => {
                if self.dice.percent(30) {
                    self.perform(&call.request);
                }
                call.answer(&refusal(500, "InternalError"));
            }
        }
    }

    /// Faults beside the request, which is then performed: true. Others are the request's own.
    fn strike_beside(&mut self, place: usize, fault: Fault) -> bool {
        let length = self.store.history.len();
        match fault {
            Fault::CrashBefore
            | Fault::CrashAfter
            | Fault::StaleRead
            | Fault::ReplyLost
            | Fault::Invalid
            | Fault::TooMany
            | Fault::ServerError => {
                self.struck.push(fault);
                return false;
            }
            Fault::AlreadyExists | Fault::ForeignJob => {
                self.job_is_there = Some(fault);
                return true;
            }
            Fault::Conflict => self.touch(),
            Fault::SecondOperator => {
                self.operators.push(Some(Process::start(&self.store, length)));
            }
            Fault::SecondPod => self.second_pod(),
            Fault::NodeLost => self.lose_node(),
            Fault::PodDeleted => self.delete_pod(),
            Fault::JobDeleted => self.delete_job(),
            Fault::PushReplyLost => self.remote.loses_a_reply = true,
            Fault::RemoteSilent => {
                self.remote.silent_until = self.now + self.dice.between(5_000, 40_000);
            }
            _ => self.disturb(place, fault),
        }
        self.struck.push(fault);
        true
    }

    /// Somebody else writes the task.
    fn touch(&mut self) {
        let count = self.store.history.len().to_string();
        self.store.change(Kind::Task, "login", |task| {
            task["metadata"]["labels"]["touched"] = json!(count);
        });
    }

    /// What comes to one operator from its watches and clock.
    fn disturb(&mut self, place: usize, fault: Fault) {
        let (some, jump) = (1 + self.dice.below(6), self.dice.between(-90_000, 90_000));
        let later = self.now + self.dice.between(5_000, 200_000);
        let Some(operator) = &mut self.operators[place] else { return };
        match fault {
            Fault::Dropped => {
                operator.drops = some;
                operator.relists_at = Some(later);
            }
            Fault::Repeated => operator.position = operator.position.saturating_sub(some),
            Fault::Reordered => {
                operator.swaps = some;
                operator.relists_at = Some(later);
            }
            Fault::Expired => {
                operator.drops = some;
                operator.relists_at = Some(self.now);
            }
            Fault::ClockJump => {
                operator.skew += jump;
                self.promises.skew = self.promises.skew.max(jump.abs());
            }
            _ => {}
        }
    }

    fn crash(&mut self, place: usize, position: Option<usize>) {
        self.operators[place] = None;
        let again = self.now + self.dice.between(100, 20_000);
        self.agenda.push((again, Happening::Start(place, position.unwrap_or(usize::MAX))));
    }

    fn second_pod(&mut self) {
        let begun = |job: &&crate::store::Object| self.begun.contains(crate::store::uid(job));
        let job = self.store.all(Kind::Job).filter(begun).last().map(|job| name(job).to_owned());
        if let Some(job) = job {
            self.make_pod(&job);
        }
    }

    fn delete_job(&mut self) {
        let Some(job) = self.store.all(Kind::Job).last().cloned() else { return };
        if self.dice.percent(50) {
            self.store.remove(Kind::Job, name(&job));
        } else {
            let now = crate::time::at(self.now);
            self.store.change(Kind::Job, name(&job), |job| {
                job["metadata"]["deletionTimestamp"] = json!(now);
            });
        }
    }

    /// The node of the newest Pod is cut off: for two minutes, until it is deleted, or for ever.
    /// What runs there goes on, and may be heard of by the git server.
    fn lose_node(&mut self) {
        let Some(machine) = self.machines.last_mut().filter(|machine| !machine.is_over()) else {
            return;
        };
        machine.cut_off = true;
        let pod = machine.pod.clone();
        if self.dice.percent(50) {
            let asleep = self.dice.between(20_000, 400_000);
            machine.next = machine.next.saturating_add(asleep);
        }
        let (soon, later) = (self.now + 120_000, self.now + 300_000);
        let happening = match self.dice.below(3) {
            0 => (soon, Happening::Return(pod)),
            1 => (soon, Happening::NodeDeleted(pod)),
            _ => (later, Happening::Tainted(pod)),
        };
        self.agenda.push(happening);
    }
}
