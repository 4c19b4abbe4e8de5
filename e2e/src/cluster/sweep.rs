//! Ending a cluster and removing every trace of it, whatever state it was left in: processes,
//! mounts, cgroups, the bridge, packet filter rules, files.
//!
//! Not here: setting any of it up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::address;
use super::command::{capture, succeeds, wait_until};
use super::layout::Layout;
use super::member::{self, Member};
use super::proc::{self, Identity};
use super::process;
use super::settings::POD_NETWORK;

/// The comment on the packet filter rules of [`super::node`].
pub const RULE_COMMENT: &str = "claudetask-e2e";

/// Where the network library keeps its records (libcni's cache).
const RECORDS: &str = "/var/lib/cni/results";

/// Removes everything that a cluster in this cache directory has or had on the machine. Safe to
/// call when there is nothing.
pub fn all(layout: &Layout) -> Result<()> {
    for node in member::ALL {
        processes(node, layout)?;
    }
    process::end(&process::all_recorded(layout))?;
    unmount(&layout.cluster())?;
    member::ALL.into_iter().for_each(cgroups);
    network(layout)?;
    remove(&layout.cluster())
}

/// Removes everything that one node has or had on the machine, and leaves the others as they are;
/// not for the first, in whose directory theirs lie.
pub fn one(node: &Member, layout: &Layout) -> Result<()> {
    let directory = node.directory(layout);
    processes(node, layout)?;
    unmount(&directory)?;
    cgroups(node);
    network_records(&directory, Path::new(RECORDS))?;
    for name in [node.kubelet, node.containerd] {
        // There is no record of what was never started.
        let _ = fs::remove_file(layout.pids().join(name));
    }
    remove(&directory)
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("remove {}", directory.display()))?;
    }
    Ok(())
}

/// The kubelet goes first, or it would start again what follows. The pods' processes are those in
/// its cgroups, so containers whose minder was killed are found too.
fn processes(node: &Member, layout: &Layout) -> Result<()> {
    let named = |name| process::recorded(layout, name).into_iter().collect::<Vec<_>>();
    process::end(&named(node.kubelet))?;
    let pods: Vec<Identity> =
        pod_cgroups(node).iter().flat_map(|directory| process::in_cgroup(directory)).collect();
    process::end(&pods)?;
    let socket = node.socket(layout).display().to_string();
    let shims: Vec<Identity> =
        proc::shims(&proc::command_lines(), &socket).into_iter().filter_map(Identity::of).collect();
    process::end(&shims)?;
    process::end(&named(node.containerd))
}

/// A lazy unmount also detaches what some other program still looks at.
fn unmount(root: &Path) -> Result<()> {
    let read = || fs::read_to_string("/proc/self/mountinfo").context("read the mount table");
    for point in proc::mounts_below(&read()?, root) {
        capture(Command::new("umount").arg("--lazy").arg(&point))?;
    }
    wait_until("mounts to go", Duration::from_secs(10), || {
        Ok(proc::mounts_below(&read()?, root).is_empty())
    })
}

/// The node's cgroups in every hierarchy, the inner ones first.
fn pod_cgroups(node: &Member) -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let own = node.cgroup.unwrap_or("kubepods");
    let mut roots = vec![top.join(own)];
    if let Ok(hierarchies) = fs::read_dir(top) {
        roots.extend(hierarchies.flatten().map(|entry| entry.path().join(own)));
    }
    let mut found = Vec::new();
    for root in roots.iter().filter(|root| root.is_dir()) {
        inner_first(root, &mut found);
    }
    found
}

fn inner_first(directory: &Path, found: &mut Vec<PathBuf>) {
    if let Ok(entries) = fs::read_dir(directory) {
        for entry in
            entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        {
            inner_first(&entry.path(), found);
        }
    }
    found.push(directory.to_path_buf());
}

/// An empty cgroup does no harm, so one that cannot be removed is left.
fn cgroups(node: &Member) {
    for directory in pod_cgroups(node) {
        let _ = fs::remove_dir(directory);
    }
}

fn network(layout: &Layout) -> Result<()> {
    let bridge = address::BRIDGE;
    if Path::new("/sys/class/net").join(bridge).exists() {
        capture(Command::new("ip").args(["link", "delete", bridge]))?;
    }
    for (family, table) in [("ip", POD_NETWORK), ("ip", "kube-proxy"), ("ip6", "kube-proxy")] {
        // Fails when there is no such table, which is the aim.
        succeeds(Command::new("nft").args(["delete", "table", family, table]));
    }
    for direction in ["-i", "-o"] {
        while succeeds(forward_rule("-D", direction).arg("-w")) {}
    }
    network_records(&layout.cluster(), Path::new(RECORDS))
}

/// `iptables` with one of the two rules that let pod traffic through a firewall that forwards
/// nothing by default, as Docker's does.
pub fn forward_rule(action: &str, direction: &str) -> Command {
    let mut command = Command::new("iptables");
    command.args([action, "FORWARD", direction, address::BRIDGE, "-j", "ACCEPT"]);
    command.args(["-m", "comment", "--comment", RULE_COMMENT]);
    command
}

/// The network library keeps a file for each interface of each pod in [`RECORDS`]. Ours are those
/// that name a network namespace below the directory of the cluster, or of one node.
fn network_records(directory: &Path, records: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(records) else { return Ok(()) };
    let ours = format!("{}/", directory.display());
    for path in entries.flatten().map(|entry| entry.path()) {
        if fs::read_to_string(&path).is_ok_and(|text| text.contains(&ours)) {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_listed_from_the_inside() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("burstable/pod1");
        fs::create_dir_all(&inner).unwrap();
        let mut found = Vec::new();
        inner_first(folder.path(), &mut found);
        let expected =
            vec![inner.clone(), inner.parent().unwrap().to_path_buf(), folder.path().to_path_buf()];
        assert_eq!(found, expected);
    }

    #[test]
    fn only_records_of_this_clusters_pods_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, foreign] = ["ours", "foreign"].map(|name| folder.path().join(name));
        fs::write(&ours, r#"{"netns": "/c/cluster/containerd-state/netns/1"}"#).unwrap();
        fs::write(&foreign, r#"{"netns": "/c/cluster-two/netns/1"}"#).unwrap();
        network_records(Path::new("/c/cluster"), folder.path()).unwrap();
        assert!(!ours.exists() && foreign.exists());
    }

    #[test]
    fn rules_are_inserted_and_deleted_by_the_same_words() {
        let words = |action| {
            let command = forward_rule(action, "-i");
            command
                .get_args()
                .skip(1)
                .map(|word| word.to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(words("-I"), words("-D"));
        assert!(words("-I").contains(&RULE_COMMENT.to_owned()));
    }
}
