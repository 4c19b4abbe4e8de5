//! When the git side must stop: SIGTERM came, or somebody asked for it.
//!
//! A request lets the running git command finish and no further one begin. SIGTERM does the same,
//! and ends a command that then takes too long: a silent server must not use up the grace period.
//! Not here: who sets it ([`crate::start`], [`crate::request`]).

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crd::Reason;

/// How long a command may go on after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same, for a command that brings to its end what has begun.
const LONG_PATIENCE: Duration = Duration::from_secs(12);

/// Shared by everybody who runs git; clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    terminated: Arc<OnceLock<Instant>>,
    asked: Arc<OnceLock<Reason>>,
    is_steadfast: bool,
}

impl Stop {
    /// SIGTERM came.
    pub fn terminate(&self) {
        self.terminated.get_or_init(Instant::now);
    }

    /// Somebody asked to stop, for this reason; the first one counts.
    pub fn ask(&self, reason: Reason) {
        self.asked.get_or_init(|| reason);
    }

    /// Whether SIGTERM came.
    pub fn is_terminated(&self) -> bool {
        self.terminated.get().is_some()
    }

    /// Why somebody asked to stop, if so.
    pub fn asked(&self) -> Option<Reason> {
        self.asked.get().copied()
    }

    /// Whether no further command begins.
    pub fn is_set(&self) -> bool {
        !self.is_steadfast && (self.is_terminated() || self.asked().is_some())
    }

    /// The same, for what must be brought to its end: commands begin although the container is to
    /// stop, and have more time.
    #[must_use]
    pub fn steadfast(&self) -> Self {
        Self { is_steadfast: true, ..self.clone() }
    }

    /// The same, deaf to requests: SIGTERM alone counts.
    #[must_use]
    pub fn unasked(&self) -> Self {
        Self { asked: Arc::default(), ..self.clone() }
    }

    /// Whether a command that began then has had its time.
    pub fn is_over_for(&self, began: Instant) -> bool {
        let patience = if self.is_steadfast { LONG_PATIENCE } else { PATIENCE };
        let since = self.terminated.get().map(|terminated| (*terminated).max(began));
        since.is_some_and(|since| since.elapsed() >= patience)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crd::Reason;

    use super::{LONG_PATIENCE, PATIENCE, Stop};

    fn ago(time: Duration) -> Instant {
        Instant::now().checked_sub(time).unwrap()
    }

    #[test]
    fn the_first_request_counts_and_ends_no_command() {
        let stop = Stop::default();
        let seen = stop.clone();
        assert!(!seen.is_set());
        stop.ask(Reason::Cancelled);
        stop.ask(Reason::Timeout);
        assert_eq!((seen.asked(), seen.is_set()), (Some(Reason::Cancelled), true));
        assert!(!seen.is_over_for(ago(LONG_PATIENCE)));
        assert!(!seen.steadfast().is_set() && !seen.unasked().is_set());
    }

    #[test]
    fn sigterm_gives_a_command_a_moment_and_what_has_begun_some_more() {
        let stop = Stop::default();
        assert!(!stop.is_over_for(ago(LONG_PATIENCE)));
        stop.terminated.set(ago(PATIENCE)).unwrap();
        assert!(stop.is_set() && stop.unasked().is_set() && !stop.steadfast().is_set());
        assert!(stop.is_over_for(ago(LONG_PATIENCE)));
        assert!(!stop.steadfast().is_over_for(ago(LONG_PATIENCE)));
        assert!(!stop.is_over_for(Instant::now()), "it began only now");
    }
}
