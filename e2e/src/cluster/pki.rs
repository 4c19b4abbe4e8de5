//! The cluster's certificates: one authority, made anew with each cluster and gone with it.
//!
//! Not here: who is called with which file ([`super::component`]).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

use super::address;
use super::layout::Layout;
use super::member;

/// A certificate's subject, with the addresses it serves, if it serves any.
struct Subject {
    file: &'static str,
    name: &'static str,
    group: Option<&'static str>,
    addresses: &'static [&'static str],
}

const NODE_USERS: [&str; 2] = ["system:node:claudetask-node", "system:node:claudetask-node-b"];
const NODES: Option<&str> = Some("system:nodes");
const ADMINISTRATORS: Option<&str> = Some("system:masters");

/// Users and groups are the ones that Kubernetes' built-in roles are bound to.
const SUBJECTS: &[Subject] = &[
    Subject { file: "etcd", name: "etcd", group: None, addresses: &["127.0.0.1", "localhost"] },
    Subject {
        file: "apiserver",
        name: "kube-apiserver",
        group: None,
        addresses: &[
            address::NODE,
            address::API_SERVICE,
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ],
    },
    Subject { file: "apiserver-to-etcd", name: "kube-apiserver", group: None, addresses: &[] },
    Subject {
        file: "apiserver-to-kubelet",
        name: "apiserver-to-kubelet",
        group: ADMINISTRATORS,
        addresses: &[],
    },
    Subject {
        file: member::FIRST.kubelet,
        name: NODE_USERS[0],
        group: NODES,
        addresses: &[address::NODE],
    },
    Subject {
        file: member::SECOND.kubelet,
        name: NODE_USERS[1],
        group: NODES,
        addresses: &[address::NODE],
    },
    Subject {
        file: "controllers",
        name: "system:kube-controller-manager",
        group: None,
        addresses: &[],
    },
    Subject { file: "scheduler", name: "system:kube-scheduler", group: None, addresses: &[] },
    Subject { file: "proxy", name: "system:kube-proxy", group: None, addresses: &[] },
    Subject { file: "admin", name: "claudetask-admin", group: ADMINISTRATORS, addresses: &[] },
];

/// The subjects that get a kubeconfig, which holds certificate and key.
const CLIENTS: &[&str] =
    &[member::FIRST.kubelet, member::SECOND.kubelet, "controllers", "scheduler", "proxy", "admin"];

/// Paths of certificates, keys and kubeconfigs in one directory.
#[derive(Clone, Debug)]
pub struct Pki {
    directory: PathBuf,
}

impl Pki {
    /// The files' names in `directory`, whether they exist or not.
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The files' names in the cluster's directory of this layout.
    pub fn of(layout: &Layout) -> Self {
        Self::at(layout.state("pki"))
    }

    /// Makes the authority, every certificate, the service accounts' key and the kubeconfigs.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("create {}", self.directory.display()))?;
        let authority = authority().context("make the certificate authority")?;
        write_private(&self.authority(), &authority.pem())?;
        let accounts = KeyPair::generate().context("make the service accounts' key")?;
        write_private(&self.service_accounts(), &accounts.serialize_pem())?;
        write_private(&self.service_accounts_public(), &accounts.public_key_pem())?;
        for subject in SUBJECTS {
            let key = KeyPair::generate().context("make a key")?;
            let certificate = parameters(subject)
                .and_then(|parameters| parameters.signed_by(&key, &authority))
                .with_context(|| format!("make the certificate {}", subject.file))?
                .pem();
            let key = key.serialize_pem();
            write_private(&self.certificate(subject.file), &certificate)?;
            write_private(&self.key(subject.file), &key)?;
            if CLIENTS.contains(&subject.file) {
                let text = kubeconfig(&authority.pem(), &certificate, &key);
                write_private(&self.kubeconfig(subject.file), &text)?;
            }
        }
        Ok(())
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// The key that signs service-account tokens.
    pub fn service_accounts(&self) -> PathBuf {
        self.directory.join("service-accounts.key")
    }

    /// Its public half, by which the apiserver recognises the tokens.
    pub fn service_accounts_public(&self) -> PathBuf {
        self.directory.join("service-accounts.pub")
    }

    /// A certificate.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.crt"))
    }

    /// A certificate's key.
    pub fn key(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.key"))
    }

    /// A client's kubeconfig.
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.kubeconfig"))
    }
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name = named("claudetask-e2e", None);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
}

fn parameters(subject: &Subject) -> Result<CertificateParams, rcgen::Error> {
    let addresses: Vec<String> = subject.addresses.iter().map(ToString::to_string).collect();
    let mut parameters = CertificateParams::new(addresses)?;
    parameters.distinguished_name = named(subject.name, subject.group);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if !subject.addresses.is_empty() {
        parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

fn named(name: &str, group: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(group) = group {
        subject.push(DnType::OrganizationName, group);
    }
    subject.push(DnType::CommonName, name);
    subject
}

fn kubeconfig(authority: &str, certificate: &str, key: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: claudetask-e2e
contexts:
- name: claudetask-e2e
  context: {{cluster: claudetask-e2e, user: claudetask-e2e}}
clusters:
- name: claudetask-e2e
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: claudetask-e2e
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
",
        server = address::api_url(),
        authority = STANDARD.encode(authority),
        certificate = STANDARD.encode(certificate),
        key = STANDARD.encode(key),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::member::Member;
    use super::*;

    #[test]
    fn every_file_is_made_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::at(folder.path().join("pki"));
        pki.create().unwrap();
        for entry in fs::read_dir(folder.path().join("pki")).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        }
        let admin = kube::config::Kubeconfig::read_from(pki.kubeconfig("admin")).unwrap();
        assert_eq!(admin.current_context.as_deref(), Some("claudetask-e2e"));
        assert!(pki.certificate("apiserver").exists() && pki.key("etcd").exists());
    }

    #[test]
    fn the_nodes_are_known_by_the_names_they_register_with() {
        assert_eq!(NODE_USERS.map(str::to_owned), member::ALL.map(Member::user));
    }
}
