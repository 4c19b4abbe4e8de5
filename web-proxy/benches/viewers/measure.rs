//! What the kernel knows of this process: memory, CPU time of each group of threads, limits.
//!
//! Not here: latency (the viewers).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// A tick of the kernel's clock, as `getconf CLK_TCK` says on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU ticks by the name of the threads.
pub type Cpu = BTreeMap<String, u64>;

/// CPU time of each group of threads so far.
pub fn cpu() -> Cpu {
    let mut all = Cpu::new();
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for task in tasks {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The name is in parentheses and may hold blanks.
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name);
        // User and system time are fields 14 and 15; the tail begins with the third.
        let times = tail.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        *all.entry(name.to_owned()).or_default() += ticks;
    }
    all
}

/// CPU time that each group of threads took since then.
pub fn since(before: &Cpu) -> Vec<(String, Duration)> {
    let spent = |(name, ticks): (String, u64)| {
        let ticks = ticks.saturating_sub(before.get(&name).copied().unwrap_or_default());
        (name, TICK * u32::try_from(ticks).unwrap_or(u32::MAX))
    };
    cpu().into_iter().map(spent).collect()
}

/// Resident memory in bytes.
pub fn resident() -> usize {
    status("VmRSS:")
}

/// Most resident memory so far, in bytes.
pub fn peak() -> usize {
    status("VmHWM:")
}

/// How many files may be open.
pub fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

fn status(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<usize>().ok()).unwrap_or_default() * 1024
}
