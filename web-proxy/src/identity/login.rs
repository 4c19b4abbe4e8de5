//! Signing in at the identity provider: what is remembered of it between the two halves, and the
//! provider itself, which may be away when this program starts.
//!
//! All that is remembered is made of a cookie of the browser that began, so it may come back to any
//! replica; the cookie is taken from it whatever comes of it, and a provider's code counts once. Not
//! here: what is said to the provider ([`super::oidc`]), and the session that begins
//! ([`super::session`]).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::cookie::{self, Cookie, NoRandom};
use super::oidc::{Delegation, Error, PENDING, Pending, Provider, Settings, SignedIn};
use super::refuse::Impersonated;
use crate::caller::Secret;

/// The cookie of a login: the provider's page sends the browser back, and it comes along then.
pub const COOKIE: Cookie =
    Cookie { names: ["__Host-claudetask-login", "claudetask-login"], same_site: "Lax" };

/// How long after a failure the provider is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The provider, or what it said.
    #[error(transparent)]
    Provider(#[from] Error),
    /// The provider was asked a moment ago, in vain.
    #[error("the identity provider does not answer")]
    Away,
    /// This browser has begun no login.
    #[error("no login was begun in this browser")]
    NotBegun,
    /// There is no cookie to remember the browser by.
    #[error(transparent)]
    Random(#[from] NoRandom),
}

impl Failed {
    /// What the person at the browser may see of it.
    pub fn public(&self) -> String {
        match self {
            Self::Provider(error) => error.public(),
            Self::NotBegun => Error::OtherState.public(),
            Self::Away | Self::Random(_) => {
                "The identity provider cannot be used at the moment. Try again in a moment.".into()
            }
        }
    }
}

/// Logins at an identity provider.
pub struct Logins {
    settings: Settings,
    /// Whether browsers send cookies over https only.
    secure: bool,
    provider: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    provider: Option<Arc<Provider>>,
    tried: Option<Instant>,
}

impl Logins {
    /// Logins by these settings, for pages over https when `secure`. The provider is asked when
    /// somebody wants to sign in.
    ///
    /// # Errors
    /// When the settings cannot be right.
    pub fn new(settings: Settings, secure: bool) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self { settings, secure, provider: Mutex::default() })
    }

    /// Whether the apiserver is asked in the person's name, not with their token.
    pub fn impersonates(&self) -> bool {
        self.settings.credential == Delegation::Impersonate
    }

    /// Begins a login: the address at the provider, and the text for the Set-Cookie header.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub async fn begin(&self, now: Timestamp) -> Result<(Url, String), Failed> {
        let provider = self.provider(now).await?;
        let value = format!("{}.{}", now.as_second(), cookie::value()?);
        let url = provider.begin(&Pending::of(&value, now));
        Ok((url, COOKIE.set(&value, PENDING.as_secs(), self.secure)))
    }

    /// Finishes the login that the browser with this cookie began, with what it brings back.
    ///
    /// # Errors
    /// When it did not begin one, or the provider does not vouch for anybody.
    pub async fn finish(
        &self,
        cookie: Option<&str>,
        state: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Failed> {
        let pending = cookie.and_then(pending).ok_or(Failed::NotBegun)?;
        Ok(self.provider(now).await?.finish(&pending, state, code, now).await?)
    }

    /// Whose an ID token is, and until when.
    ///
    /// # Errors
    /// When it is not the provider's, or does not hold.
    pub async fn verify(
        &self,
        token: &Secret,
        now: Timestamp,
    ) -> Result<(Impersonated, Timestamp), Failed> {
        Ok(self.provider(now).await?.verify(token.expose(), now).await?)
    }

    /// The text for the Set-Cookie header that ends the browser's part of a login.
    pub fn over(&self) -> String {
        COOKIE.set("", 0, self.secure)
    }

    async fn provider(&self, now: Timestamp) -> Result<Arc<Provider>, Failed> {
        let mut found = self.provider.lock().await;
        if let Some(provider) = &found.provider {
            return Ok(Arc::clone(provider));
        }
        if found.tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return Err(Failed::Away);
        }
        found.tried = Some(Instant::now());
        let provider = Arc::new(Provider::discover(self.settings.clone(), now).await?);
        found.provider = Some(Arc::clone(&provider));
        Ok(provider)
    }
}

/// The login that is remembered by this cookie. Who changes the time in it changes all of it.
fn pending(cookie: &str) -> Option<Pending> {
    let (second, _) = cookie.split_once('.')?;
    let at = Timestamp::from_second(second.parse().ok()?).ok()?;
    Some(Pending::of(cookie, at))
}
