//! Sessions of browsers: who signed in stays here, the browser holds a random number.
//!
//! A session is known by the digest of that number and kept sealed under a key made of it, so what
//! is kept opens none. Sessions are in memory and, where there is a [`Store`], in the cluster too:
//! there they outlive a restart, and hold at every replica. No request waits for the apiserver but
//! those that sign in and out. Not here: checking a token ([`super::review`]).

mod mirror;
mod seal;
mod store;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crd::errors::chain;
use jiff::{SignedDuration, Timestamp};

use crate::caller::Secret;
use crate::identity::cookie::{self, Cookie, NoRandom};
use crate::identity::refuse::Impersonated;
use seal::{Key, key};
pub use store::Store;

/// The cookie of a session.
pub const COOKIE: Cookie =
    Cookie { names: ["__Host-claudetask-session", "claudetask-session"], same_site: "Strict" };

/// Sessions at most; beyond it the one that ends first goes.
const MOST: usize = 10_000;

/// What is remembered of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub holder: Holder,
    /// When the session ends, whatever a token's own end.
    pub until: Timestamp,
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Who holds this token, whoever that is.
    Token(Secret),
    /// Somebody whom an identity provider named, to be impersonated.
    Person(Impersonated),
}

/// All sessions.
pub struct Sessions {
    lifetime: SignedDuration,
    /// Whether browsers send the cookie over https only.
    secure: bool,
    kept: Mutex<HashMap<Key, Known>>,
    store: Option<Store>,
}

/// A session as this process knows it.
#[derive(Clone)]
struct Known {
    /// None when it has ended here, which the store may not know.
    session: Option<Session>,
    until: Timestamp,
    /// Whether the store has had it.
    stored: bool,
}

impl Sessions {
    /// Sessions of this lifetime, for pages over https when `secure`; in memory only without a store.
    pub fn new(lifetime: SignedDuration, secure: bool, store: Option<Store>) -> Self {
        Self { lifetime, secure, kept: Mutex::default(), store }
    }

    /// Begins a session and gives the text for the Set-Cookie header. It ends with its lifetime, or
    /// at `end` if that is earlier.
    ///
    /// # Errors
    /// When there is no random number to name it by.
    pub async fn begin(
        &self,
        holder: Holder,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<String, NoRandom> {
        let value = cookie::value()?;
        let latest = crd::span::after(now, self.lifetime);
        let until = end.map_or(latest, |end| end.min(latest));
        let session = Session { holder, until };
        let stored = self.write(&value, &session, now).await;
        self.remember(key(&value), Known { session: Some(session), until, stored }, now);
        Ok(COOKIE.set(&value, until.duration_since(now).as_secs(), self.secure))
    }

    /// The session of this cookie, unless it has ended.
    pub async fn get(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        let key = key(cookie);
        let known = self.lock().get(&key).cloned();
        let known = match (known, &self.store) {
            // What was there and is not any more was ended by another web.
            (Some(known), Some(store)) if known.stored && store.has(&key) == Some(false) => {
                self.lock().remove(&key);
                None
            }
            (None, Some(store)) => self.find(store, cookie, now).await,
            (known, _) => known,
        };
        known?.session.filter(|session| session.until > now)
    }

    /// Follows what is kept in the cluster, for ever.
    pub async fn keep(&self) {
        match &self.store {
            Some(store) => store.keep().await,
            None => std::future::pending().await,
        }
    }

    /// Ends the session of this cookie and gives the text for the Set-Cookie header.
    pub async fn end(&self, cookie: &str, now: Timestamp) -> String {
        // A made-up cookie is no reason to write to the cluster.
        if let Some(session) = self.get(cookie, now).await {
            let left = session.until.duration_since(now).unsigned_abs();
            self.forget(key(cookie), left).await;
        }
        COOKIE.set("", 0, self.secure)
    }

    async fn forget(&self, key: Key, left: Duration) {
        self.lock().entry(key).and_modify(|known| known.session = None);
        if let Some(store) = &self.store
            && let Err(error) = store.remove(&key, left).await
        {
            tracing::warn!(error = chain(&error), "a session has ended at this web only, so far");
        }
    }

    /// Whether the store has it now.
    async fn write(&self, cookie: &str, session: &Session, now: Timestamp) -> bool {
        let Some(store) = &self.store else { return false };
        let Some(sealed) = seal::seal(cookie, session) else { return false };
        match store.add(&key(cookie), &sealed, now).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = chain(&error), "a session will not outlive a restart");
                false
            }
        }
    }

    /// A session that was begun before a restart, or at another web.
    async fn find(&self, store: &Store, cookie: &str, now: Timestamp) -> Option<Known> {
        let key = key(cookie);
        let sealed = store.find(&key).await?;
        let session = seal::open(cookie, &sealed)?;
        let until = session.until;
        let known = Known { session: Some(session), until, stored: true };
        self.remember(key, known.clone(), now);
        Some(known)
    }

    fn remember(&self, key: Key, known: Known, now: Timestamp) {
        let mut kept = self.lock();
        kept.retain(|_, known| known.until > now);
        if kept.len() >= MOST {
            let first = kept.iter().min_by_key(|(_, known)| known.until).map(|(key, _)| *key);
            first.and_then(|first| kept.remove(&first));
        }
        kept.insert(key, known);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
