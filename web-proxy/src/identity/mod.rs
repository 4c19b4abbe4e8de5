//! Who asks: a bearer token that the apiserver vouches for, sent with each request or kept in a
//! session. OpenID Connect ([`oidc`]) and an authenticating proxy in front ([`header`]) are ready to
//! be asked, but no setting leads to them yet.
//!
//! Not here: what the caller may do ([`crate::access`]).

pub mod header;
pub mod oidc;
pub mod refuse;
pub mod review;
pub mod session;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use jiff::Timestamp;
use kube::Client;

use crate::caller::{Caller, Credential, Means, Secret, User};
use review::{Reviews, Unreviewed};
use session::{Holder, Sessions};

/// Finds out who asks.
pub struct Gate {
    reviews: Reviews,
    /// What browsers are remembered by.
    pub sessions: Sessions,
}

impl Gate {
    /// Asks the apiserver through this client, which may create `TokenReviews`.
    pub fn new(client: Client, sessions: Sessions) -> Self {
        Self { reviews: Reviews::new(client), sessions }
    }

    /// Who sent a request with these headers; none when it says nothing, or nothing that holds.
    ///
    /// # Errors
    /// When the apiserver does not answer; nobody is let in then.
    pub async fn caller(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<Caller>, Unreviewed> {
        if let Some(token) = bearer(headers) {
            let user = self.user(&token).await?;
            return Ok(user.map(|user| Caller {
                user,
                credential: Credential::Token(token),
                means: Means::Bearer,
                until: None,
                cookie: None,
            }));
        }
        let Some(cookie) = cookie(headers) else { return Ok(None) };
        let Some(session) = self.sessions.get(cookie, now).await else { return Ok(None) };
        let (user, credential) = match session.holder {
            Holder::Token(token) => match self.user(&token).await? {
                Some(user) => (user, Credential::Token(token)),
                None => return Ok(None),
            },
            Holder::Person(user) => (user, Credential::Impersonation),
        };
        let (until, cookie) = (Some(session.until), Some(Secret::new(cookie)));
        Ok(Some(Caller { user, credential, means: Means::Cookie, until, cookie }))
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
            Credential::Impersonation => true,
        }
    }
}

/// The session's cookie among these headers.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| session::NAMES.contains(&name).then_some(value))
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

    use super::{bearer, cookie};

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

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let found = |value: &str| cookie(&headers("cookie", value)).map(str::to_owned);
        assert_eq!(found("a=1; claudetask-session=xyz; b=2").as_deref(), Some("xyz"));
        assert_eq!(found("__Host-claudetask-session=xyz").as_deref(), Some("xyz"));
        assert_eq!(found("not-claudetask-session=xyz"), None);
    }
}
