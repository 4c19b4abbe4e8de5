//! Who asks, in one of three ways: by a bearer token that the apiserver vouches for, by signing in at
//! an identity provider ([`oidc`]), or by the headers of an authenticating proxy ([`header`]).
//!
//! A browser is remembered by a [`session`]. Not here: what the caller may do ([`crate::access`]).

pub mod cookie;
pub mod header;
pub mod login;
pub mod oidc;
pub mod refuse;
pub mod review;
pub mod session;

use std::net::IpAddr;
use std::sync::Arc;

use crd::errors::chain;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use kube::Client;

use crate::caller::{Caller, Credential, Means, Secret, User};
use login::Logins;
use review::{Reviews, Unreviewed};
use session::{Holder, Sessions};

/// How people prove who they are.
pub enum Way {
    /// With a token that the apiserver vouches for.
    Token,
    /// At an identity provider.
    Oidc(Arc<Logins>),
    /// By what the authenticating proxy in front says.
    Header(header::Settings),
}

/// Finds out who asks.
pub struct Gate {
    /// How people prove who they are.
    pub way: Way,
    /// What browsers are remembered by.
    pub sessions: Sessions,
    reviews: Reviews,
}

impl Gate {
    /// Asks the apiserver through this client, which may create `TokenReviews`.
    pub fn new(client: Client, way: Way, sessions: Sessions) -> Self {
        Self { way, sessions, reviews: Reviews::new(client) }
    }

    /// Who sent a request with these headers, over a connection from this address; none when it says
    /// nothing, or nothing that holds.
    ///
    /// # Errors
    /// When the apiserver does not answer; nobody is let in then.
    pub async fn caller(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Caller>, Unreviewed> {
        if let Way::Header(settings) = &self.way {
            let named = peer.map(|peer| header::caller(settings, peer, headers));
            return Ok(named.and_then(|named| {
                named.inspect_err(|error| tracing::info!(error = chain(error), "refused")).ok()
            }));
        }
        if let Some(token) = bearer(headers) {
            return self.bearer(token, now).await;
        }
        let Some(cookie) = session::COOKIE.read(headers) else { return Ok(None) };
        let Some(session) = self.sessions.get(cookie, now).await else { return Ok(None) };
        let caller = match session.holder {
            Holder::Token(token) => self.holder(token, Means::Cookie).await?,
            Holder::Person(person) => Some(Caller::impersonated(person, Means::Cookie, None)),
        };
        let (until, cookie) = (Some(session.until), Some(Secret::new(cookie)));
        Ok(caller.map(|caller| Caller { until, cookie, ..caller }))
    }

    /// Whom a program's token is of: the apiserver says so, or the identity provider's signature.
    async fn bearer(&self, token: Secret, now: Timestamp) -> Result<Option<Caller>, Unreviewed> {
        match &self.way {
            Way::Oidc(logins) if logins.impersonates() => {
                let verified = logins.verify(&token, now).await;
                Ok(verified
                    .inspect_err(|error| tracing::info!(error = chain(error), "refused"))
                    .map(|(user, until)| Caller::impersonated(user, Means::Bearer, Some(until)))
                    .ok())
            }
            _ => self.holder(token, Means::Bearer).await,
        }
    }

    async fn holder(&self, token: Secret, means: Means) -> Result<Option<Caller>, Unreviewed> {
        let user = self.user(&token).await?;
        let credential = Credential::Token(token);
        Ok(user.map(|user| Caller { user, credential, means, until: None, cookie: None }))
    }

    /// Who holds this token; none when the apiserver does not take it.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn user(&self, token: &Secret) -> Result<Option<User>, Unreviewed> {
        self.reviews.user(token).await
    }

    /// Whether the caller of an open stream is still who they were.
    pub async fn holds(&self, caller: &Caller, now: Timestamp) -> bool {
        if caller.until.is_some_and(|until| until <= now) {
            return false;
        }
        if let Some(cookie) = &caller.cookie
            && self.sessions.get(cookie.expose(), now).await.is_none()
        {
            return false;
        }
        match &caller.credential {
            Credential::Token(token) => {
                let user = self.user(token).await;
                matches!(user, Ok(Some(user)) if user == caller.user)
            }
            Credential::Impersonation(_) => true,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
        .then(|| Secret::new(token.trim()))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::bearer;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(http::HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let token = |value: &str| {
            bearer(&headers("authorization", value)).map(|token| token.expose().to_owned())
        };
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer abc").as_deref(), Some("abc"));
        for none in ["Basic abc", "Bearer", "Bearer  ", "abc"] {
            assert_eq!(token(none), None, "{none}");
        }
    }
}
