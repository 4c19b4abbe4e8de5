//! What tells one node of our cluster from another: names, ports, directories, and the part of the
//! pods' addresses that it gives away.
//!
//! Not here: what a node is made of ([`super::settings`], [`super::component`]) and its life
//! ([`super::own`], [`super::second`]).

use std::path::PathBuf;

use super::address;
use super::layout::Layout;

/// A node of our cluster. All of them share the machine, its bridge and its address.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// The name that it registers with.
    pub name: &'static str,
    /// Name of its kubelet's process, certificate and kubeconfig.
    pub kubelet: &'static str,
    /// Name of its container runtime's process.
    pub containerd: &'static str,
    /// Where its kubelet listens, on [`address::NODE`].
    pub kubelet_port: u16,
    /// Its kubelet's health, on loopback.
    pub health_port: u16,
    /// The first and the last address that its pods get.
    pub pods: (&'static str, &'static str),
    /// The cgroup above its pods' cgroups: a kubelet ends what it does not know below its own.
    pub cgroup: Option<&'static str>,
    /// Its directory below the cluster's; none is the cluster's own.
    directory: Option<&'static str>,
}

/// The node that is always there, and runs everything that nothing may happen to.
pub const FIRST: Member = Member {
    name: address::NODE_NAME,
    kubelet: "kubelet",
    containerd: "containerd",
    kubelet_port: address::KUBELET_PORT,
    health_port: address::KUBELET_HEALTH_PORT,
    pods: ("10.210.0.10", "10.210.0.199"),
    cgroup: None,
    directory: None,
};

/// The node to which lethal things are done, started on demand.
pub const SECOND: Member = Member {
    name: "claudetask-node-b",
    kubelet: "kubelet-b",
    containerd: "containerd-b",
    kubelet_port: address::SECOND_KUBELET_PORT,
    health_port: address::SECOND_KUBELET_HEALTH_PORT,
    pods: ("10.210.0.200", "10.210.0.254"),
    cgroup: Some("claudetask-b"),
    directory: Some("node-b"),
};

/// All of them.
pub const ALL: [&Member; 2] = [&FIRST, &SECOND];

impl Member {
    /// Where it keeps everything.
    pub fn directory(&self, layout: &Layout) -> PathBuf {
        self.directory.map_or_else(|| layout.cluster(), |name| layout.state(name))
    }

    /// A file or directory of its own.
    pub fn state(&self, layout: &Layout, name: &str) -> PathBuf {
        self.directory(layout).join(name)
    }

    /// The socket of its container runtime.
    pub fn socket(&self, layout: &Layout) -> PathBuf {
        self.state(layout, "containerd.sock")
    }

    /// The user that its kubelet is to the apiserver (Kubernetes, "Using Node Authorization").
    pub fn user(&self) -> String {
        format!("system:node:{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_share_nothing_that_one_of_them_would_take_from_the_other() {
        let layout = Layout::at(PathBuf::from("/c"));
        let [a, b] = ALL;
        assert_ne!((a.name, a.kubelet, a.containerd), (b.name, b.kubelet, b.containerd));
        assert_ne!(a.socket(&layout), b.socket(&layout));
        let ports = [a.kubelet_port, a.health_port, b.kubelet_port, b.health_port];
        for (place, port) in ports.iter().enumerate() {
            assert!(!ports[..place].contains(port), "{port}");
        }
        let last = |address: &str| -> u8 { address.rsplit('.').next().unwrap().parse().unwrap() };
        assert!(last(a.pods.1) < last(b.pods.0));
        assert!(b.directory(&layout).starts_with(layout.cluster()), "it goes with the cluster");
    }
}
