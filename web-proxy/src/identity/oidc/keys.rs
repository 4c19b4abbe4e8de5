//! The keys by which the identity provider signs, as they were last fetched.
//!
//! Providers change their keys at any time, and say so only by using the new one. Not here: which
//! key a token needs.

use std::sync::Arc;

use crd::errors::chain;
use jiff::{SignedDuration, Timestamp};
use openidconnect::JsonWebKeySetUrl;
use openidconnect::core::CoreJsonWebKeySet;
use tokio::sync::{Mutex, RwLock};

use super::error::{Error, Upstream};
use super::http::Http;

/// Between two fetches at least: anybody can send a token with a key that is unknown.
const SELDOM: SignedDuration = SignedDuration::from_mins(1);

/// How long keys are believed without asking: so long a withdrawn one still counts.
const STALE: SignedDuration = SignedDuration::from_hours(1);

/// The provider's keys.
#[derive(Debug)]
pub struct Keys {
    url: JsonWebKeySetUrl,
    known: RwLock<Arc<CoreJsonWebKeySet>>,
    /// When they were last asked for; held while they are.
    asked: Mutex<Timestamp>,
}

impl Keys {
    /// Keys that were fetched now.
    pub fn new(url: JsonWebKeySetUrl, keys: CoreJsonWebKeySet, now: Timestamp) -> Self {
        Self { url, known: RwLock::new(Arc::new(keys)), asked: Mutex::new(now) }
    }

    /// The keys, fetched anew when they are stale. A provider that does not answer keeps nobody out
    /// whom the old keys let in.
    pub async fn current(&self, http: &Http, now: Timestamp) -> Arc<CoreJsonWebKeySet> {
        // Somebody else's fetch is not waited for.
        if let Ok(mut asked) = self.asked.try_lock()
            && now.duration_since(*asked) >= STALE
        {
            *asked = now;
            if let Err(error) = self.fetch(http).await {
                tracing::warn!(error = chain(&error), "keeps the old keys");
            }
        }
        self.known.read().await.clone()
    }

    /// The keys, fetched anew unless they just were.
    pub async fn renewed(
        &self,
        http: &Http,
        now: Timestamp,
    ) -> Result<Arc<CoreJsonWebKeySet>, Error> {
        let mut asked = self.asked.lock().await;
        if now.duration_since(*asked) >= SELDOM {
            *asked = now;
            self.fetch(http).await?;
        }
        Ok(self.known.read().await.clone())
    }

    async fn fetch(&self, http: &Http) -> Result<(), Error> {
        let keys = CoreJsonWebKeySet::fetch_async(&self.url, http)
            .await
            .map_err(|error| Error::Keys(Upstream::new(&error)))?;
        *self.known.write().await = Arc::new(keys);
        Ok(())
    }
}
