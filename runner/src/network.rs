//! How this installation reaches the network: proxies, and certificates to trust.
//!
//! Not here: how git is told ([`crate::git::transport`]).

use std::path::PathBuf;

use crd::RunnerSettings;
use crd::network::Proxy;

use crate::dirs::Dirs;

/// Settings of the operator as a container sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Certificates that are trusted besides the image's own, in PEM format.
    pub trust_bundle: Option<PathBuf>,
    /// Proxies; not for ssh.
    pub proxy: Proxy,
}

impl Network {
    /// What the operator has set and mounted.
    pub fn new(settings: &RunnerSettings, dirs: &Dirs) -> Self {
        Self { trust_bundle: dirs.trust_bundle(), proxy: settings.proxy.clone() }
    }

    /// The variables for Claude Code and for what is started in the work tree. Claude Code and
    /// every program on Node add the certificates to their own (seen with version 2.1.330).
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables: Vec<_> = self
            .proxy
            .variables()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if let Some(bundle) = &self.trust_bundle {
            variables.push(("NODE_EXTRA_CA_CERTS".to_owned(), bundle.display().to_string()));
        }
        variables
    }
}
