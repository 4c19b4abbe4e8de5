//! What a command needs to reach its server: login, host keys, certificates, proxy. Each is handed
//! over so that nothing in a repository, an environment or a home directory counts beside it.
//!
//! Not here: the commands themselves ([`crate::git::remote`]), what the Secret must hold
//! ([`crate::credential`]), what Claude Code is told ([`crate::network`]).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crd::network::Proxy;

use crate::address::{self, Transport};
use crate::armor;
use crate::credential::{self, SshLogin, Unusable};
use crate::git::command::GitCommand;
use crate::git::remote::Helper;
use crate::memory_file::MemoryFile;
use crate::network::Network;

/// The certificates that the image trusts (Debian, `ca-certificates`).
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Options of ssh, each with the accident that it prevents (`ssh_config(5)`).
const SSH_OPTIONS: [&str; 21] = [
    // Nobody is there to answer a question.
    "BatchMode=yes",
    // No key but the Secret's is ever offered, and no password.
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PKCS11Provider=none",
    "PreferredAuthentications=publickey",
    // A server that is not known is not talked to, whatever DNS or an earlier visit says.
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "KnownHostsCommand=none",
    "VerifyHostKeyDNS=no",
    "UpdateHostKeys=no",
    // Addresses change behind a name; the name is what the key is for.
    "CheckHostIP=no",
    // The server gets nothing of this container: no agent, port, screen or command.
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    // No connection is left behind for a later command, or taken from an earlier one.
    "ControlPath=none",
    // A server that does not answer is given up: at once, or within two minutes of silence. A slow
    // hook does not count, because the server itself still answers.
    "ConnectTimeout=30",
    "ServerAliveInterval=30",
    "ServerAliveCountMax=4",
    // Banners and notes are no errors.
    "LogLevel=ERROR",
];

/// What is needed for a server cannot be handed over.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// The Secret is not for it, or incomplete.
    #[error("{0}; nothing was sent")]
    Secret(#[from] Unusable),
    /// The installation's certificates are none.
    #[error(
        "the operator's trust bundle holds no certificates in PEM format: the administrator must correct its ConfigMap"
    )]
    TrustBundle,
    /// The system refused.
    #[error("certificates and keys cannot be handed to git: {0}")]
    Io(#[from] io::Error),
}

/// Files that a command reads as long as this lives.
#[must_use]
#[derive(Debug, Default)]
pub struct Lent(Vec<MemoryFile>);

impl Lent {
    fn lend(&mut self, content: &str) -> io::Result<PathBuf> {
        let file = MemoryFile::new(content.as_bytes())?;
        let path = file.path();
        self.0.push(file);
        Ok(path)
    }
}

/// Gives `command` what it needs for the server of `url`, and `helper`'s login if there is one.
///
/// # Errors
/// [`Unready`].
pub fn equip(
    command: GitCommand,
    url: &str,
    network: &Network,
    helper: Option<&Helper>,
) -> Result<(GitCommand, Lent), Unready> {
    let mut lent = Lent::default();
    let command = match address::transport(url) {
        Some(Transport::Ssh) => {
            let helper = helper.ok_or(Unusable::Unnamed)?;
            let login = credential::ssh(&helper.directory, url)?;
            command
                .env("GIT_SSH_COMMAND", ssh(&login, &mut lent)?)
                // Git need not try out which program that is.
                .env("GIT_SSH_VARIANT", "ssh")
        }
        Some(transport) => {
            let directory = helper.map(|helper| helper.directory.as_path());
            let command = through_proxy(command, &network.proxy, transport);
            let command = match authorities(network.trust_bundle.as_deref(), directory)? {
                None => command,
                Some(bundle) => trusting(command, &lent.lend(&bundle)?),
            };
            with_login(command, helper)
        }
        None => with_login(command, helper),
    };
    Ok((command, lent))
}

/// Everything that is trusted, when that is more than the image's own certificates: git takes one
/// file only.
fn authorities(bundle: Option<&Path>, secret: Option<&Path>) -> Result<Option<String>, Unready> {
    let own = secret.map_or(Ok(None), credential::authorities)?;
    let installation = match bundle {
        None => None,
        Some(file) => {
            let text = fs::read_to_string(file)?;
            Some(armor::certificates(&text).ok_or(Unready::TrustBundle)?)
        }
    };
    if own.is_none() && installation.is_none() {
        return Ok(None);
    }
    let system = fs::read_to_string(SYSTEM_BUNDLE).unwrap_or_default();
    let added = [installation, own].map(Option::unwrap_or_default);
    Ok(Some(format!("{}\n{}", system.trim_end(), added.concat())))
}

/// The setting outranks what a repository says, and an empty one means none.
fn through_proxy(command: GitCommand, proxy: &Proxy, transport: Transport) -> GitCommand {
    let address = if transport == Transport::Http { &proxy.http } else { &proxy.https };
    let command = command.setting("http.proxy", address);
    if proxy.none.is_empty() {
        return command;
    }
    command.env("NO_PROXY", &proxy.none).env("no_proxy", &proxy.none)
}

