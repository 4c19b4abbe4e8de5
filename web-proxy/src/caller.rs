//! Who asks, and how the apiserver is told so.
//!
//! Not here: how somebody proves who they are, and what they may do.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::identity::refuse::Impersonated;

/// Somebody as the apiserver knows them: what RBAC decides by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct User {
    /// User name, such as `ana@example.com` or `system:serviceaccount:team:ana`.
    pub name: String,
    /// UID, where the authenticator gives one.
    pub uid: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Further facts of the authenticator, such as scopes.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The namespace of a service account; none of anybody else.
    pub fn own_namespace(&self) -> Option<&str> {
        let account = self.name.strip_prefix("system:serviceaccount:")?;
        account.split_once(':').map(|(namespace, _)| namespace)
    }
}

/// Text that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

/// With what the apiserver is asked in the caller's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The caller's own bearer token.
    Token(Secret),
    /// The proxy's own token and the caller's name: impersonation.
    Impersonation(Impersonated),
}

/// Where the credential came from, which decides whether a browser may have sent it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A cookie: browsers send it with every request, whoever made them send it.
    Cookie,
    /// The Authorization header: only a program that holds the token sends it.
    Bearer,
    /// A header of the authenticating proxy in front, which browsers are behind.
    Header,
}

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub user: User,
    /// With what the apiserver is asked for them.
    pub credential: Credential,
    /// How it came here.
    pub means: Means,
    /// Until when it holds; none when only asking again tells.
    pub until: Option<Timestamp>,
    /// The cookie of their session.
    pub cookie: Option<Secret>,
}

impl Caller {
    /// Somebody whom the proxy impersonates.
    pub fn impersonated(user: Impersonated, means: Means, until: Option<Timestamp>) -> Self {
        let named = (*user).clone();
        Self {
            user: named,
            credential: Credential::Impersonation(user),
            means,
            until,
            cookie: None,
        }
    }
}
