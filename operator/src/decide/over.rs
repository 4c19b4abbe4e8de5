//! The end of an attempt: the verdict, or another attempt once nothing of this one can still start.
//!
//! Not here: which of the two it is ([`crd::attempts`]).

use crd::Reason;
use crd::advance::{self, Known};
use crd::attempts::{self, Cause};
use crd::fold::{Ending, PhaseFacts};
use crd::span::after;
use jiff::Timestamp;

use super::{AFTER_THE_END, Case, Decision, PodFacts};
use crate::ended;
use crate::pod_facts;
use crate::verdict::Earlier;
use crate::view::{JobSeen, PodSeen};

impl Case<'_> {
    /// The attempt ended with `ending`.
    pub(super) fn over(
        &self,
        seen: Option<(&PodSeen, PodFacts)>,
        ended: &Ending,
        deadline: Timestamp,
    ) -> Decision {
        let blank = PhaseFacts::default();
        let pod = seen.map(|(_, pod)| pod);
        let facts = pod.map_or(&blank, |(_, facts)| facts);
        let cause =
            attempts::next(self.task, facts, ended, deadline, &self.settings.patience(), self.now);
        let Some(cause) = cause else { return self.end(pod, ended) };
        if self.task.spec.cancel {
            return self.end(pod, &attempts::cancelled_after(ended));
        }
        if seen.is_none_or(|(seen, (_, facts))| self.is_at_rest(seen, facts)) {
            return self.again(pod, facts, ended, cause);
        }
        let known = Known { pod, obstacle: self.told_apart(ended), ..Known::default() };
        self.say(known, Some(after(deadline, AFTER_THE_END)))
    }

    /// What is shown of an ending while the attempt comes to rest. A loss that nobody explains is
    /// not: shown, it could not be told from that of a Pod that we gave up.
    fn told_apart<'b>(&self, ended: &'b Ending) -> Option<&'b Ending> {
        let known = ended.reason != Reason::Lost || advance::obstacle(&self.last).is_some();
        known.then_some(ended)
    }

    /// The Pod ended, or is lost with its node, and no report says how the attempt ended.
    pub(super) fn interrupted(
        &self,
        seen: &PodSeen,
        pod: PodFacts,
        deadline: Timestamp,
    ) -> Decision {
        let shown = advance::obstacle(&self.last);
        let why = ended::interrupted(seen, pod.1, shown.as_ref(), &self.seen.events);
        let last_moment = after(deadline, AFTER_THE_END);
        let lost = ended::is_lost_with_its_node(seen, pod.1, self.now);
        if lost || !self.job_is_leaving() || self.now >= last_moment {
            return self.over(Some((seen, pod)), &why, deadline);
        }
        let known = Known { pod: Some(pod), obstacle: self.told_apart(&why), ..Known::default() };
        self.say(known, Some(last_moment))
    }

    /// Nothing of the attempt runs or can start: Pod, saver and Job have ended, or the node has
    /// been silent for so long that the remote alone decides.
    fn is_at_rest(&self, seen: &PodSeen, facts: &PhaseFacts) -> bool {
        if ended::is_lost_with_its_node(seen, facts, self.now) {
            return true;
        }
        let job_is = match &self.seen.job {
            JobSeen::Present(job) => job.is_finished(),
            JobSeen::Absent | JobSeen::Foreign => true,
        };
        let saving = !seen.gone && pod_facts::is_saving(&seen.pod);
        job_is && pod_facts::is_over(seen, facts) && !saving
    }

    fn again(
        &self,
        pod: Option<PodFacts>,
        facts: &PhaseFacts,
        ended: &Ending,
        cause: Cause,
    ) -> Decision {
        let known = Known { pod, obstacle: Some(ended), ..Known::default() };
        let over = self.status(known);
        let next = attempts::begin(self.task, facts, over, ended, cause, self.now);
        let wake = next.resume_at.unwrap_or(self.now);
        Decision { actions: self.told(next), wake: Some(wake) }
    }

    /// The task has had its verdict before; only the status does not say so.
    pub(super) fn take_over(&self, earlier: Earlier) -> Decision {
        let facts = self.pod().map(|seen| (seen, pod_facts::facts(&seen.pod)));
        let pod = facts
            .as_ref()
            .map(|(seen, facts)| (seen.pod.metadata.name.as_deref().unwrap_or_default(), facts));
        let known = Known { pod, ending: Some(&earlier.ending), ..Known::default() };
        let mut next = self.status(known);
        next.finished_at = earlier.finished_at.or(next.finished_at);
        if next.result.is_empty() {
            next.result = earlier.result;
        }
        Decision { actions: self.told(next), wake: None }
    }
}
