//! Sealed sessions in one Secret of the cluster, a key for each.
//!
//! Each change names one key, and those that have ended, so several webs write to the same Secret
//! without undoing each other's. The Secret must be there: a right to create one cannot be limited to
//! a name. Not here: what is in a sealed session ([`super::seal`]).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::seal::{self, Key};

/// Bytes of all sessions at most: an object of the cluster holds about 1 MiB.
const ROOM: usize = 700_000;
/// How long what was read stands for what is there, so that made-up cookies are no way to keep the
/// apiserver busy.
const FRESH: Duration = Duration::from_secs(1);

type Data = BTreeMap<String, ByteString>;

/// The Secret could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("keeping sessions in the Secret {name}")]
pub struct Unkept {
    name: String,
    #[source]
    source: kube::Error,
}

/// The Secret with the sessions.
pub struct Store {
    secrets: Api<v1::Secret>,
    name: String,
    read: Mutex<Option<(Instant, Data)>>,
}

impl Store {
    /// The Secret of this name, which the client may get and patch.
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        let secrets = Api::namespaced(client, namespace);
        Self { secrets, name: name.to_owned(), read: Mutex::default() }
    }

    /// The sealed session of this key.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Unkept> {
        let mut read = self.read.lock().await;
        let data = self.fresh(&mut read).await?;
        Ok(data.get(&name_of(key)).map(|sealed| sealed.0.clone()))
    }

    /// Adds a sealed session. Those that have ended go, and when there is no room those that end
    /// first.
    pub(super) async fn add(&self, key: &Key, sealed: &[u8], now: Timestamp) -> Result<(), Unkept> {
        let mut read = self.read.lock().await;
        let data = self.fresh(&mut read).await?;
        let mut change: Map<_, _> =
            outgoing(data, sealed.len(), now).map(|name| (name, Value::Null)).collect();
        change.insert(name_of(key), STANDARD.encode(sealed).into());
        self.patch(&mut read, change).await
    }

    /// Removes a session.
    pub(super) async fn remove(&self, key: &Key) -> Result<(), Unkept> {
        let mut read = self.read.lock().await;
        self.patch(&mut read, [(name_of(key), Value::Null)].into_iter().collect()).await
    }

    async fn fresh<'a>(&self, read: &'a mut Option<(Instant, Data)>) -> Result<&'a Data, Unkept> {
        let is_fresh = read.as_ref().is_some_and(|(since, _)| since.elapsed() < FRESH);
        if !is_fresh {
            let secret = self.secrets.get(&self.name).await.map_err(|error| self.unkept(error))?;
            *read = Some((Instant::now(), secret.data.unwrap_or_default()));
        }
        Ok(&read.get_or_insert_with(|| (Instant::now(), Data::new())).1)
    }

    async fn patch(
        &self,
        read: &mut Option<(Instant, Data)>,
        change: Map<String, Value>,
    ) -> Result<(), Unkept> {
        let patch = Patch::Merge(json!({"data": change}));
        // Whatever becomes of it, what was read before is not what is there after.
        *read = None;
        let patched = self.secrets.patch(&self.name, &PatchParams::default(), &patch).await;
        let secret = patched.map_err(|error| self.unkept(error))?;
        *read = Some((Instant::now(), secret.data.unwrap_or_default()));
        Ok(())
    }

    fn unkept(&self, source: kube::Error) -> Unkept {
        Unkept { name: self.name.clone(), source }
    }
}

/// The names of those that have ended, and of those that end first where there is no room for so many
/// bytes more.
fn outgoing(data: &Data, more: usize, now: Timestamp) -> impl Iterator<Item = String> {
    let mut by_end: Vec<_> = data
        .iter()
        .map(|(name, sealed)| (seal::end(&sealed.0), name.clone(), name.len() + sealed.0.len()))
        .collect();
    by_end.sort();
    let mut size = more + by_end.iter().map(|(_, _, size)| size).sum::<usize>();
    by_end.into_iter().map_while(move |(end, name, bytes)| {
        let goes = size > ROOM || end.is_none_or(|end| end <= now);
        size -= bytes;
        goes.then_some(name)
    })
}

fn name_of(key: &Key) -> String {
    key.iter().fold(String::new(), |mut name, byte| {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}
