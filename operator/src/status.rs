//! Whether a status is worth a write.
//!
//! Not here: what it says ([`crd::advance`]).

use crd::ClaudeTaskStatus;
use crd::span::after;
use crd::status::RECONCILING;
use jiff::{SignedDuration, Timestamp};

/// A phase that ended is written together with the start of the next one, if that follows soon.
/// It takes about a second, but a busy kubelet tells of it several seconds late.
const FOLLOWS_SOON: SignedDuration = SignedDuration::from_secs(10);

/// When this operator first wrote to the task.
pub fn first_written(status: &ClaudeTaskStatus) -> Option<Timestamp> {
    status.condition(RECONCILING).map(|condition| condition.last_transition_time)
}

/// Whether and when a status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It says nothing new.
    Never,
    /// At once.
    Now,
    /// Not before this, unless more becomes known.
    At(Timestamp),
}

/// When `next` is to be written over `last`.
pub fn write(last: &ClaudeTaskStatus, next: &ClaudeTaskStatus, now: Timestamp) -> Write {
    if last == next {
        return Write::Never;
    }
    let (shown, news) = (headline(last), headline(next));
    let ended = next.phases.iter().filter_map(|phase| phase.finished_at).max();
    match ended.map(|ended| after(ended, FOLLOWS_SOON)) {
        Some(due) if shown == news && now < due => Write::At(due),
        _ => Write::Now,
    }
}

/// The part of a status that cannot wait.
fn headline(status: &ClaudeTaskStatus) -> impl PartialEq + use<'_> {
    (status.phase, &status.conditions, &status.job_name, &status.pod_name)
}
