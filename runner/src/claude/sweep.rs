//! Ends every process that Claude Code or a command of `verify` left behind.
//!
//! Each Bash call has a session of its own, and a daemon that forks twice outlives even a normal
//! end: as child subreaper the runner becomes the parent of all of them, so they are found as its
//! descendants. Processes from elsewhere (`kubectl exec`) are not touched.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

/// How long a sweep goes on against processes that keep forking.
const LIMIT: Duration = Duration::from_secs(5);

/// Makes this process the parent of every orphan below it.
///
/// # Errors
/// When the kernel refuses.
pub fn adopt_orphans() -> Result<(), Errno> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Kills and reaps all descendants of this process; returns how many were killed and whether any
/// is still there. The caller makes sure that no child of its own is running.
pub async fn sweep() -> Swept {
    let mut swept = Swept::default();
    let deadline = tokio::time::Instant::now() + LIMIT;
    let mut seen = std::collections::HashSet::new();
    loop {
        let left = descendants(getpid().as_raw());
        for process in &left {
            let pid = Pid::from_raw(process.pid);
            if process.is_zombie {
                let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
            } else if kill(pid, Signal::SIGKILL).is_ok() && seen.insert(process.pid) {
                swept.killed.push(process.name.clone());
            }
        }
        swept.is_clean = left.is_empty();
        if swept.is_clean || tokio::time::Instant::now() > deadline {
            return swept;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Names of the processes that were killed.
    pub killed: Vec<String>,
    /// True when none is left.
    pub is_clean: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    name: String,
    is_zombie: bool,
}

fn descendants(root: i32) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<i32>().ok()?;
        parse(&String::from_utf8_lossy(&fs::read(entry.path().join("stat")).ok()?))
    });
    below(root, stats.collect())
}

fn below(root: i32, all: Vec<Process>) -> Vec<Process> {
    let parents: HashMap<i32, i32> = all.iter().map(|p| (p.pid, p.parent)).collect();
    let is_below = |process: &Process| {
        // A chain longer than the number of processes is a loop of reused numbers.
        let mut chain =
            std::iter::successors(Some(process.parent), |pid| parents.get(pid).copied());
        chain.by_ref().take(parents.len() + 1).any(|pid| pid == root)
    };
    all.into_iter().filter(is_below).collect()
}

/// One line of `/proc/<pid>/stat` (proc(5)); the name may hold blanks and brackets.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    Some(Process {
        pid: pid.parse().ok()?,
        parent: fields.next()?.parse().ok()?,
        name: name.to_owned(),
        is_zombie: matches!(state, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Process, below, parse};

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, name: String::new(), is_zombie: false }
    }

    #[test]
    fn grandchildren_count_and_neighbours_do_not() {
        let all =
            vec![process(1, 0), process(2, 1), process(10, 2), process(11, 10), process(12, 1)];
        let found: Vec<_> = below(2, all).into_iter().map(|process| process.pid).collect();
        assert_eq!(found, [10, 11]);
    }

    #[test]
    fn a_loop_of_reused_numbers_ends() {
        assert!(below(1, vec![process(5, 6), process(6, 5)]).is_empty());
    }

    #[test]
    fn a_name_with_blanks_and_brackets_is_read() {
        let read = parse("42 (a) b (c)) Z 7 42 42 0 -1 1 0").unwrap();
        assert_eq!((read.pid, read.parent, read.is_zombie), (42, 7, true));
        assert_eq!(read.name, "a) b (c)");
        assert_eq!(parse("nothing"), None);
    }
}
