//! What the environment tells the runner: the only place that reads it.
//!
//! Not here: directories and programs ([`crate::place`]), command line (the binary).

use std::collections::BTreeMap;
use std::path::PathBuf;

use crd::{TaskDocument, names};

use crate::place::Place;

/// The task as this container knows it.
#[derive(Clone)]
pub struct Config {
    /// The task.
    pub document: TaskDocument,
    /// The prompt; agent containers only.
    pub prompt: Option<String>,
    /// Model credentials and address, those of [`names::MODEL_KEYS`] that are set and not empty;
    /// agent containers only.
    pub model: BTreeMap<String, String>,
    /// This program, which git starts as its credential helper.
    pub program: PathBuf,
    /// The Claude Code CLI; agent containers only.
    pub claude: PathBuf,
    /// Where Claude Code and the task's own commands find programs, as in `PATH`.
    pub path: String,
}

/// The environment is not the one that the operator makes.
#[derive(Debug, thiserror::Error)]
pub enum Misconfigured {
    /// The document is not there.
    #[error(
        "the variable {} is not set: this program runs in the containers of a ClaudeTask",
        names::ENV_DOCUMENT
    )]
    NoDocument,
    /// The document is of another version, or damaged.
    #[error("the variable {var} holds no task document: {0}", var = names::ENV_DOCUMENT)]
    Document(#[from] serde_json::Error),
}

impl Config {
    /// Reads the environment of a container at `place`.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is no task in it.
    pub fn from_env(place: &Place) -> Result<Self, Misconfigured> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let document = read(names::ENV_DOCUMENT).ok_or(Misconfigured::NoDocument)?;
        let model =
            names::MODEL_KEYS.iter().filter_map(|key| Some(((*key).to_owned(), read(key)?)));
        Ok(Self {
            document: serde_json::from_str(&document)?,
            prompt: read(names::ENV_PROMPT),
            model: model.collect(),
            program: place.program.clone(),
            claude: place.claude.clone(),
            path: place.path.clone(),
        })
    }
}
