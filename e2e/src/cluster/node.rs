//! Preparing the machine to be a node: its configuration files, kernel settings, bridge and packet
//! filter rules.
//!
//! Not here: taking it back ([`super::sweep`]).

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::command::{capture, succeeds};
use super::layout::Layout;
use super::member::{self, Member};
use super::pki::Pki;
use super::settings::Pressure;
use super::{address, settings, sweep};

/// Creates the cluster's directory, readable by root alone, with all configuration files.
pub fn write_files(layout: &Layout, pki: &Pki, servers: &[IpAddr]) -> Result<()> {
    let cluster = layout.cluster();
    fs::create_dir_all(&cluster).with_context(|| format!("create {}", cluster.display()))?;
    fs::set_permissions(&cluster, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("protect {}", cluster.display()))?;
    create_directories(&[layout.pids(), layout.component_logs()])?;
    let files = [
        ("audit-policy.yaml", settings::AUDIT_POLICY.to_owned()),
        ("proxy.json", settings::proxy(pki)),
        ("resolv.conf", settings::resolv_conf(servers)),
    ];
    for (name, text) in files {
        write(&layout.state(name), &text)?;
    }
    write_files_of(&member::FIRST, layout, pki, Pressure::None)
}

/// Creates a node's own directories and configuration files, or writes those anew.
pub fn write_files_of(node: &Member, layout: &Layout, pki: &Pki, pressure: Pressure) -> Result<()> {
    create_directories(&[node.state(layout, "cni"), node.state(layout, "pod-logs")])?;
    let files = [
        ("containerd.toml", settings::containerd(layout, node)),
        ("cni/10-pods.conflist", settings::pod_network(layout, node)),
        ("kubelet.json", settings::kubelet(layout, pki, node, pressure)),
    ];
    for (name, text) in files {
        write(&node.state(layout, name), &text)?;
    }
    Ok(())
}

fn create_directories(directories: &[PathBuf]) -> Result<()> {
    for directory in directories {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// The name servers that pods can use: the machine's, or where those are a local forwarder the
/// ones that systemd-resolved forwards to.
pub fn name_servers() -> Vec<IpAddr> {
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .iter()
        .map(|file| settings::reachable_name_servers(&fs::read_to_string(file).unwrap_or_default()))
        .find(|servers| !servers.is_empty())
        .unwrap_or_default()
}

/// Makes the bridge, lets pods through the packet filter and masks what leaves them.
pub fn connect(layout: &Layout) -> Result<()> {
    kernel_settings()?;
    let bridge = address::BRIDGE;
    capture(Command::new("ip").args(["link", "add", bridge, "type", "bridge"]))?;
    let owner = layout.cache().display().to_string();
    capture(Command::new("ip").args(["link", "set", bridge, "alias", &owner]))?;
    capture(Command::new("ip").args(["address", "add", address::NODE_PREFIX, "dev", bridge]))?;
    capture(Command::new("ip").args(["link", "set", bridge, "up"]))?;
    load_rules(&settings::masquerade())?;
    for direction in ["-i", "-o"] {
        capture(sweep::forward_rule("-I", direction).arg("-w"))?;
    }
    Ok(())
}

/// Refuses when the bridge belongs to a cluster that was started from another cache directory.
pub fn check_bridge_is_ours(layout: &Layout) -> Result<()> {
    let alias = Path::new("/sys/class/net").join(address::BRIDGE).join("ifalias");
    let Ok(owner) = fs::read_to_string(alias) else { return Ok(()) };
    let (owner, ours) = (owner.trim(), layout.cache().display().to_string());
    ensure!(
        owner.is_empty() || owner == ours,
        "this machine already runs a cluster, kept in {owner} (ours would be {ours}); end that one \
         with `cluster down`, or use the same XDG_CACHE_HOME or HOME"
    );
    Ok(())
}

/// Bridged traffic must pass the packet filter, or a pod's packets to a service come back from
/// an address it never asked. Settings that are right already are not written.
fn kernel_settings() -> Result<()> {
    let bridge = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if !Path::new(bridge).exists() {
        succeeds(Command::new("modprobe").arg("br_netfilter"));
    }
    for file in ["/proc/sys/net/ipv4/ip_forward", bridge] {
        let now = fs::read_to_string(file)
            .with_context(|| format!("read {file} (is the kernel module br_netfilter there?)"))?;
        if now.trim() != "1" {
            fs::write(file, "1").with_context(|| format!("write 1 to {file}"))?;
        }
    }
    Ok(())
}

fn load_rules(rules: &str) -> Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start nft")?;
    if let Some(mut input) = nft.stdin.take() {
        input.write_all(rules.as_bytes()).context("hand rules to nft")?;
    }
    let output = nft.wait_with_output().context("wait for nft")?;
    if !output.status.success() {
        bail!("nft: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
