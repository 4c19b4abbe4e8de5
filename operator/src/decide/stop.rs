//! Stopping what does not get on, has no time left, or is not wanted any more.
//!
//! By asking where there is something to save, else by deleting the Job. Not here: what a Pod says
//! when it has stopped ([`crate::ended`]).

use crd::advance::Known;
use crd::fold::{Ending, PhaseFact};
use crd::span::after;
use crd::{Reason, names};
use jiff::{SignedDuration, Timestamp};

use super::{AFTER_THE_END, ASK_EVENTS, Action, Case, Decision, PodFacts, Propagation, SETTLE};
use crate::pod_facts::ending;
use crate::stall::Stall;
use crate::view::{JobSeen, PodSeen};

/// The kubelet ends a Pod at its own deadline, a little after ours, and keeps its logs; it has this
/// long before the Job is deleted.
const KUBELETS_TURN: SignedDuration = SignedDuration::from_secs(15);

/// The ending of a task that has no time left.
pub(super) fn timeout() -> Ending {
    ending(Reason::Timeout, "the task's time is over")
}

/// The ending of a task that somebody cancelled.
pub(super) fn cancelled() -> Ending {
    ending(Reason::Cancelled, "stopped because spec.cancel is true")
}

impl Case<'_> {
    /// Nothing runs: show why, and when time is up delete the Job.
    pub(super) fn stalled(
        &self,
        stall: &Stall,
        pod: Option<PodFacts>,
        deadline: Timestamp,
    ) -> Decision {
        if self.now >= stall.until {
            return self.stop(pod, stall.verdict(), after(deadline, AFTER_THE_END));
        }
        let settled = after(stall.since, SETTLE);
        let obstacle = stall.obstacle.as_ref().filter(|_| self.now >= settled);
        let asks = next_question(stall.since, self.now);
        let wake = [settled, asks, stall.until, deadline].into_iter();
        let known = Known { pod, obstacle, ..Known::default() };
        self.say(known, wake.filter(|at| *at > self.now).min())
    }

    /// Show why, and delete the Job; the verdict comes when it is gone.
    pub(super) fn stop(
        &self,
        pod: Option<PodFacts>,
        why: &Ending,
        last_moment: Timestamp,
    ) -> Decision {
        let known = Known { pod, obstacle: Some(why), ..Known::default() };
        let mut decision = self.say(known, Some(last_moment));
        if let JobSeen::Present(job) = &self.seen.job
            && let (Some(name), Some(uid)) = (job.metadata.name.clone(), job.metadata.uid.clone())
        {
            let propagation = Propagation::Foreground;
            decision.actions.push(Action::DeleteJob { name, uid, propagation });
        }
        decision
    }

    /// The deadline has come, and the Pod is still there.
    pub(super) fn out_of_time(&self, pod: PodFacts, deadline: Timestamp) -> Decision {
        let kubelets_turn = after(deadline, KUBELETS_TURN);
        if has_started(pod) && self.now < kubelets_turn {
            let why = timeout();
            let known = Known { pod: Some(pod), obstacle: Some(&why), ..Known::default() };
            return self.say(known, Some(kubelets_turn));
        }
        self.stop(Some(pod), &timeout(), after(deadline, AFTER_THE_END))
    }

    /// The task is cancelled, and the Pod is still there: ask it to save, then delete the Job.
    pub(super) fn cancel(&self, seen: &PodSeen, pod: PodFacts, deadline: Timestamp) -> Decision {
        let last_moment = after(deadline, AFTER_THE_END);
        if !has_started(pod) {
            return self.stop(Some(pod), &cancelled(), last_moment);
        }
        let asked = asked_at(seen);
        let patience = after(asked.unwrap_or(self.now), self.settings.cancel_grace);
        if self.now >= patience {
            return self.stop(Some(pod), &cancelled(), last_moment);
        }
        let why = cancelled();
        let known = Known { pod: Some(pod), obstacle: Some(&why), ..Known::default() };
        let mut decision = self.say(known, Some(patience.min(deadline)));
        let meta = &seen.pod.metadata;
        if let (None, Some(name), Some(uid)) = (asked, meta.name.clone(), meta.uid.clone()) {
            let request = format!("{} {:.0}", Reason::Cancelled, self.now);
            decision.actions.push(Action::StopPod { name, uid, request });
        }
        decision
    }
}

/// True when the Pod has begun to work, so that there may be something to save.
fn has_started((_, facts): PodFacts) -> bool {
    facts.iter().any(|fact| *fact != PhaseFact::Pending)
}

/// When the Pod was asked to stop, if it was.
fn asked_at(seen: &PodSeen) -> Option<Timestamp> {
    let request = seen.pod.metadata.annotations.as_ref()?.get(names::ANNOTATION_STOP)?;
    request.split_once(' ')?.1.parse().ok()
}

/// When events are worth asking for next: when a stall is 10, 20, 40 … seconds old.
fn next_question(since: Timestamp, now: Timestamp) -> Timestamp {
    let mut age = ASK_EVENTS;
    while after(since, age) <= now && age < SignedDuration::from_hours(24) {
        age = age.saturating_mul(2);
    }
    after(since, age)
}
