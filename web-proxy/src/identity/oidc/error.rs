//! What can go wrong with an identity provider.
//!
//! Two texts each: the chain for the log, and what the person at the browser may see, in which
//! there is nothing that the provider or a token said. Not here: which status an answer has.

use std::error::Error as Failure;
use std::fmt;
use std::path::PathBuf;

use crate::identity::refuse::Refused;

/// What we were trying to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings hold no address.
    #[error("reading the address of {what}")]
    Address {
        /// Whose address.
        what: &'static str,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Anybody on the way could answer.
    #[error("{what} must be https, except on a loopback host")]
    Insecure {
        /// Whose address.
        what: &'static str,
    },
    /// The settings leave something out.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// The file of authorities cannot be used.
    #[error("reading the authorities in {file}")]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Upstream,
    },
    /// The TLS client cannot be made.
    #[error("preparing TLS")]
    Tls(#[source] Upstream),
    /// The provider does not say what it is.
    #[error("discovering the identity provider")]
    Discover(#[source] Upstream),
    /// The provider has no token endpoint, so there is no code flow.
    #[error("the identity provider names no token_endpoint")]
    NoTokenEndpoint,
    /// The provider's keys could not be had.
    #[error("fetching the keys of the identity provider")]
    Keys(#[source] Upstream),
    /// The answer belongs to no login of this browser.
    #[error("the state of the answer is not that of the login")]
    OtherState,
    /// The login took too long.
    #[error("the login was begun too long ago")]
    TooLate,
    /// The provider gave no tokens for the code.
    #[error("exchanging the code at the identity provider")]
    Exchange(#[source] Upstream),
    /// The provider gave an access token only.
    #[error("the identity provider gave no ID token")]
    NoIdToken,
    /// The text is no ID token.
    #[error("reading the ID token")]
    Unreadable(#[source] Upstream),
    /// No known key made the signature.
    #[error("finding the key of the ID token")]
    Signature(#[source] Upstream),
    /// The ID token is not for us, or not valid now.
    #[error("checking the ID token")]
    Token(#[source] Upstream),
    /// The ID token was made for another client.
    #[error("the ID token's authorized party (azp) is not this client")]
    AuthorizedParty,
    /// The access token beside the ID token is another one.
    #[error("the ID token's at_hash is not that of the access token")]
    AccessToken,
    /// The token does not hold yet.
    #[error("the ID token is of the future")]
    Future,
    /// Anybody could have given this address.
    #[error("the ID token does not say that the email address is verified")]
    UnverifiedEmail,
    /// The token does not say who it is about.
    #[error("the ID token has no claim {0}")]
    NoClaim(String),
    /// The claim is no text, or no list of texts.
    #[error("the claim {0} of the ID token cannot be read")]
    Claim(String),
    /// Such a user is not impersonated.
    #[error("taking the user of the claim {claim}")]
    Refused {
        /// The claim that has the bad name.
        claim: String,
        /// What is bad.
        source: Refused,
    },
}

impl Error {
    /// What the person at the browser may see of it.
    pub fn public(&self) -> String {
        match self {
            Self::OtherState | Self::TooLate => {
                "This login is too old, or was begun in another window. Please begin again.".into()
            }
            Self::UnverifiedEmail => {
                "The identity provider has not verified your email address.".into()
            }
            Self::NoClaim(claim) | Self::Claim(claim) => {
                format!("The identity provider does not tell your {claim} in a way known here.")
            }
            Self::Refused { claim, source } => {
                format!("Your identity cannot be used here: in the claim {claim}, {source}.")
            }
            Self::Unreadable(_)
            | Self::Signature(_)
            | Self::Token(_)
            | Self::AuthorizedParty
            | Self::AccessToken
            | Self::Future => "The ID token does not count here.".into(),
            _ => "The identity provider cannot be used at the moment.".into(),
        }
    }

    /// Whether newer keys of the provider may help.
    pub(super) fn is_of_keys(&self) -> bool {
        matches!(self, Self::Signature(_))
    }
}

/// What another program said, with its causes, as one short line: it goes to the log and is not to
/// fill or forge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream(String);

impl Upstream {
    /// Takes the words of this error and of its causes.
    pub(super) fn new(error: &dyn Failure) -> Self {
        Self(crd::log::one_line(&crd::errors::chain(error)))
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Failure for Upstream {}
