//! Sealed sessions in one Secret of the cluster, a key for each.
//!
//! Each change names one key, and those that have ended, so several webs write to the same Secret
//! without undoing each other's. Nothing asks the apiserver for what is there: one watch brings it
//! ([`super::mirror`]). The Secret must be there: a right to create one cannot be limited to a
//! name. Not here: what is in a sealed session ([`super::seal`]).

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::mirror::{Data, Mirror};
use super::seal::{self, Key};

/// Bytes of all sessions at most: an object of the cluster holds about 1 MiB.
const ROOM: usize = 700_000;
/// How long a write may take; who signs in or out waits for it.
const LIMIT: Duration = Duration::from_secs(3);
/// When a removal that failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a session of another web is waited for: the watch brings it in a moment.
const ON_ITS_WAY: Duration = Duration::from_millis(250);
/// How long the first look at the Secret may take, for one who comes before it.
const FIRST: Duration = Duration::from_secs(3);

/// The Secret could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Unkept {
    /// The apiserver said so.
    #[error("writing sessions to the Secret {0}")]
    Refused(String, #[source] kube::Error),
    /// It said nothing.
    #[error("writing sessions to the Secret {0}: no answer")]
    Late(String),
}

/// The Secret with the sessions.
pub struct Store {
    secrets: Api<v1::Secret>,
    name: String,
    mirror: Mirror,
    /// Sessions whose removal failed, and when they end anyway.
    overdue: Mutex<HashMap<Key, Instant>>,
}

impl Store {
    /// The Secret of this name, which the client may list, watch and patch.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        let secrets = Api::namespaced(client, namespace);
        let (mirror, overdue) = (Mirror::default(), Mutex::default());
        Self { secrets, name: name.to_owned(), mirror, overdue }
    }

    /// Follows the Secret and makes up for removals that failed, for ever.
    pub(super) async fn keep(&self) {
        futures::join!(self.mirror.follow(self.secrets.clone(), &self.name), self.remove_overdue());
    }

    /// Whether the session of this key is there; none while nothing is known of the Secret.
    pub(super) fn has(&self, key: &Key) -> Option<bool> {
        self.mirror.look(|data| data.contains_key(&name_of(key)))
    }

    /// The sealed session of this key. One that another web has just begun is waited for.
    pub(super) async fn find(&self, key: &Key) -> Option<Vec<u8>> {
        let patience = if self.has(key).is_none() { FIRST } else { ON_ITS_WAY };
        self.mirror.find(&name_of(key), patience).await
    }

    /// Adds a sealed session. Those that have ended go, and when there is no room those that end
    /// first.
    pub(super) async fn add(&self, key: &Key, sealed: &[u8], now: Timestamp) -> Result<(), Unkept> {
        let outgoing =
            self.mirror.look(|data| outgoing(data, sealed.len(), now)).unwrap_or_default();
        let mut change: Map<_, _> = outgoing.into_iter().map(|name| (name, Value::Null)).collect();
        change.insert(name_of(key), STANDARD.encode(sealed).into());
        self.patch(change).await
    }

    /// Removes a session that would go on for so long. What fails is tried again.
    pub(super) async fn remove(&self, key: &Key, left: Duration) -> Result<(), Unkept> {
        self.lock().insert(*key, Instant::now() + left);
        self.patch([(name_of(key), Value::Null)].into_iter().collect()).await?;
        self.lock().remove(key);
        Ok(())
    }

    async fn remove_overdue(&self) {
        loop {
            sleep(AGAIN).await;
            let keys: Vec<Key> = {
                let mut overdue = self.lock();
                overdue.retain(|_, end| *end > Instant::now());
                overdue.keys().copied().collect()
            };
            let change: Map<_, _> = keys.iter().map(|key| (name_of(key), Value::Null)).collect();
            if !keys.is_empty() && self.patch(change).await.is_ok() {
                self.lock().retain(|key, _| !keys.contains(key));
            }
        }
    }

    async fn patch(&self, change: Map<String, Value>) -> Result<(), Unkept> {
        let (patch, params) = (Patch::Merge(json!({"data": change})), PatchParams::default());
        let patched = timeout(LIMIT, self.secrets.patch(&self.name, &params, &patch)).await;
        let secret = patched
            .map_err(|_| Unkept::Late(self.name.clone()))?
            .map_err(|error| Unkept::Refused(self.name.clone(), error))?;
        self.mirror.take(secret);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.overdue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of those that have ended, and of those that end first where there is no room for so many
/// bytes more.
fn outgoing(data: &Data, more: usize, now: Timestamp) -> Vec<String> {
    let mut by_end: Vec<_> = data
        .iter()
        .map(|(name, sealed)| (seal::end(&sealed.0), name.clone(), name.len() + sealed.0.len()))
        .collect();
    by_end.sort();
    let mut size = more + by_end.iter().map(|(_, _, size)| size).sum::<usize>();
    let outgoing = by_end.into_iter().map_while(|(end, name, bytes)| {
        let goes = size > ROOM || end.is_none_or(|end| end <= now);
        size -= bytes;
        goes.then_some(name)
    });
    outgoing.collect()
}

fn name_of(key: &Key) -> String {
    key.iter().fold(String::new(), |mut name, byte| {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}
