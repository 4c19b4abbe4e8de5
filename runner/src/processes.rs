//! The processes below this one, as `/proc` shows them.
//!
//! Not here: which of them are ended ([`crate::claude::sweep`], [`crate::guard`]).

use std::collections::HashMap;
use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Number of its parent.
    pub parent: i32,
    /// Name of its program, at most 15 bytes.
    pub name: String,
    /// It has ended and waits for its parent to ask how.
    pub is_zombie: bool,
}

/// All descendants of process `root`. As child subreaper it has those whose parents have gone too.
pub fn descendants(root: i32) -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<i32>().ok()?;
        parse(&String::from_utf8_lossy(&fs::read(entry.path().join("stat")).ok()?))
    });
    below(root, stats.collect())
}

/// Those of `all` that descend from `root`.
pub fn below(root: i32, all: Vec<Process>) -> Vec<Process> {
    let parents: HashMap<i32, i32> = all.iter().map(|p| (p.pid, p.parent)).collect();
    let is_below = |process: &Process| {
        // A chain longer than the number of processes is a loop of reused numbers.
        let mut chain =
            std::iter::successors(Some(process.parent), |pid| parents.get(pid).copied());
        chain.by_ref().take(parents.len() + 1).any(|pid| pid == root)
    };
    all.into_iter().filter(is_below).collect()
}

/// Bytes that a process holds and that nobody else can be asked for: anonymous and shared memory,
/// no pages of files. 0 for one that has ended.
pub fn memory(pid: i32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status")).map_or(0, |status| held(&status))
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

/// `RssAnon` and `RssShmem` of `/proc/<pid>/status` (proc(5)).
fn held(status: &str) -> u64 {
    let kilobytes = |line: &str| {
        let amount = line.strip_prefix("RssAnon:").or_else(|| line.strip_prefix("RssShmem:"))?;
        amount.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    status.lines().filter_map(kilobytes).sum::<u64>() * 1024
}

#[cfg(test)]
mod tests {
    use super::{Process, below, held, memory, parse};

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

    #[test]
    fn only_what_a_process_alone_holds_is_its_memory() {
        let status = "Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t  120 kB\nRssFile:\t  700 kB\nRssShmem:\t 4 kB\n";
        assert_eq!(held(status), 124 << 10);
        assert_eq!(held("Name:\tzombie\n"), 0);
        assert!(memory(i32::try_from(std::process::id()).unwrap()) > 0);
    }
}