fn trusting(command: GitCommand, bundle: &Path) -> GitCommand {
    let bundle = bundle.display().to_string();
    command.setting("http.sslCAInfo", &bundle).setting("http.proxySSLCAInfo", bundle)
}

fn with_login(command: GitCommand, helper: Option<&Helper>) -> GitCommand {
    let Some(Helper { program, directory }) = helper else { return command };
    let quote = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let helper = format!("!{} credential --directory {}", quote(program), quote(directory));
    command.setting("credential.helper", helper)
}

/// The command line of ssh, without any configuration file.
fn ssh(login: &SshLogin, lent: &mut Lent) -> io::Result<String> {
    let key = lent.lend(&login.key)?;
    let hosts = lent.lend(&login.hosts)?;
    let options = SSH_OPTIONS.map(|option| format!(" -o {option}")).concat();
    Ok(format!(
        "ssh -F /dev/null{options} -o IdentityFile={} -o UserKnownHostsFile={}",
        key.display(),
        hosts.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dirs::Dirs;
    use crate::git::{Git, Stop};

    const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    /// A container with this Secret.
    fn container(keys: &[(&str, &str)]) -> (tempfile::TempDir, Dirs, Helper) {
        let root = tempfile::tempdir().unwrap();
        let dirs = Dirs::below(root.path()).unwrap();
        for (key, value) in keys {
            fs::write(dirs.credentials.join(key), value).unwrap();
        }
        let helper = Helper { program: "runner".into(), directory: dirs.credentials.clone() };
        (root, dirs, helper)
    }

    /// What git's own child sees when git is equipped for `url`: environment, and the settings.
    fn seen(dirs: &Dirs, url: &str, network: &Network, helper: Option<&Helper>) -> String {
        let show = "!env; git config --list; tr '\\0' ' ' </proc/$PPID/cmdline";
        let git = Git::worktree(dirs, &dirs.home, &Stop::default());
        let command = git.command("show-all").setting("alias.show-all", show);
        let (command, _lent) = equip(command, url, network, helper).unwrap();
        String::from_utf8(command.run().unwrap()).unwrap()
    }

    #[test]
    fn an_ssh_key_is_in_no_argument_and_in_no_variable() {
        let url = "git@git.example.com:acme/shop.git";
        let keys = [("url", url), ("ssh-privatekey", KEY), ("known_hosts", "h ssh-rsa canary")];
        let (_root, dirs, helper) = container(&keys);
        let proxy = Proxy { https: "http://p:1".to_owned(), ..Proxy::default() };
        let network = Network { proxy, ..Network::default() };
        let seen = seen(&dirs, url, &network, Some(&helper));
        assert!(seen.contains("GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes"), "{seen}");
        assert!(seen.contains("-o IdentityFile=/proc/"), "{seen}");
        assert!(!seen.contains("canary") && !seen.contains("http://p:1"), "{seen}");
    }

    #[test]
    fn a_proxy_is_for_its_scheme_and_outranks_the_repositorys() {
        let (_root, dirs, _) = container(&[]);
        let proxy = Proxy {
            http: "http://plain:1".to_owned(),
            https: "http://safe:1".to_owned(),
            none: ".svc".to_owned(),
        };
        let network = Network { proxy, ..Network::default() };
        let https = seen(&dirs, "https://git.example.com/a.git", &network, None);
        assert!(https.contains("http.proxy=http://safe:1") && https.contains("no_proxy=.svc"));
        let http = seen(&dirs, "http://git.example.com/a.git", &network, None);
        assert!(http.contains("http.proxy=http://plain:1"), "{http}");
        let none = seen(&dirs, "https://git.example.com/a.git", &Network::default(), None);
        assert!(none.contains("http.proxy=\n") && !none.contains("no_proxy"), "{none}");
    }

    #[test]
    fn own_certificates_are_added_to_the_usual_ones() {
        let (_root, dirs, helper) = container(&[("ca.crt", CERTIFICATE)]);
        let bundle = dirs.trust.join("ca.crt");
        fs::write(&bundle, CERTIFICATE.replace("MIIB", "MIIC")).unwrap();
        let all = authorities(Some(&bundle), Some(&helper.directory)).unwrap().unwrap();
        assert!(all.contains("\nMIIB\n") && all.contains("\nMIIC\n"), "{all}");
        let system = fs::read_to_string(SYSTEM_BUNDLE).unwrap_or_default();
        assert!(all.starts_with(system.trim_end()));
        assert_eq!(authorities(None, None).unwrap(), None);
        fs::write(&bundle, "nothing").unwrap();
        assert!(matches!(authorities(Some(&bundle), None), Err(Unready::TrustBundle)));
    }

    #[test]
    fn ssh_without_a_secret_is_refused() {
        let (_root, dirs, _) = container(&[]);
        let git = Git::worktree(&dirs, &dirs.home, &Stop::default());
        let equipped = equip(git.command("x"), "git@h:a/b", &Network::default(), None).map(|_| ());
        assert!(matches!(equipped, Err(Unready::Secret(Unusable::Unnamed))));
    }
}
