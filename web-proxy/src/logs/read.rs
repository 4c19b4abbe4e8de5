//! Reads the log of one container to its end, whatever breaks off in between.
//!
//! The end of a stream proves nothing: the apiserver ends it in the same way when the container
//! ended and when the kubelet was restarted. So the container's state is asked for, and the log's
//! last line is compared with the last one read. Not here: which lines are new
//! ([`super::sequence`]) and what they look like ([`super::frame`]).

use std::sync::{Arc, Weak};

use crd::log::Line;
use futures::{AsyncBufReadExt, AsyncReadExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::Logs;
use super::chunk::{Chunk, Draft};
use super::container::Shared;
use super::frame;
use super::limits::Limits;
use super::lines::{Lines, Whole};
use super::order::{State, Target};
use super::position::Step;
use super::sequence::{Sequence, Verdict};
use super::upstream::{Body, Unreadable, Upstream};

/// Times that the log of an ended container is opened without anything new.
const TRIES: u32 = 4;
/// Doublings of the pause.
const DOUBLINGS: u32 = 4;

/// The reader of one container.
pub struct Reader {
    upstream: Arc<dyn Upstream>,
    target: Target,
    shared: Arc<Shared>,
    hub: Weak<Logs>,
    limits: Limits,
    lines: Lines,
    log: Log,
    /// When what is in the draft is shown.
    due: Instant,
}

/// What was read.
struct Log {
    step: Step,
    sequence: Sequence,
    draft: Draft,
    /// Finished drafts: a gap parts them.
    sealed: Vec<Chunk>,
    /// The last line, as it stands in the log.
    last: Vec<u8>,
    /// Something new came since it was opened.
    fresh: bool,
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is read.
    Complete,
    /// There is or may be more.
    Open,
    /// There is more, or it could not be asked, though the container has ended.
    Unsure,
}

impl Reader {
    /// A reader that fills `shared`.
    pub fn new(
        upstream: Arc<dyn Upstream>,
        target: Target,
        shared: Arc<Shared>,
        hub: Weak<Logs>,
        limits: Limits,
    ) -> Self {
        let log = Log {
            step: target.step,
            sequence: Sequence::default(),
            draft: Draft::default(),
            sealed: Vec::new(),
            last: Vec::new(),
            fresh: false,
        };
        let lines = Lines::new(limits.line);
        Self { upstream, target, shared, hub, limits, lines, log, due: Instant::now() }
    }

    /// Reads until the container has ended and all of its log was read, or its Pod is gone.
    pub async fn run(mut self) {
        let mut tries: u32 = 0;
        loop {
            self.log.fresh = false;
            self.log.sequence.restart();
            let end = match self.once().await {
                Ok(end) => end,
                Err(error) => {
                    self.tell(&error);
                    self.end().await
                }
            };
            tries = if self.log.fresh { 0 } else { tries.saturating_add(1) };
            if end == End::Complete || (end == End::Unsure && tries >= TRIES) {
                break;
            }
            // The line is whole when it is read again.
            self.lines.clear();
            self.publish();
            sleep(self.limits.pause * 2_u32.pow(tries.min(DOUBLINGS))).await;
        }
        if let Some(rest) = self.lines.rest() {
            self.log.take(rest, &self.limits);
        }
        self.publish();
        self.shared.finish();
    }

    /// Opens the log and reads it until it ends.
    async fn once(&mut self) -> Result<End, Unreadable> {
        let mut body = self.upstream.follow(&self.target).await?;
        loop {
            let quiet = sleep(self.limits.silence);
            tokio::select! {
                biased;
                () = sleep_until(self.due), if !self.log.draft.is_empty() => self.publish(),
                filled = body.fill_buf() => {
                    let bytes = filled?;
                    let count = bytes.len();
                    if count == 0 {
                        return Ok(self.end().await);
                    }
                    self.take(bytes);
                    body.consume_unpin(count);
                    self.make_room().await;
                }
                () = quiet => {
                    // It has been seen that a log is followed no longer, and yet not ended.
                    let end = self.end().await;
                    if end != End::Open || self.is_behind().await.unwrap_or(false) {
                        return Ok(end);
                    }
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let was_empty = self.log.draft.is_empty();
        let (log, limits) = (&mut self.log, &self.limits);
        self.lines.feed(bytes, |line| log.take(line, limits));
        if was_empty {
            // At once after a quiet time, else not sooner than a batch after the last.
            self.due = self.due.max(Instant::now());
        }
        self.publish_sealed();
    }

    fn publish(&mut self) {
        if !self.log.draft.is_empty() {
            let chunk = self.log.draft.seal();
            self.log.sealed.push(chunk);
        }
        self.publish_sealed();
    }

    fn publish_sealed(&mut self) {
        for chunk in self.log.sealed.drain(..) {
            self.shared.publish(chunk);
            self.due = Instant::now() + self.limits.batch;
        }
    }

    /// Waits while the buffer is full of what nobody has taken.
    async fn make_room(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.relieve();
        }
        while !self.shared.make_room() {
            self.publish();
            self.shared.taken().await;
        }
    }

    /// What the end of the stream means.
    async fn end(&self) -> End {
        match self.upstream.state(&self.target).await {
            Ok(None) => End::Complete,
            Ok(Some(State::Running)) => End::Open,
            Ok(Some(State::Waiting | State::Ended)) => match self.is_behind().await {
                Ok(false) => End::Complete,
                Ok(true) => End::Unsure,
                Err(error) => {
                    self.tell(&error);
                    End::Unsure
                }
            },
            Err(error) => {
                self.tell(&error);
                End::Open
            }
        }
    }

    /// True when the log's last line is not the last one read.
    async fn is_behind(&self) -> Result<bool, Unreadable> {
        let body = self.upstream.last_line(&self.target).await?;
        let line = line_of(body, self.limits.line).await?;
        let read = self.lines.rest().map_or(self.log.last.as_slice(), |rest| rest.bytes);
        // A file that was just begun has no line, and what was before can be read no more.
        Ok(!line.is_empty() && line != read)
    }

    fn tell(&self, error: &Unreadable) {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let Target { namespace, pod, step, .. } = &self.target;
        tracing::warn!(%namespace, %pod, container = step.phase.container(), cause, "{error}");
    }
}

impl Log {
    fn take(&mut self, whole: Whole<'_>, limits: &Limits) {
        self.last.clear();
        self.last.extend_from_slice(whole.bytes);
        let line = (!whole.cut).then(|| serde_json::from_slice::<Line>(whole.bytes).ok()).flatten();
        match (self.sequence.admit(line.as_ref().map(|line| line.seq)), line) {
            (Verdict::Known, _) => return,
            (Verdict::Numbered, Some(line)) => self.numbered(&line),
            _ => {
                let step = self.step;
                self.draft.raw(|out| frame::raw(out, step, whole.bytes, whole.cut));
            }
        }
        self.fresh = true;
        if self.draft.len() >= limits.chunk {
            self.seal();
        }
    }

    fn numbered(&mut self, line: &Line) {
        if !self.draft.takes(line.seq) {
            self.seal();
        }
        let step = self.step;
        self.draft.numbered(line.seq, |out| frame::line(out, step, line));
    }

    fn seal(&mut self) {
        let chunk = self.draft.seal();
        self.sealed.push(chunk);
    }
}

/// The first line of a body, as far as it is kept.
async fn line_of(body: Body, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let mut line = Vec::new();
    body.take(limit as u64 + 1).read_until(b'\n', &mut line).await?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    line.truncate(limit);
    Ok(line)
}
