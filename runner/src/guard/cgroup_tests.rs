//! Files of real control groups, shortened: version 1 (a container of containerd on kernel 6.18),
//! version 2, and both side by side.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Cgroup, Level, Version, places};

const ONE: &str = "9:name=systemd:/\n8:pids:/kubepods/p/c\n4:cpu,memory:/kubepods/p/c\n0::/\n";
const TWO: &str = "0::/kubepods.slice/p.slice/c.scope\n";

const STAT_ONE: &str = "cache 9000\nrss 500\ninactive_file 1\nactive_file 1\n\
    hierarchical_memory_limit 1073741824\ntotal_cache 9000\ntotal_rss 500\n\
    total_inactive_file 3000\ntotal_active_file 2000\n";
const STAT_TWO: &str = "anon 500\nfile 9000\nkernel 70\ninactive_anon 4\nactive_anon 5\n\
    inactive_file 3000\nactive_file 2000\nslab_reclaimable 1000\nslab_unreclaimable 7\n";

fn group(place: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(place).unwrap();
    for (name, text) in files {
        fs::write(place.join(name), text).unwrap();
    }
}

#[test]
fn version_1_is_read_where_the_container_mounts_its_own_group() {
    let mounted = tempfile::tempdir().unwrap();
    group(
        &mounted.path().join("memory"),
        &[
            ("memory.limit_in_bytes", "1073741824\n"),
            ("memory.usage_in_bytes", "10000\n"),
            ("memory.stat", STAT_ONE),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ],
    );
    let found = Cgroup::find(ONE, mounted.path()).unwrap();
    assert_eq!(found.level().unwrap(), Level { used: 5000, limit: 1 << 30 });
    assert_eq!(found.kills(), 2);
}

#[test]
fn version_2_is_read_at_the_mount_or_at_the_hosts_path() {
    let files = [
        ("memory.max", "1073741824\n"),
        ("memory.current", "10000\n"),
        ("memory.stat", STAT_TWO),
        ("memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 1\noom_group_kill 0\n"),
    ];
    for place in ["", "kubepods.slice/p.slice/c.scope"] {
        for own in ["0::/\n", TWO, "0::/../../elsewhere\n"] {
            let mounted = tempfile::tempdir().unwrap();
            group(&mounted.path().join(place), &files);
            let Some(found) = Cgroup::find(own, mounted.path()) else {
                assert!(!place.is_empty() && own != TWO, "{place} {own}");
                continue;
            };
            assert_eq!(found.level().unwrap(), Level { used: 4000, limit: 1 << 30 });
            assert_eq!(found.kills(), 1);
        }
    }
}

#[test]
fn a_group_without_a_limit_hands_over_to_the_one_around_it() {
    let mounted = tempfile::tempdir().unwrap();
    let inner = mounted.path().join("kubepods.slice/p.slice/c.scope");
    let usual = [("memory.current", "10000\n"), ("memory.stat", STAT_TWO)];
    group(&inner, &usual);
    group(&inner, &[("memory.max", "max\n")]);
    assert_eq!(Cgroup::find(TWO, mounted.path()), None);
    let outer = inner.parent().unwrap();
    group(outer, &usual);
    group(outer, &[("memory.max", "20000\n")]);
    assert_eq!(Cgroup::find(TWO, mounted.path()).unwrap().level().unwrap().limit, 20000);
}

#[test]
fn version_1_says_no_limit_by_a_huge_number() {
    let mounted = tempfile::tempdir().unwrap();
    group(
        &mounted.path().join("memory"),
        &[
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "10000\n"),
            ("memory.stat", STAT_ONE),
        ],
    );
    assert_eq!(Cgroup::find(ONE, mounted.path()), None);
}

#[test]
fn with_both_versions_the_one_that_has_the_memory_counts() {
    let hybrid = "4:memory:/a/b\n1:name=systemd:/x\n0::/y\n";
    let (version, found) = places(hybrid, Path::new("/cg"));
    let expected = ["/cg/memory/a/b", "/cg/memory/a", "/cg/memory/"].map(PathBuf::from);
    assert_eq!((version, found), (Version::One, expected.to_vec()));
    let (version, found) = places("1:name=systemd:/x\n0::/y\n", Path::new("/cg"));
    assert_eq!((version, found), (Version::Two, ["/cg/y", "/cg/"].map(PathBuf::from).to_vec()));
}

#[test]
fn without_groups_nothing_is_watched() {
    assert_eq!(Cgroup::find("", Path::new("/nowhere")), None);
}
