//! Which containers of a task have a log, in the order in which they are shown.
//!
//! Not here: whether a Pod is the task's ([`super::owner`]).

use std::collections::BTreeMap;
use std::ops::Bound;

use crd::Phase;

use super::position::Step;

/// What is known of one Pod of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// The attempt that it is.
    pub attempt: u32,
    /// States of the phases' containers that the kubelet has told.
    pub containers: Vec<(Phase, State)>,
}

/// State of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not started.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Ended,
}

/// A container that has a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its place in the order.
    pub step: Step,
    /// Namespace of its Pod.
    pub namespace: String,
    /// Name of its Pod.
    pub pod: String,
    /// UID of its Pod.
    pub uid: String,
}

/// The containers that have started, in order. Of two Pods of one attempt the first counts: a Job
/// has one Pod.
pub fn started(pods: &[PodFacts]) -> BTreeMap<Step, Target> {
    let mut all = BTreeMap::new();
    for pod in pods {
        let begun = pod.containers.iter().filter(|(_, state)| *state != State::Waiting);
        for (phase, _) in begun {
            let step = Step { attempt: pod.attempt, phase: *phase };
            all.entry(step).or_insert_with(|| target(pod, step));
        }
    }
    all
}

/// The first container from this one on.
pub fn next(started: &BTreeMap<Step, Target>, from: Bound<Step>) -> Option<&Target> {
    started.range((from, Bound::Unbounded)).next().map(|(_, target)| target)
}

fn target(pod: &PodFacts, step: Step) -> Target {
    let PodFacts { namespace, name, uid, .. } = pod.clone();
    Target { step, namespace, pod: name, uid }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use crd::Phase;

    use super::{PodFacts, State, next, started};
    use crate::logs::position::Step;

    fn pod(attempt: u32, states: &[State]) -> PodFacts {
        let containers = Phase::ALL.into_iter().zip(states.iter().copied()).collect();
        let name = format!("pod-{attempt}");
        PodFacts { namespace: "demo".into(), uid: name.clone(), name, attempt, containers }
    }

    fn step(attempt: u32, phase: Phase) -> Step {
        Step { attempt, phase }
    }

    #[test]
    fn the_next_container_is_the_next_that_has_started() {
        use State::{Ended, Running, Waiting};
        // The second attempt is listed first; the first one ended in Run.
        let pods = [pod(2, &[Ended, Running, Waiting]), pod(1, &[Ended, Ended, Waiting, Waiting])];
        let all = started(&pods);
        let after =
            |bound| next(&all, bound).map(|target| (target.pod.as_str(), target.step.phase));
        for (bound, expected) in [
            (Unbounded, Some(("pod-1", Phase::Clone))),
            (Included(step(1, Phase::Run)), Some(("pod-1", Phase::Run))),
            (Excluded(step(1, Phase::Clone)), Some(("pod-1", Phase::Run))),
            (Excluded(step(1, Phase::Run)), Some(("pod-2", Phase::Clone))),
            (Included(step(1, Phase::Push)), Some(("pod-2", Phase::Clone))),
            (Excluded(step(2, Phase::Run)), None),
            (Included(step(3, Phase::Clone)), None),
        ] {
            assert_eq!(after(bound), expected, "{bound:?}");
        }
    }

    #[test]
    fn nothing_has_started_in_a_pod_that_waits() {
        assert!(started(&[pod(1, &[]), pod(1, &[State::Waiting])]).is_empty());
    }
}
