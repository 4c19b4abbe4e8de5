//! Files of one's own side: written whole or not at all.
//!
//! Not here: reading what the agent side wrote ([`crate::handoff`]).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file of a shared directory cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
    /// The content is not what this version writes.
    #[error("{0} is damaged: {1}")]
    Damaged(String, #[source] serde_json::Error),
}

/// Writes `bytes` to `dir/name` under a temporary name and renames it, so a reader sees all or
/// nothing.
///
/// # Errors
/// [`StoreError::Io`].
pub fn publish(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = dir.join(format!(".{name}.new"));
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, dir.join(name)))
        .map_err(|error| StoreError::Io(name.to_owned(), error))
}

/// [`publish`] as JSON.
///
/// # Errors
/// [`StoreError`].
pub fn publish_json<T: Serialize>(dir: &Path, name: &str, value: &T) -> Result<(), StoreError> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| StoreError::Damaged(name.to_owned(), error))?;
    publish(dir, name, &bytes)
}

/// Reads JSON of one's own side; nothing when the file is not there.
///
/// # Errors
/// [`StoreError`].
pub fn read_json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>, StoreError> {
    let bytes = match fs::read(dir.join(name)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::Io(name.to_owned(), error)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| StoreError::Damaged(name.to_owned(), error))
}
