//! The Secret with the sessions as it is now, from a watch of this one object.
//!
//! The answer to a write of this web and the watch come in any order; the newer of them counts, by
//! their resource versions. While the watch is interrupted, what was last seen stays. Not here:
//! writing ([`super::store`]).

use std::collections::BTreeMap;
use std::time::Duration;

use crd::errors::chain;
use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::watch;
use tokio::time::timeout;

/// Sealed sessions by the names of their keys.
pub type Data = BTreeMap<String, ByteString>;

/// What was last seen of the Secret.
#[derive(Default)]
pub struct Mirror(watch::Sender<Option<Seen>>);

struct Seen {
    version: u64,
    data: Data,
}

impl Mirror {
    /// What this says of the sessions that are there; none while nothing is known of the Secret.
    pub fn look<T>(&self, at: impl FnOnce(&Data) -> T) -> Option<T> {
        self.0.borrow().as_ref().map(|seen| at(&seen.data))
    }

    /// The sealed session of this name, for which this long is waited.
    pub async fn find(&self, name: &str, patience: Duration) -> Option<Vec<u8>> {
        let mut seen = self.0.subscribe();
        let is_there =
            |seen: &Option<Seen>| seen.as_ref().is_some_and(|seen| seen.data.contains_key(name));
        let found = timeout(patience, seen.wait_for(is_there)).await.ok()?.ok()?;
        found.as_ref()?.data.get(name).map(|sealed| sealed.0.clone())
    }

    /// Takes the Secret as the apiserver gave it, unless a newer one was seen.
    pub fn take(&self, secret: Secret) {
        let version = secret.metadata.resource_version.and_then(|version| version.parse().ok());
        let fresh =
            Seen { version: version.unwrap_or_default(), data: secret.data.unwrap_or_default() };
        self.0.send_if_modified(|seen| {
            let is_newer = seen.as_ref().is_none_or(|seen| fresh.version >= seen.version);
            if is_newer {
                *seen = Some(fresh);
            }
            is_newer
        });
    }

    /// Follows the Secret of this name for ever; a lost watch is begun again.
    pub async fn follow(&self, secrets: Api<Secret>, name: &str) {
        let mut secret = std::pin::pin!(watcher::watch_object(secrets, name).default_backoff());
        while let Some(event) = secret.next().await {
            match event {
                Ok(Some(secret)) => self.take(secret),
                // Who deletes it ends all sessions.
                Ok(None) => self.0.send_modify(|seen| {
                    seen.get_or_insert_with(|| Seen { version: 0, data: Data::new() }).data.clear();
                }),
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "the watch of the sessions was interrupted"
                    );
                }
            }
        }
    }
}
