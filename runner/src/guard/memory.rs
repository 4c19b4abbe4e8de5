//! What is done when memory runs short, before the kernel does worse: an OOM kill of any process
//! in the container costs the whole Pod.
//!
//! [`Memory`] decides and has no clock or process list of its own. Not here: how memory is
//! measured ([`super::cgroup`]) and who performs it ([`super`]).

use std::time::{Duration, Instant};

use super::Shortage;
use super::cgroup::Level;

/// Shortages in which a command is ended; with the next one Claude is stopped.
pub const PATIENCE: u32 = 3;
/// Longest time that one shortage may last.
const RELIEF_LIMIT: Duration = Duration::from_secs(5);
/// Time that a killed process gets to give its memory back before the next one is killed.
const DEATH_LIMIT: Duration = Duration::from_secs(2);
/// Time that the kernel's count gets to show it.
const COUNT_LIMIT: Duration = Duration::from_millis(250);
/// The fastest growth that the guard keeps up with, in bytes a second.
const FASTEST: u64 = 4 << 30;

/// A process that may be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: i32,
    /// Name of its program.
    pub name: String,
    /// Bytes that it holds.
    pub bytes: u64,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Wait,
    /// End this process.
    Kill(Holder),
    /// Stop Claude, or the task's own command.
    Stop(Shortage),
    /// End Claude at once: it was asked already.
    KillClaude,
}

/// One process of Claude, or one command of the task, and the memory around it.
#[derive(Debug)]
pub struct Memory {
    percent: u32,
    /// A command of the task is ended as a whole; of Claude's commands the largest process is.
    with_claude: bool,
    kernel_kills: u64,
    shortages: u32,
    since: Option<Instant>,
    victim: Option<Victim>,
    /// How much was in use when it was to stop.
    stopped_at: Option<u64>,
}

#[derive(Debug)]
struct Victim {
    pid: i32,
    at: Instant,
    used: u64,
}

impl Victim {
    /// True while its end may still show in what is used.
    fn is_fresh(&self, used: u64, holders: &[Holder], now: Instant) -> bool {
        let since = now.duration_since(self.at);
        let is_alive = holders.iter().any(|holder| holder.pid == self.pid);
        (is_alive && since < DEATH_LIMIT) || (used <= self.used && since < COUNT_LIMIT)
    }
}

impl Memory {
    /// `percent` of the limit is where it acts; `kernel_kills` is the count so far.
    pub const fn new(percent: u32, with_claude: bool, kernel_kills: u64) -> Self {
        Self {
            percent,
            with_claude,
            kernel_kills,
            shortages: 0,
            since: None,
            victim: None,
            stopped_at: None,
        }
    }

    /// Decides. `holders` lists what may be ended, asked only when memory is short.
    pub fn act(
        &mut self,
        level: Level,
        kernel_kills: u64,
        now: Instant,
        holders: impl FnOnce() -> Vec<Holder>,
    ) -> Act {
        if kernel_kills > self.kernel_kills && self.stopped_at.is_none() {
            return self.stop(level, Shortage::KernelKilled { limit: level.limit });
        }
        if level.used < threshold(level.limit, self.percent) {
            self.since = None;
            return Act::Wait;
        }
        let since = *self.since.get_or_insert_with(|| {
            self.shortages += 1;
            now
        });
        let shortage = Shortage::Memory { used: level.used, limit: level.limit };
        if !self.with_claude {
            let is_stopped = self.stopped_at.is_some();
            return if is_stopped { Act::Wait } else { self.stop(level, shortage) };
        }
        let holders = holders();
        if self.victim.as_ref().is_some_and(|victim| victim.is_fresh(level.used, &holders, now)) {
            return Act::Wait;
        }
        let again = self.shortages > PATIENCE || now.duration_since(since) > RELIEF_LIMIT;
        let commands: u64 = holders.iter().map(|holder| holder.bytes).sum();
        // Ending what holds next to nothing helps nobody: then it is Claude itself.
        let largest = holders.into_iter().max_by_key(|holder| holder.bytes);
        match (largest.filter(|_| commands >= level.limit / 10), self.stopped_at) {
            (None, None) => self.stop(level, shortage),
            _ if again && self.stopped_at.is_none() => self.stop(level, shortage),
            (Some(holder), _) => {
                self.victim = Some(Victim { pid: holder.pid, at: now, used: level.used });
                Act::Kill(holder)
            }
            (None, Some(then)) if level.used > then.midpoint(level.limit) => Act::KillClaude,
            (None, Some(_)) => Act::Wait,
        }
    }

    const fn stop(&mut self, level: Level, why: Shortage) -> Act {
        self.stopped_at = Some(level.used);
        Act::Stop(why)
    }
}

/// Time until memory is looked at again: less than the rest could last.
pub fn pause(level: Level) -> Duration {
    let left = u128::from(level.limit.saturating_sub(level.used));
    let micros = u64::try_from(left * 1_000_000 / u128::from(FASTEST)).unwrap_or(u64::MAX);
    Duration::from_micros(micros).clamp(Duration::from_millis(10), Duration::from_millis(200))
}

