//! The processes that make up the cluster, in the order of their start, with their command lines.
//!
//! Not here: starting and ending them ([`super::process`]).

use std::path::Path;

use super::address;
use super::layout::Layout;
use super::member::{self, Member};
use super::pki::Pki;

/// Who issues the tokens of service accounts, and whom they are for.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// One long-lived process.
#[derive(Clone, Debug)]
pub struct Component {
    /// Name of its log file and its record.
    pub name: &'static str,
    /// What to start, a path or a program's name.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Every component of the cluster with its first node; `programs` holds the one program that is all of Kubernetes.
pub fn all(programs: &Path, layout: &Layout, pki: &Pki) -> Vec<Component> {
    let kubernetes = |name: &'static str, arguments: Vec<String>| Component {
        name,
        program: programs.join(name).display().to_string(),
        arguments,
    };
    let [containerd, kubelet] = of_node(&member::FIRST, programs, layout, pki);
    vec![
        containerd,
        kubernetes("etcd", etcd(layout, pki)),
        kubernetes("kube-apiserver", apiserver(layout, pki)),
        kubernetes("kube-controller-manager", controllers(pki)),
        kubernetes("kube-scheduler", scheduler(pki)),
        kubernetes("kube-proxy", vec![option("config", layout.state("proxy.json").display())]),
        kubelet,
    ]
}

/// Container runtime and kubelet of one node.
pub fn of_node(node: &Member, programs: &Path, layout: &Layout, pki: &Pki) -> [Component; 2] {
    let config = node.state(layout, "containerd.toml");
    let containerd = Component {
        name: node.containerd,
        program: "containerd".to_owned(),
        arguments: vec![option("config", config.display())],
    };
    let kubelet = Component {
        name: node.kubelet,
        program: programs.join("kubelet").display().to_string(),
        arguments: kubelet(node, layout, pki),
    };
    [containerd, kubelet]
}

fn option(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

/// Data that dies with the cluster needs no fsync.
fn etcd(layout: &Layout, pki: &Pki) -> Vec<String> {
    let clients = format!("https://127.0.0.1:{}", address::ETCD_PORT);
    let peers = format!("https://127.0.0.1:{}", address::ETCD_PEER_PORT);
    let (certificate, key) = (pki.certificate("etcd"), pki.key("etcd"));
    vec![
        option("data-dir", layout.state("etcd").display()),
        option("listen-client-urls", &clients),
        option("advertise-client-urls", &clients),
        option("listen-peer-urls", &peers),
        option("initial-advertise-peer-urls", &peers),
        option("initial-cluster", format!("default={peers}")),
        option("cert-file", certificate.display()),
        option("key-file", key.display()),
        option("trusted-ca-file", pki.authority().display()),
        option("peer-cert-file", certificate.display()),
        option("peer-key-file", key.display()),
        option("peer-trusted-ca-file", pki.authority().display()),
        "--client-cert-auth".to_owned(),
        "--peer-client-cert-auth".to_owned(),
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn apiserver(layout: &Layout, pki: &Pki) -> Vec<String> {
    let authority = pki.authority();
    vec![
        option("bind-address", address::NODE),
        option("advertise-address", address::NODE),
        option("secure-port", address::API_PORT),
        option("tls-cert-file", pki.certificate("apiserver").display()),
        option("tls-private-key-file", pki.key("apiserver").display()),
        option("client-ca-file", authority.display()),
        option("etcd-servers", format!("https://127.0.0.1:{}", address::ETCD_PORT)),
        option("etcd-cafile", authority.display()),
        option("etcd-certfile", pki.certificate("apiserver-to-etcd").display()),
        option("etcd-keyfile", pki.key("apiserver-to-etcd").display()),
        option("kubelet-certificate-authority", authority.display()),
        option("kubelet-client-certificate", pki.certificate("apiserver-to-kubelet").display()),
        option("kubelet-client-key", pki.key("apiserver-to-kubelet").display()),
        option("kubelet-preferred-address-types", "InternalIP"),
        option("service-account-issuer", ISSUER),
        option("service-account-key-file", pki.service_accounts_public().display()),
        option("service-account-signing-key-file", pki.service_accounts().display()),
        option("service-cluster-ip-range", address::SERVICES),
        option("authorization-mode", "Node,RBAC"),
        // The last two let a namespace choose the node of its pods.
        option(
            "enable-admission-plugins",
            "NodeRestriction,PodNodeSelector,PodTolerationRestriction",
        ),
        option("audit-policy-file", layout.state("audit-policy.yaml").display()),
        option("audit-log-path", layout.audit_log().display()),
        option("profiling", false),
    ]
}

fn controllers(pki: &Pki) -> Vec<String> {
    vec![
        option("kubeconfig", pki.kubeconfig("controllers").display()),
        option("bind-address", "127.0.0.1"),
        option("secure-port", address::CONTROLLERS_PORT),
        option("leader-elect", false),
        option("use-service-account-credentials", true),
        option("root-ca-file", pki.authority().display()),
        option("service-account-private-key-file", pki.service_accounts().display()),
        option("profiling", false),
    ]
}

fn scheduler(pki: &Pki) -> Vec<String> {
    vec![
        option("kubeconfig", pki.kubeconfig("scheduler").display()),
        option("bind-address", "127.0.0.1"),
        option("secure-port", address::SCHEDULER_PORT),
        option("leader-elect", false),
        option("profiling", false),
    ]
}

fn kubelet(node: &Member, layout: &Layout, pki: &Pki) -> Vec<String> {
    vec![
        option("config", node.state(layout, "kubelet.json").display()),
        option("kubeconfig", pki.kubeconfig(node.kubelet).display()),
        option("root-dir", node.state(layout, "kubelet").display()),
        option("cert-dir", node.state(layout, "kubelet-pki").display()),
        option("hostname-override", node.name),
        option("node-ip", address::NODE),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn nothing_listens_beyond_loopback_and_the_bridge() {
        let layout = Layout::at(PathBuf::from("/cache"));
        let components = all(Path::new("/bin"), &layout, &Pki::at(PathBuf::from("/pki")));
        for component in &components {
            for argument in &component.arguments {
                let listens =
                    ["--listen-", "--bind-address"].iter().any(|name| argument.starts_with(name));
                let allowed = argument.contains("127.0.0.1") || argument.ends_with(address::NODE);
                assert!(!listens || allowed, "{}: {argument}", component.name);
            }
        }
        for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let component = components.iter().find(|component| component.name == name).unwrap();
            assert!(
                component.arguments.iter().any(|one| one.starts_with("--bind-address=")),
                "{name}"
            );
        }
    }
}
