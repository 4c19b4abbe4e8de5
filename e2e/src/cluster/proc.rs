//! What the kernel says about processes and mounts, parsed.
//!
//! Not here: acting on it ([`super::process`], [`super::sweep`]).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// Its start, in clock ticks since the machine's start.
    pub started: u64,
}

impl Identity {
    /// The running process with this id; `None` for none, and for one that only waits to be
    /// collected by its parent.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let started = start_of_running(&stat)?;
        Some(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// Field 22 of a `/proc/PID/stat` line, unless its state is dead. The name in field 2 may hold
/// blanks and parentheses, so fields are counted from the last one (proc(5)).
fn start_of_running(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let dead = matches!(*fields.first()?, "Z" | "X" | "x");
    if dead { None } else { fields.get(19)?.parse().ok() }
}

/// Every process with its arguments, as they are now.
pub fn command_lines() -> Vec<(i32, Vec<String>)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            Some((pid, arguments(&fs::read(format!("/proc/{pid}/cmdline")).ok()?)))
        })
        .filter(|(_, arguments)| !arguments.is_empty())
        .collect()
}

fn arguments(cmdline: &[u8]) -> Vec<String> {
    cmdline
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// The containers' minders of the containerd that listens on `socket`.
pub fn shims(processes: &[(i32, Vec<String>)], socket: &str) -> Vec<i32> {
    let is_shim = |arguments: &[String]| {
        arguments.first().is_some_and(|program| program.contains("containerd-shim"))
            && arguments.windows(2).any(|pair| pair[0] == "-address" && pair[1] == socket)
    };
    processes.iter().filter(|(_, arguments)| is_shim(arguments)).map(|(pid, _)| *pid).collect()
}

/// The first process that is a node agent but none of ours: whose files lie elsewhere.
pub fn foreign_kubelet<'a>(processes: &'a [(i32, Vec<String>)], cluster: &Path) -> Option<&'a str> {
    let cluster = cluster.display().to_string();
    processes.iter().find_map(|(_, arguments)| {
        let program = arguments.first()?;
        let name = Path::new(program).file_name()?.to_str()?;
        let foreign = matches!(name, "kubelet" | "k3s" | "k3s-server" | "k0s" | "kubelite")
            && !arguments.iter().any(|argument| argument.contains(&cluster));
        foreign.then_some(program.as_str())
    })
}

/// Mount points at or below `root`, the deepest and latest first, from a `mountinfo` text
/// (proc(5): field 5, blanks and backslashes as octal escapes).
pub fn mounts_below(mountinfo: &str, root: &Path) -> Vec<PathBuf> {
    let mut points: Vec<PathBuf> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|field| PathBuf::from(unescaped(field)))
        .filter(|point| point.starts_with(root))
        .collect();
    points.reverse();
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    points
}

fn unescaped(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// The processes whose memory is counted together with that of `pid` (cgroups(7), version 1).
pub fn in_memory_group_of(pid: i32) -> Result<Vec<i32>> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = groups.lines().find_map(|line| Some(line.split_once(":memory:")?.1));
    let path = path.with_context(|| format!("process {pid} is in no memory group"))?;
    let members = fs::read_to_string(format!("/sys/fs/cgroup/memory{path}/cgroup.procs"))?;
    Ok(members.lines().filter_map(|pid| pid.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_a_name_with_parentheses() {
        let tail = "S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 4711 1000 10";
        assert_eq!(start_of_running(&format!("7 (a) b (c)) {tail}")), Some(4711));
        assert_eq!(start_of_running(&format!("7 (x) {}", tail.replacen('S', "Z", 1))), None);
        assert_eq!(start_of_running("garbage"), None);
    }

    #[test]
    fn this_process_runs_and_a_namesake_with_another_start_does_not() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let me = Identity::of(pid).unwrap();
        assert!(me.is_running());
        assert!(!Identity { started: me.started + 1, ..me }.is_running());
    }

    #[test]
    fn only_the_shims_of_one_socket_are_found() {
        let line = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let processes = vec![
            (
                1,
                line(&[
                    "/usr/bin/containerd-shim-runc-v2",
                    "-namespace",
                    "k8s.io",
                    "-id",
                    "a",
                    "-address",
                    "/ours",
                ]),
            ),
            (
                2,
                line(&[
                    "/usr/bin/containerd-shim-runc-v2",
                    "-namespace",
                    "moby",
                    "-id",
                    "b",
                    "-address",
                    "/run/c",
                ]),
            ),
            (3, line(&["tail", "-address", "/ours"])),
        ];
        assert_eq!(shims(&processes, "/ours"), [1]);
    }

    #[test]
    fn a_kubelet_with_files_elsewhere_is_foreign() {
        let line = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let ours = (1, line(&["/c/programs/kubelet", "--root-dir=/c/cluster/kubelet"]));
        let foreign = (2, line(&["/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml"]));
        let cluster = Path::new("/c/cluster");
        assert_eq!(foreign_kubelet(std::slice::from_ref(&ours), cluster), None);
        assert_eq!(foreign_kubelet(&[ours, foreign], cluster), Some("/usr/bin/kubelet"));
    }

    #[test]
    fn inner_mounts_come_before_the_ones_that_hold_them() {
        let mountinfo = "1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /c/a rw - tmpfs b rw\n\
                         3 1 0:3 / /c/a/b\\040c rw - tmpfs c rw\n4 1 0:4 / /cc rw - tmpfs d rw\n";
        let expected: Vec<PathBuf> = vec!["/c/a/b c".into(), "/c/a".into()];
        assert_eq!(mounts_below(mountinfo, Path::new("/c")), expected);
    }
}