/// `percent` of `limit`.
pub fn threshold(limit: u64, percent: u32) -> u64 {
    u64::try_from(u128::from(limit) * u128::from(percent) / 100).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Act, Holder, Memory, PATIENCE, pause};
    use crate::guard::Shortage;
    use crate::guard::cgroup::Level;

    const LIMIT: u64 = 1000;

    fn level(used: u64) -> Level {
        Level { used, limit: LIMIT }
    }

    fn holder(pid: i32, bytes: u64) -> Holder {
        Holder { pid, name: format!("p{pid}"), bytes }
    }

    fn short() -> Act {
        Act::Stop(Shortage::Memory { used: 950, limit: LIMIT })
    }

    #[test]
    fn below_the_threshold_nobody_is_even_listed() {
        let mut memory = Memory::new(90, true, 0);
        let act = memory.act(level(899), 0, Instant::now(), || unreachable!());
        assert_eq!(act, Act::Wait);
    }

    #[test]
    fn the_largest_command_is_ended_and_gets_time_to_die() {
        let mut memory = Memory::new(90, true, 0);
        let now = Instant::now();
        let holders = || vec![holder(7, 100), holder(8, 400), holder(9, 5)];
        assert_eq!(memory.act(level(950), 0, now, holders), Act::Kill(holder(8, 400)));
        assert_eq!(memory.act(level(990), 0, now, holders), Act::Wait, "it is dying");
        let gone = || vec![holder(7, 100), holder(9, 5)];
        assert_eq!(memory.act(level(950), 0, now, gone), Act::Wait, "it does not show yet");
        assert_eq!(memory.act(level(951), 0, now, gone), Act::Kill(holder(7, 100)));
        let later = now + Duration::from_millis(300);
        let left = || vec![holder(9, 100)];
        assert_eq!(memory.act(level(951), 0, later, left), Act::Kill(holder(9, 100)));
    }

    #[test]
    fn one_that_does_not_die_does_not_protect_the_others() {
        let mut memory = Memory::new(90, true, 0);
        let now = Instant::now();
        let holders = || vec![holder(8, 400)];
        memory.act(level(950), 0, now, holders);
        let later = now + Duration::from_secs(3);
        assert_eq!(memory.act(level(950), 0, later, holders), Act::Kill(holder(8, 400)));
    }

    #[test]
    fn claude_is_stopped_when_its_commands_hold_next_to_nothing() {
        let mut memory = Memory::new(90, true, 0);
        let now = Instant::now();
        assert_eq!(memory.act(level(950), 0, now, || vec![holder(7, 99)]), short());
        assert_eq!(memory.act(level(975), 0, now, Vec::new), Act::Wait);
        assert_eq!(memory.act(level(976), 0, now, Vec::new), Act::KillClaude);
    }

    #[test]
    fn claude_is_stopped_when_it_happens_again_and_again_and_commands_are_ended_still() {
        let mut memory = Memory::new(90, true, 0);
        let now = Instant::now();
        for number in 1..=PATIENCE {
            let now = now + Duration::from_secs(number.into());
            let pid = i32::try_from(number).unwrap();
            let act = memory.act(level(950), 0, now, || vec![holder(pid, 500)]);
            assert_eq!(act, Act::Kill(holder(pid, 500)));
            memory.act(level(100), 0, now, Vec::new);
        }
        let now = now + Duration::from_secs(9);
        assert_eq!(memory.act(level(950), 0, now, || vec![holder(50, 500)]), short());
        let act = memory.act(level(950), 0, now, || vec![holder(50, 500)]);
        assert_eq!(act, Act::Kill(holder(50, 500)));
    }

    #[test]
    fn a_shortage_that_no_kill_ends_stops_claude() {
        let mut memory = Memory::new(90, true, 0);
        let now = Instant::now();
        memory.act(level(950), 0, now, || vec![holder(1, 500)]);
        let later = now + Duration::from_secs(6);
        assert_eq!(memory.act(level(950), 0, later, || vec![holder(2, 500)]), short());
    }

    #[test]
    fn a_command_of_the_task_is_stopped_as_a_whole_and_once() {
        let mut memory = Memory::new(90, false, 0);
        let now = Instant::now();
        assert_eq!(memory.act(level(950), 0, now, || unreachable!()), short());
        assert_eq!(memory.act(level(950), 0, now, || unreachable!()), Act::Wait);
    }

    #[test]
    fn a_kill_by_the_kernel_stops_claude_since_the_pod_is_lost() {
        let mut memory = Memory::new(90, true, 4);
        let now = Instant::now();
        assert_eq!(memory.act(level(100), 4, now, Vec::new), Act::Wait);
        let stop = Act::Stop(Shortage::KernelKilled { limit: LIMIT });
        assert_eq!(memory.act(level(100), 5, now, Vec::new), stop);
        assert_eq!(memory.act(level(100), 5, now, Vec::new), Act::Wait);
    }

    #[test]
    fn the_less_is_left_the_sooner_memory_is_looked_at_again() {
        let gib = 1 << 30;
        let at = |used| pause(Level { used, limit: 4 * gib });
        assert_eq!(at(0), Duration::from_millis(200));
        assert_eq!(at(4 * gib - gib / 2), Duration::from_millis(125));
        assert_eq!(at(4 * gib), Duration::from_millis(10));
    }
}
