//! The log of one container: one reader, one buffer, any number of viewers.
//!
//! Not here: reading ([`super::read`]) and what a viewer makes of it ([`super::viewer`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::budget::Budget;
use super::buffer::{Buffer, Place, Taken};
use super::chunk::Chunk;
use super::limits::Limits;

/// What reader and viewers share.
pub struct Shared {
    state: Mutex<State>,
    /// Changes when there is more to take, or nothing more will come.
    more: watch::Sender<()>,
    /// Told when a viewer has made room for the reader.
    taken: Notify,
    budget: Arc<Budget>,
    limits: Limits,
}

struct State {
    buffer: Buffer,
    /// Nothing more will come.
    done: bool,
    /// The reader waits for room.
    full: bool,
}

/// What there is for a viewer now.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer {
    /// Events.
    Taken(Taken),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Done,
}

impl Shared {
    /// An empty log.
    pub fn new(budget: Arc<Budget>, limits: Limits) -> Self {
        let state = State { buffer: Buffer::new(limits.chunk), done: false, full: false };
        let (more, taken) = (watch::Sender::new(()), Notify::new());
        Self { state: Mutex::new(state), more, taken, budget, limits }
    }

    /// Shows events to all viewers.
    pub fn publish(&self, chunk: Chunk) {
        self.resized(|state| state.buffer.push(chunk));
        self.more.send_replace(());
    }

    /// Drops what is too much. False when a viewer has to take something first.
    pub fn make_room(&self) -> bool {
        self.resized(|state| {
            let allowed = self.budget.share(state.buffer.size()).min(self.limits.container);
            state.full = !state.buffer.make_room(allowed);
            !state.full
        })
    }

    /// Waits until a viewer has taken something.
    pub async fn taken(&self) {
        self.taken.notified().await;
    }

    /// Says that nothing more will come.
    pub fn finish(&self) {
        self.lock().done = true;
        self.more.send_replace(());
    }

    /// The next events for a viewer at this place.
    pub fn take(&self, place: &mut Place) -> Offer {
        let mut state = self.lock();
        let taken = state.buffer.take(place);
        if state.full {
            self.taken.notify_one();
        }
        match taken {
            Some(taken) => Offer::Taken(taken),
            None if state.done => Offer::Done,
            None => Offer::Nothing,
        }
    }

    /// True when there is something to take for a viewer at this place.
    pub fn has_more(&self, place: &Place) -> bool {
        !self.lock().buffer.is_read(place)
    }

    /// Tells when there may be more to take.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.more.subscribe()
    }

    fn resized<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let before = state.buffer.size();
        let answer = change(&mut state);
        self.budget.resize(before, state.buffer.size());
        answer
    }

    /// Nothing here panics while the lock is held, and the buffer is whole after each step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let size = self.lock().buffer.size();
        self.budget.resize(size, 0);
    }
}

/// A log while it is kept; its reader ends with it.
pub struct ContainerLog {
    /// What reader and viewers share.
    pub shared: Arc<Shared>,
    reader: AbortHandle,
    audience: Audience,
}

impl ContainerLog {
    /// A log that this task fills.
    pub fn new(shared: Arc<Shared>, reader: AbortHandle) -> Self {
        Self { shared, reader, audience: Audience::default() }
    }

    /// Says that nothing more is wanted of the reader.
    pub fn stop(&self) {
        self.reader.abort();
        self.shared.finish();
    }

    /// Who views it.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }
}

impl Drop for ContainerLog {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// How many view something, and since when nobody does.
#[derive(Debug)]
pub struct Audience {
    state: Mutex<(usize, Instant)>,
}

impl Default for Audience {
    fn default() -> Self {
        Self { state: Mutex::new((0, Instant::now())) }
    }
}

impl Audience {
    /// One viewer more.
    pub fn enter(&self) {
        self.lock().0 += 1;
    }

    /// One viewer less.
    pub fn leave(&self) {
        let mut state = self.lock();
        *state = (state.0.saturating_sub(1), Instant::now());
    }

    /// How many are there.
    pub fn count(&self) -> usize {
        self.lock().0
    }

    /// Since when nobody is there; none while somebody is.
    pub fn absent_since(&self) -> Option<Instant> {
        let (count, left) = *self.lock();
        (count == 0).then_some(left)
    }

    fn lock(&self) -> MutexGuard<'_, (usize, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
