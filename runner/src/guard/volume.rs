//! How full a volume is, as the kubelet will find it: disk blocks, not file sizes, and a file with
//! several names once.
//!
//! A walk over many files costs, so it is repeated after a multiple of the time that it took, or
//! earlier when the file system around it has grown by much. Not here: what follows.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use super::memory::threshold;

/// Time between looks at the file system around a volume.
pub const LOOK: Duration = Duration::from_millis(250);
/// Longest time of one walk; what it has seen by then counts.
const WALK_LIMIT: Duration = Duration::from_secs(20);
/// A walk is repeated after this many times the time that it took,
const REST: u32 = 20;
/// or this many when the file system has grown.
const SHORT_REST: u32 = 4;
/// Least time between two walks when nothing seems to have grown.
const CALM: Duration = Duration::from_secs(2);

/// A volume with a size limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// What the task's author knows it by, such as `workspace`.
    pub name: &'static str,
    /// Where it is mounted.
    pub path: PathBuf,
    /// Its limit in bytes.
    pub limit: u64,
}

/// When a volume is walked next.
#[derive(Debug)]
pub struct Gauge {
    enough: u64,
    measured: u64,
    around: u64,
    calm_until: Instant,
    rest_until: Instant,
}

impl Gauge {
    /// Says that `enough` bytes are too much; nothing is measured yet.
    pub fn new(volume: &Volume, percent: u32, now: Instant) -> Self {
        let enough = threshold(volume.limit, percent);
        Self { enough, measured: 0, around: 0, calm_until: now, rest_until: now }
    }

    /// True when it is time to walk. `around` is what the whole file system holds now: other
    /// writers count, so growth there is only a hint.
    pub fn is_due(&self, around: u64, now: Instant) -> bool {
        let left = self.enough.saturating_sub(self.measured);
        let grown = around.saturating_sub(self.around) >= left / 2;
        now >= self.calm_until || (grown && now >= self.rest_until)
    }

    /// Takes the result of a walk that began at `began`; true when it is too much.
    pub fn take(&mut self, measured: u64, around: u64, began: Instant, now: Instant) -> bool {
        let took = now.duration_since(began);
        self.measured = measured;
        self.around = around;
        self.calm_until = now + (took * REST).max(CALM);
        self.rest_until = now + took * SHORT_REST;
        measured >= self.enough
    }

    /// Bytes from which on the volume is too full.
    pub const fn enough(&self) -> u64 {
        self.enough
    }
}

/// Bytes that the file system around `path` holds, if it says.
pub fn around(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    let blocks = found.blocks().saturating_sub(found.blocks_free());
    Some(blocks * found.fragment_size())
}

/// Bytes that lie in `root`, counted until there are `enough` or the time is up. What cannot be
/// looked at does not count.
pub fn measure(root: &Path, enough: u64) -> u64 {
    let deadline = Instant::now() + WALK_LIMIT;
    let (mut sum, mut seen) = (0_u64, HashSet::new());
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        if sum >= enough || Instant::now() > deadline {
            break;
        }
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                directories.push(entry.path());
            } else if meta.nlink() > 1 && !seen.insert(meta.ino()) {
                continue;
            }
            sum = sum.saturating_add(meta.blocks().saturating_mul(512));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::{Gauge, Volume, around, measure};

    #[test]
    fn blocks_count_and_not_sizes_names_or_what_a_link_leads_to() {
        let root = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join("big"), vec![1; 1 << 20]).unwrap();
        symlink(other.path(), root.path().join("link")).unwrap();
        fs::create_dir(root.path().join("d")).unwrap();
        fs::write(root.path().join("d/one"), vec![1; 200 << 10]).unwrap();
        fs::hard_link(root.path().join("d/one"), root.path().join("d/two")).unwrap();
        fs::File::create(root.path().join("sparse")).unwrap().set_len(1 << 30).unwrap();
        let found = measure(root.path(), u64::MAX);
        assert!((200 << 10..300 << 10).contains(&found), "{found}");
    }

    #[test]
    fn what_is_not_there_is_empty_and_enough_is_enough() {
        assert_eq!(measure(&PathBuf::from("/no/such/place"), u64::MAX), 0);
        let root = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("f"), vec![1; 64 << 10]).unwrap();
        }
        assert!(measure(root.path(), 1) < measure(root.path(), u64::MAX));
        assert!(around(root.path()).unwrap() > 0);
    }

    #[test]
    fn a_walk_is_repeated_after_a_rest_and_earlier_when_the_file_system_has_grown() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let volume = Volume { name: "workspace", path: "/w".into(), limit: 1000 };
        let mut gauge = Gauge::new(&volume, 90, began);
        assert!(gauge.is_due(0, began));
        let now = began + second / 10;
        assert!(!gauge.take(500, 7000, began, now));
        assert!(!gauge.is_due(7000, now + second), "it rests for twice as long");
        assert!(gauge.is_due(7000, now + 2 * second));
        assert!(!gauge.is_due(7199, now + second), "less than half of what is left");
        assert!(gauge.is_due(7200, now + second));
        assert!(!gauge.is_due(9000, now + second / 10), "a walk just ended");
        assert!(gauge.take(900, 7400, now, now));
    }
}
