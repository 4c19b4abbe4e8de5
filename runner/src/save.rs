//! Save: pushes each new bundle as partial work while Claude runs.
//!
//! No phase: it may restart, and its messages decide nothing. It works in a repository of its own
//! that borrows the trusted one's objects, pushes nothing once `rebase` has stored the work or
//! `push` has landed it, and overwrites nothing but the work of an earlier attempt. Not here:
//! the complete work, which is for `rebase` to store.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::attempt::Attempt;
use crate::checkpoint::{self, Standing, State, Work};
use crate::clone::START;
use crate::git::{Git, Stop};
use crate::guard::volume;
use crate::handoff::{self, Extent};
use crate::{bundle, store};

/// Time between looks at `handoff`.
const POLL: Duration = Duration::from_millis(500);
/// Time before a save that failed is tried again without new work.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest time for one git command that talks to the server.
const LIMIT: Duration = Duration::from_mins(5);
/// The last part of the grace period, kept for the push itself.
const LAST_PUSH: u32 = 15;
/// Longest time for a git command in that part.
const LAST_LIMIT: Duration = Duration::from_secs(12);
/// The file in `saver` with the last known commit of the checkpoint, empty when there was none.
const LEASE: &str = "lease";

/// Something kept the work from being saved.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// The sidecar's state.
pub struct Saver {
    attempt: Attempt,
    git: Git,
    /// The last bundle that is on the checkpoint.
    pushed: u32,
    /// The bundle whose save failed, and when.
    failed: Option<(u32, Instant)>,
}

/// Saves until `terminate` is set, then once more.
pub fn save(attempt: &Attempt, terminate: &Stop) {
    let mut saver = match Saver::open(attempt) {
        Ok(saver) => saver,
        Err(error) => return attempt.progress.error(format!("nothing can be saved: {error}")),
    };
    while !terminate.is_terminated() {
        saver.look();
        std::thread::sleep(POLL);
    }
    saver.finish();
}

impl Saver {
    /// Makes the repository, or takes up that of an earlier start, and looks up the checkpoint.
    ///
    /// # Errors
    /// [`Trouble`] when the repository cannot be made.
    pub fn open(attempt: &Attempt) -> Result<Self, Trouble> {
        // Saving goes on after SIGTERM.
        let mut attempt = attempt.steadfast();
        attempt.remote.limit = Some(LIMIT);
        let path = attempt.dirs.saver.join("r.git");
        let git = Git::bare(&attempt.dirs, &path, &attempt.stop);
        let saver = Self { attempt, git, pushed: 0, failed: None };
        saver.make()?;
        // Before any work exists, so that what `rebase` stores later is never taken for a lease.
        if let Err(error) = saver.lease() {
            saver.attempt.progress.warning(format!("the checkpoint cannot be looked up: {error}"));
        }
        Ok(saver)
    }

    fn make(&self) -> Result<(), Trouble> {
        self.git.make_bare()?;
        Ok(self.git.borrow_from(&self.attempt.dirs.bare())?)
    }

    /// Begins the repository anew once its volume is half full: each bundle brings all of the work
    /// again.
    fn make_room(&self) -> Result<(), Trouble> {
        let half = self.attempt.document.settings.scratch_size / 2;
        if half == 0 || volume::measure(self.git.path(), half) < half {
            return Ok(());
        }
        std::fs::remove_dir_all(self.git.path())?;
        self.make()
    }

    /// Pushes the newest bundle if it is new and more will follow.
    pub fn look(&mut self) {
        if checkpoint::is_safe(&self.attempt.dirs) {
            return;
        }
        match handoff::newest_bundle(&self.attempt.dirs.handoff) {
            Some((n, note)) if note.extent == Extent::Partial => self.push(n),
            // The final one is stored by `rebase`, at once.
            _ => {}
        }
    }

