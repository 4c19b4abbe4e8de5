//! What an admin says about the identity provider.
//!
//! Not here: where it is written (the configuration).

use std::path::PathBuf;

use url::{Host, Url};

use crate::caller::Secret;
use crate::identity::oidc::Error;
use crate::identity::refuse::Prefix;

pub(super) const ISSUER: &str = "the issuer";

/// The identity provider, and what its tokens mean here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address of the provider, exactly as its tokens name it: https, except on a loopback host.
    pub issuer: String,
    /// What the provider calls this client.
    pub client_id: String,
    /// The client's secret; none for a public client, which PKCE protects.
    pub client_secret: Option<Secret>,
    /// Where the provider sends the browser back to: the public address and `/login/callback`.
    pub redirect: Url,
    /// Scopes to ask for besides `openid`, such as `email`, `profile` and `groups`.
    pub scopes: Vec<String>,
    /// The claim with the user name: `email`, which then must be verified, `sub`, or any other that
    /// is a text.
    pub username_claim: String,
    /// The claim with the groups: a text or a list of texts; who has none is in no group.
    pub groups_claim: String,
    /// What is put before the name and each group.
    pub prefix: Prefix,
    /// How the apiserver is asked for who logged in.
    pub credential: Delegation,
    /// PEM file of authorities that are trusted besides the system's, for the provider alone.
    pub ca_file: Option<PathBuf>,
}

/// How the apiserver is asked for somebody whom the provider knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Delegation {
    /// The proxy impersonates them.
    Impersonate,
    /// With their ID token: the apiserver trusts the same provider, and its own settings say who
    /// they are.
    Passthrough,
}

impl Settings {
    /// The issuer's address, if these settings can be right.
    ///
    /// # Errors
    /// Which setting cannot be right.
    pub fn check(&self) -> Result<Url, Error> {
        let issuer =
            Url::parse(&self.issuer).map_err(|source| Error::Address { what: ISSUER, source })?;
        secure(ISSUER, &issuer)?;
        for (what, text) in [
            ("client id", &self.client_id),
            ("username claim", &self.username_claim),
            ("groups claim", &self.groups_claim),
        ] {
            if text.is_empty() {
                return Err(Error::Empty(what));
            }
        }
        Ok(issuer)
    }
}

/// An error for an address at which anybody on the way could read and answer.
pub(super) fn secure(what: &'static str, url: &Url) -> Result<(), Error> {
    if is_secure(url) { Ok(()) } else { Err(Error::Insecure { what }) }
}

/// Whether nobody on the way can read and answer.
pub(super) fn is_secure(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_host_may_be_asked_without_tls() {
        for (url, good) in [
            ("https://idp.example.com", true),
            ("http://localhost:8080/realms/a", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://idp.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@idp.example.com", false),
            ("ftp://localhost", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_secure(&Url::parse(url).unwrap()), good, "{url}");
        }
    }
}
