//! The container's memory as the kernel counts it: control groups of version 2 and 1.
//!
//! What the kernel takes back by itself before it kills (pages of files, reclaimable slab) does
//! not count as used. The kubelet's working set leaves out less of it, the kernel's own limit is
//! what matters here. Parsers are pure. Not here: what follows from a level ([`super::memory`]).

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A limit above this is none: version 1 writes "no limit" as a huge number.
const UNLIMITED: u64 = 1 << 60;

/// Used and possible memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// What the kernel cannot take back.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

/// A control group with a memory limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    directory: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Cgroup {
    /// The nearest group around this process that has a limit.
    pub fn of_this_process() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::find(&own, Path::new("/sys/fs/cgroup"))
    }

    /// The same from the text of `/proc/self/cgroup` and the place where the groups are mounted.
    pub fn find(own: &str, mounted: &Path) -> Option<Self> {
        let (version, directories) = places(own, mounted);
        let groups = directories.into_iter().map(|directory| Self { directory, version });
        groups.into_iter().find(|group| group.level().is_ok())
    }

    /// What is used now.
    ///
    /// # Errors
    /// When the kernel does not say, or there is no limit.
    pub fn level(&self) -> io::Result<Level> {
        let (limit, used, reclaimable): (_, _, &[&str]) = match self.version {
            Version::One => (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                &["total_inactive_file", "total_active_file"],
            ),
            Version::Two => (
                "memory.max",
                "memory.current",
                &["inactive_file", "active_file", "slab_reclaimable"],
            ),
        };
        let limit = parse_limit(&self.read(limit)?).ok_or(io::ErrorKind::Unsupported)?;
        let used = self.read(used)?.trim().parse::<u64>().map_err(io::Error::other)?;
        let stat = self.read("memory.stat")?;
        let reclaimable: u64 = reclaimable.iter().filter_map(|name| field(&stat, name)).sum();
        Ok(Level { used: used.saturating_sub(reclaimable), limit })
    }

    /// How many of its processes the kernel has killed for their memory; 0 where it does not say.
    pub fn kills(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        self.read(file).ok().and_then(|text| field(&text, "oom_kill")).unwrap_or(0)
    }

    fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.directory.join(name))
    }
}

/// Where the process's group and those around it may lie, the nearest first (cgroups(7)). In a
/// container the path in `/proc` may be the host's, and the group itself is at the mount.
fn places(own: &str, mounted: &Path) -> (Version, Vec<PathBuf>) {
    let lines = || {
        own.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            Some((parts.next()?, parts.next()?, parts.next()?))
        })
    };
    let first = lines().find(|(_, controllers, _)| controllers.split(',').any(|c| c == "memory"));
    let (version, mount, path) = if let Some((.., path)) = first {
        (Version::One, mounted.join("memory"), path)
    } else {
        let unified = lines().find(|(number, ..)| *number == "0");
        (Version::Two, mounted.to_owned(), unified.map_or("/", |(.., path)| path))
    };
    let path = Path::new(path.trim_start_matches('/'));
    // A path that leads out of the namespace says nothing about what is mounted here.
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let path = if inside { path } else { Path::new("") };
    (version, path.ancestors().map(|part| mount.join(part)).collect())
}

fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < UNLIMITED)
}

/// The number behind `name ` in a file of such lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
