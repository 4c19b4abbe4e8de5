//! The components' configuration files, as text.
//!
//! Not here: command lines ([`super::component`]), writing the files ([`super::node`]).

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::address;
use super::image::PAUSE;
use super::layout::Layout;
use super::member::{self, Member};
use super::pki::Pki;

/// The name of the pod network, in its configuration and its records.
pub const POD_NETWORK: &str = "claudetask";

/// Taint of the second node: only Pods of namespaces that ask for it go there.
pub const TAINT: &str = "claudetask.dev/lethal";

/// Every request that the apiserver answers, without bodies. Reads of health and version are
/// left out, since they only measure the tools that watch the cluster.
pub const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: [/healthz*, /livez*, /readyz*, /version, /metrics]
- level: Metadata
";

/// containerd's configuration. `restrict_oom_score_adj`: without `CAP_SYS_RESOURCE` no sandbox
/// starts otherwise. Network namespaces lie below the state, where an unmount finds them.
pub fn containerd(layout: &Layout, node: &Member) -> String {
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"#,
        root = node.state(layout, "containerd").display(),
        state = node.state(layout, "containerd-state").display(),
        socket = node.socket(layout).display(),
        networks = node.state(layout, "cni").display(),
    )
}

/// The pod network: the cluster's bridge. Traffic that leaves it is masked by the node's own
/// nftables table, so the plugin writes no rules that a killed cluster would leave behind.
pub fn pod_network(layout: &Layout, node: &Member) -> String {
    let bridge = json!({
        "type": "bridge",
        "bridge": address::BRIDGE,
        "isGateway": true,
        "isDefaultGateway": true,
        "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": node.state(layout, "addresses"),
            "ranges": [[{
                "subnet": address::PODS,
                "rangeStart": node.pods.0,
                "rangeEnd": node.pods.1,
                "gateway": address::NODE,
            }]],
        },
    });
    format!("{:#}\n", json!({"cniVersion": "0.4.0", "name": POD_NETWORK, "plugins": [bridge]}))
}

/// How much memory a kubelet wants to keep free; it evicts Pods when there is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// As little as does no harm.
    None,
    /// More than there ever is.
    Memory,
}

/// The kubelet's configuration. Image collection is off and only memory evicts, because a test
/// must not lose its images to a full disk of the machine.
pub fn kubelet(layout: &Layout, pki: &Pki, node: &Member, pressure: Pressure) -> String {
    let mut settings = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address::NODE,
        "port": node.kubelet_port,
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": node.health_port,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.authority()},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.certificate(node.kubelet),
        "tlsPrivateKeyFile": pki.key(node.kubelet),
        "containerRuntimeEndpoint": format!("unix://{}", node.socket(layout).display()),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "failSwapOn": false,
        "oomScoreAdj": 0,
        "clusterDNS": [address::DNS_SERVICE],
        "clusterDomain": address::DOMAIN,
        "resolvConf": layout.state("resolv.conf"),
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": node.state(layout, "pod-logs"),
        "volumePluginDir": node.state(layout, "volume-plugins"),
        "makeIPTablesUtilChains": false,
    });
    if let Some(cgroup) = node.cgroup {
        set_apart(&mut settings, cgroup, node);
    }
    if pressure == Pressure::Memory {
        run_short(&mut settings);
    }
    format!("{settings:#}\n")
}

/// What a node that tests harm has of its own: a cgroup, a taint, and little patience.
fn set_apart(settings: &mut Value, cgroup: &str, node: &Member) {
    settings["cgroupRoot"] = json!(format!("/{cgroup}"));
    // A test that fills a disk or ends a shortage need not wait for a minute or more.
    settings["volumeStatsAggPeriod"] = json!("5s");
    settings["evictionPressureTransitionPeriod"] = json!("5s");
    settings["registerWithTaints"] =
        json!([{"key": TAINT, "value": node.name, "effect": "NoSchedule"}]);
}

/// Makes any Pod one too many. A hard threshold would also be taken off what the node has to give,
/// and leaves a Pod one second to end.
fn run_short(settings: &mut Value) {
    settings["evictionSoft"] = json!({"memory.available": "99%"});
    settings["evictionSoftGracePeriod"] = json!({"memory.available": "1s"});
    settings["evictionMaxPodGracePeriod"] = json!(60);
}