    /// After SIGTERM, which reaches `run` at the same time: waits for its last bundle as long as
    /// the grace period allows, and pushes the newest.
    pub fn finish(&mut self) {
        let grace = self.attempt.document.settings.grace_period.saturating_sub(LAST_PUSH);
        let deadline = Instant::now() + Duration::from_secs(grace.into());
        self.attempt.remote.limit = Some(LAST_LIMIT);
        self.failed = None;
        loop {
            if checkpoint::is_safe(&self.attempt.dirs) {
                return;
            }
            let newest = handoff::newest_bundle(&self.attempt.dirs.handoff);
            let last = newest.as_ref().is_some_and(|(_, note)| note.extent == Extent::Final);
            let is_there = |name: &str| self.attempt.dirs.handoff.join(name).exists();
            let over = is_there(handoff::RESULT) || is_there(handoff::OVER);
            if last || over || Instant::now() >= deadline {
                return newest.map(|(n, _)| self.push(n)).unwrap_or_default();
            }
            std::thread::sleep(POLL / 5);
        }
    }

    fn push(&mut self, n: u32) {
        let waits = |(failed, at): (u32, Instant)| failed == n && at.elapsed() < PATIENCE;
        if n <= self.pushed || self.failed.is_some_and(waits) {
            return;
        }
        match self.store(n) {
            Ok(()) => {
                self.pushed = n;
                let name = &self.attempt.document.checkpoint_ref;
                self.attempt.progress.phase(format!("bundle {n} is on {name}"));
            }
            Err(error) => {
                self.failed = Some((n, Instant::now()));
                self.attempt.progress.warning(format!("bundle {n} could not be saved: {error}"));
            }
        }
    }

    fn store(&self, n: u32) -> Result<(), Trouble> {
        let Attempt { dirs, document, remote, .. } = &self.attempt;
        let start =
            self.attempt.git().resolve(START, "commit")?.ok_or("there is no start commit")?;
        let lease = self.lease()?;
        self.make_room()?;
        let work = bundle::import(&self.git, dirs, n)?;
        let work = Work { commit: &work.commit, start: &start, state: State::Partial };
        let id = checkpoint::commit(&self.git, document, &self.attempt.stamp(), &work)?;
        if checkpoint::is_safe(dirs) {
            return Ok(());
        }
        if let Err(error) = checkpoint::put(&self.git, remote, document, &id, lease.as_deref()) {
            let seen = self.overtaken(lease.as_deref())?.ok_or(error)?;
            checkpoint::put(&self.git, remote, document, &id, Some(&seen))?;
        }
        self.remember(Some(&id))
    }

    /// What the checkpoint names now, if that is not the lease but may be replaced all the same:
    /// a late save of the attempt before.
    fn overtaken(&self, lease: Option<&str>) -> Result<Option<String>, Trouble> {
        let Attempt { document, remote, .. } = &self.attempt;
        let seen = remote.tip(&self.git, &document.checkpoint_ref)?;
        let Some(seen) = seen.filter(|seen| Some(seen.as_str()) != lease) else { return Ok(None) };
        let held = Standing::of(&self.git, remote, document, &seen)?;
        let is_less = held.is_some_and(|held| held < Standing::new(document, State::Partial));
        Ok(is_less.then_some(seen))
    }

    /// The commit that the checkpoint must still name: the last one pushed from here, or the one
    /// that was there at the first start.
    fn lease(&self) -> Result<Option<String>, Trouble> {
        let known = std::fs::read_to_string(self.attempt.dirs.saver.join(LEASE));
        if let Ok(known) = known {
            return Ok((!known.is_empty()).then_some(known));
        }
        let name = &self.attempt.document.checkpoint_ref;
        let seen = self.attempt.remote.tip(&self.git, name)?;
        self.remember(seen.as_deref())?;
        Ok(seen)
    }

    fn remember(&self, id: Option<&str>) -> Result<(), Trouble> {
        let dir: &Path = &self.attempt.dirs.saver;
        Ok(store::publish(dir, LEASE, id.unwrap_or_default().as_bytes())?)
    }
}
