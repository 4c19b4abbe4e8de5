//! The cluster's own promises on the machine: a killed one is replaced, an ended one leaves nothing.
//!
//! Not here: anything inside of the cluster. These tests need root, end the running cluster, and
//! so run only when asked for: `cargo test -p e2e --test cluster -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use e2e::cluster::layout::Layout;
use e2e::cluster::own::{self, Health};
use e2e::cluster::{Cluster, Progress, Target, address, member, proc, process};

#[test]
#[ignore = "needs root and ends the running cluster"]
fn a_killed_cluster_is_replaced_and_an_ended_one_leaves_nothing() {
    let progress = Progress::to_stderr();
    let layout = Layout::from_env().unwrap();
    let cluster = Cluster::up(&Target::Own, &progress).unwrap();
    assert!(cluster.second_node(&progress).unwrap().is_well());
    drop(cluster);

    let socket = member::FIRST.socket(&layout).display().to_string();
    let shims = proc::shims(&proc::command_lines(), &socket);
    assert!(!shims.is_empty(), "CoreDNS runs in a container");
    let mut killed = process::all_recorded(&layout);
    killed.extend(shims.into_iter().filter_map(proc::Identity::of));
    process::end(&killed).unwrap();
    assert_eq!(own::health(&layout), Health::Broken);

    let cluster = Cluster::up(&Target::Own, &progress).unwrap();
    assert_eq!(own::health(&layout), Health::Well);
    assert!(!member::SECOND.directory(&layout).exists(), "the second node comes when asked for");
    assert!(cluster.second_node(&progress).unwrap().is_well());
    drop(cluster);

    own::down(&layout, &progress).unwrap();
    assert_eq!(own::health(&layout), Health::Absent);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_nothing_is_left(&layout, &mounts);
}

fn assert_nothing_is_left(layout: &Layout, mounts: &str) {
    let cluster = layout.cluster();
    let name = cluster.display().to_string();
    assert!(!cluster.exists(), "{name}");
    assert!(!Path::new("/sys/class/net").join(address::BRIDGE).exists(), "the bridge is there");
    assert!(proc::mounts_below(mounts, &cluster).is_empty(), "{mounts}");
    let left: Vec<_> = proc::command_lines()
        .into_iter()
        .filter(|(_, words)| words.iter().any(|word| word.contains(&name)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    let cgroup = member::SECOND.cgroup.unwrap();
    let left: Vec<_> =
        hierarchies.map(|one| one.path().join(cgroup)).filter(|one| one.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}