/// kube-proxy's configuration. Node ports, which nobody needs, stay on the bridge; connection
/// tracking limits of the machine are left alone.
pub fn proxy(pki: &Pki) -> String {
    let settings = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": pki.kubeconfig("proxy")},
        "clusterCIDR": address::PODS,
        "hostnameOverride": address::NODE_NAME,
        "nodePortAddresses": [format!("{}/32", address::NODE)],
        "healthzBindAddress": format!("127.0.0.1:{}", address::PROXY_HEALTH_PORT),
        "metricsBindAddress": format!("127.0.0.1:{}", address::PROXY_METRICS_PORT),
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    format!("{settings:#}\n")
}

/// nftables rules that let pods reach the outside through the machine's own address.
pub fn masquerade() -> String {
    format!(
        "table ip {table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {pods} ip daddr != {pods} masquerade
  }}
}}
",
        table = POD_NETWORK,
        pods = address::PODS,
    )
}

/// The name servers of a `resolv.conf` that a pod can reach: none on loopback.
pub fn reachable_name_servers(resolv_conf: &str) -> Vec<IpAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok())
        .filter(|server: &IpAddr| !server.is_loopback())
        .collect()
}

/// A `resolv.conf` with just these servers.
pub fn resolv_conf(servers: &[IpAddr]) -> String {
    let mut lines: Vec<String> =
        servers.iter().map(|server| format!("nameserver {server}")).collect();
    lines.push(String::new());
    lines.join("\n")
}

/// CoreDNS as manifests; names outside of the cluster go to `servers`, or nowhere.
pub fn dns(servers: &[IpAddr]) -> String {
    let forward = if servers.is_empty() {
        String::new()
    } else {
        let list: Vec<String> = servers.iter().map(ToString::to_string).collect();
        format!("forward . {}", list.join(" "))
    };
    include_str!("../../cluster/coredns.yaml")
        .replace("{domain}", address::DOMAIN)
        .replace("{forward}", &forward)
        .replace("{image}", super::image::COREDNS)
        .replace("{address}", address::DNS_SERVICE)
}

/// A line for the state that tells clusters of different make apart.
pub fn fingerprint(layout: &Layout) -> String {
    let pki = Pki::of(layout);
    let components = super::component::all(Path::new("bin"), layout, &pki);
    let commands = format!("{components:?}");
    let of_nodes = member::ALL.map(|node| {
        let kubelet = kubelet(layout, &pki, node, Pressure::None);
        [containerd(layout, node), pod_network(layout, node), kubelet].concat()
    });
    super::version::key([
        super::version::KUBERNETES,
        super::version::COREDNS,
        AUDIT_POLICY,
        &of_nodes.concat(),
        &proxy(&pki),
        &masquerade(),
        &dns(&[]),
        &commands,
    ])
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn layout() -> Layout {
        Layout::at(PathBuf::from("/cache"))
    }

    #[test]
    fn everything_containerd_keeps_lies_below_the_cluster() {
        let text = containerd(&layout(), &member::FIRST);
        for key in ["root = ", "state = ", "address = ", "conf_dir = "] {
            let line = text.lines().find(|line| line.trim_start().starts_with(key)).unwrap();
            assert!(line.contains("\"/cache/cluster/"), "{line}");
        }
    }

    #[test]
    fn name_servers_on_loopback_are_left_out() {
        let text = "# x\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nnameserver ::1\nsearch a\nnameserver fd00::1\n";
        let servers = reachable_name_servers(text);
        assert_eq!(resolv_conf(&servers), "nameserver 10.1.1.1\nnameserver fd00::1\n");
    }

    #[test]
    fn dns_without_outer_servers_forwards_nothing() {
        assert!(!dns(&[]).contains("forward"));
        let with = dns(&["10.1.1.1".parse().unwrap(), "10.1.1.2".parse().unwrap()]);
        assert!(with.contains("forward . 10.1.1.1 10.1.1.2\n"), "{with}");
        assert!(!with.contains('{') || !with.contains("{domain}"), "{with}");
    }

    #[test]
    fn the_pod_network_uses_the_bridge_and_writes_no_rules_of_its_own() {
        let network: serde_json::Value =
            serde_json::from_str(&pod_network(&layout(), &member::FIRST)).unwrap();
        let bridge = &network["plugins"][0];
        assert_eq!(bridge["bridge"], address::BRIDGE);
        assert!(bridge.get("ipMasq").is_none());
    }

    #[test]
    fn another_cache_directory_is_another_cluster() {
        assert_ne!(fingerprint(&layout()), fingerprint(&Layout::at(PathBuf::from("/other"))));
    }
}
