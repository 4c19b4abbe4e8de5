//! One viewer's stream: what has been read, from where the viewer is, in order.
//!
//! A viewer holds places, never events. Not here: reading ([`super::read`]) and the connection,
//! which has a limit of its own ([`crate::patience`]).

use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

use super::buffer::{Place, Taken};
use super::container::{ContainerLog, Offer};
use super::frame;
use super::limits::Limits;
use super::order;
use super::position::{Position, Step};
use super::task::{End, Facts, TaskLog};

/// The stream of a viewer who begins after this line. The viewer is counted in already.
pub fn stream(
    task: Arc<TaskLog>,
    after: Option<Position>,
    limits: Limits,
) -> impl Stream<Item = Bytes> + Send + use<> {
    let facts = task.subscribe();
    let viewer = Viewer {
        seat: TaskSeat(task),
        facts,
        from: after.map_or(Bound::Unbounded, |after| Bound::Included(after.step)),
        after,
        got: after.is_some(),
        reading: None,
        held: None,
        beat: Box::pin(sleep(limits.beat)),
        sent: Instant::now(),
        stage: Stage::Begin,
        limits,
    };
    unfold(Box::new(viewer), |mut viewer| async {
        viewer.next().await.map(|bytes| (bytes, viewer))
    })
}

struct Viewer {
    seat: TaskSeat,
    facts: watch::Receiver<Facts>,
    /// The first container that may be next.
    from: Bound<Step>,
    /// The line after which the viewer began.
    after: Option<Position>,
    reading: Option<Reading>,
    /// It got lines, now or before.
    got: bool,
    /// Events that follow what was handed out.
    held: Option<Bytes>,
    beat: Pin<Box<Sleep>>,
    /// When something was last handed out.
    sent: Instant,
    stage: Stage,
    limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Going,
    Over,
}

/// The container that is being shown.
struct Reading {
    step: Step,
    seat: ContainerSeat,
    more: watch::Receiver<()>,
    place: Place,
}

/// Counts a viewer of a task.
struct TaskSeat(Arc<TaskLog>);

impl Drop for TaskSeat {
    fn drop(&mut self) {
        self.0.audience().leave();
    }
}

/// Counts a viewer of a container.
struct ContainerSeat(Arc<ContainerLog>);

impl Drop for ContainerSeat {
    fn drop(&mut self) {
        self.0.audience().leave();
    }
}

impl Viewer {
    async fn next(&mut self) -> Option<Bytes> {
        let bytes = match self.stage {
            Stage::Begin => {
                self.stage = Stage::Going;
                Bytes::from_static(frame::RETRY)
            }
            Stage::Going if self.is_late() => return None,
            Stage::Going => self.events().await,
            Stage::Over => return None,
        };
        self.sent = Instant::now();
        Some(bytes)
    }

    /// True when nobody asked for more for long although there was more: who has not taken the last
    /// events by then is better off beginning anew.
    fn is_late(&self) -> bool {
        let more = |reading: &Reading| reading.seat.0.shared.has_more(&reading.place);
        self.sent.elapsed() > self.limits.patience
            && (self.held.is_some() || self.reading.as_ref().is_some_and(more))
    }

    async fn events(&mut self) -> Bytes {
        loop {
            if let Some(held) = self.held.take() {
                return held;
            }
            let Some(reading) = &mut self.reading else {
                if let Some(last) = self.enter() {
                    self.stage = Stage::Over;
                    return Bytes::from_static(last);
                }
                if self.reading.is_none() && self.is_quiet_until_known().await {
                    return Bytes::from_static(frame::BEAT);
                }
                continue;
            };
            reading.more.borrow_and_update();
            match reading.seat.0.shared.take(&mut reading.place) {
                Offer::Taken(taken) => return self.with_gap(taken),
                Offer::Done => {
                    self.from = Bound::Excluded(reading.step);
                    self.reading = None;
                }
                Offer::Nothing => {
                    let more = reading.more.changed();
                    if is_quiet(more, &mut self.beat, self.sent, self.limits).await {
                        return Bytes::from_static(frame::BEAT);
                    }
                }
            }
        }
    }

    /// Goes to the next container, or says with what the stream ends.
    fn enter(&mut self) -> Option<&'static [u8]> {
        // Whoever publishes facts holds the lock that the next container needs: not both at once.
        let (end, next) = {
            let facts = self.facts.borrow_and_update();
            (facts.end, order::next(&facts.started, self.from).cloned())
        };
        let target = match (end, next) {
            (Some(End::Deleted), _) => return Some(frame::END),
            // The Pods may have gone since they were looked at.
            (Some(End::Finished), None) if self.got => return Some(frame::END),
            (Some(End::Finished | End::Gone), None) => return Some(frame::GONE),
            (None, None) => return None,
            (_, Some(target)) => target,
        };
        let Some(log) = self.seat.0.enter(&target) else { return Some(frame::END) };
        let seen =
            self.after.filter(|after| after.step == target.step).map_or(0, |after| after.seq);
        let more = log.shared.subscribe();
        let (step, place) = (target.step, Place::after(seen));
        self.reading = Some(Reading { step, seat: ContainerSeat(log), more, place });
        None
    }

    async fn is_quiet_until_known(&mut self) -> bool {
        let _waiting = self.seat.0.wait();
        is_quiet(self.facts.changed(), &mut self.beat, self.sent, self.limits).await
    }

    fn with_gap(&mut self, taken: Taken) -> Bytes {
        self.got = true;
        let (Some(from), Some(reading)) = (taken.gap, &self.reading) else { return taken.bytes };
        self.held = Some(taken.bytes);
        let mut gap = BytesMut::new();
        frame::gap(&mut gap, reading.step, from);
        gap.freeze()
    }
}

/// Waits for a change; true when the stream has been quiet for so long that it must show that it
/// is alive.
async fn is_quiet<E>(
    change: impl Future<Output = Result<(), E>>,
    beat: &mut Pin<Box<Sleep>>,
    sent: Instant,
    limits: Limits,
) -> bool {
    tokio::pin!(change);
    loop {
        tokio::select! {
            biased;
            // The sender lives as long as the viewer's seat.
            _ = &mut change => return false,
            () = beat.as_mut() => {
                let due = sent + limits.beat;
                let now = Instant::now();
                // Set anew only when it rings: that is cheaper than with every event.
                beat.as_mut().reset(if due > now { due } else { now + limits.beat });
                if due <= now {
                    return true;
                }
            }
        }
    }
}
