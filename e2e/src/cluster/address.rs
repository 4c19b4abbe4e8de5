//! The cluster's addresses and ports: one private bridge that is the node, the pods' network and
//! the apiserver's address at once, and loopback for everything that only neighbours talk to.
//!
//! Not here: who listens where, which is in [`super::component`] and [`super::settings`].

/// The bridge; the kernel allows 15 characters.
pub const BRIDGE: &str = "claudetask0";
/// The nodes, and where apiserver and kubelet listen: the bridge's own address.
pub const NODE: &str = "10.210.0.1";
/// The bridge's address with its prefix length, and the pods' network.
pub const NODE_PREFIX: &str = "10.210.0.1/24";
/// The pods' network.
pub const PODS: &str = "10.210.0.0/24";
/// The services' network.
pub const SERVICES: &str = "10.96.0.0/16";
/// The service `kubernetes`.
pub const API_SERVICE: &str = "10.96.0.1";
/// The service `kube-dns`.
pub const DNS_SERVICE: &str = "10.96.0.10";
/// The cluster's DNS domain.
pub const DOMAIN: &str = "cluster.local";
/// The first node's name.
pub const NODE_NAME: &str = "claudetask-node";

/// The apiserver, on [`NODE`].
pub const API_PORT: u16 = 6443;
/// The first node's kubelet, on [`NODE`].
pub const KUBELET_PORT: u16 = 10250;
/// etcd for its clients, on loopback.
pub const ETCD_PORT: u16 = 21379;
/// etcd for its (absent) peers, on loopback.
pub const ETCD_PEER_PORT: u16 = 21380;
/// The controller manager's metrics, on loopback.
pub const CONTROLLERS_PORT: u16 = 21257;
/// The scheduler's metrics, on loopback.
pub const SCHEDULER_PORT: u16 = 21259;
/// The kubelet's health, on loopback.
pub const KUBELET_HEALTH_PORT: u16 = 21248;
/// The second node's kubelet, on [`NODE`].
pub const SECOND_KUBELET_PORT: u16 = 10251;
/// The second node's kubelet's health, on loopback.
pub const SECOND_KUBELET_HEALTH_PORT: u16 = 21251;
/// kube-proxy's metrics, on loopback.
pub const PROXY_METRICS_PORT: u16 = 21249;
/// kube-proxy's health, on loopback.
pub const PROXY_HEALTH_PORT: u16 = 21256;

/// The apiserver's address for everybody outside of pods.
pub fn api_url() -> String {
    format!("https://{NODE}:{API_PORT}")
}
