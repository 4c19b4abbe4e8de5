//! What the server's handlers share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::accounts::Accounts;
use super::journal::Journal;
use super::rules::Rules;

/// How a server is set up.
#[derive(Clone)]
pub struct Settings {
    /// Directory of the repositories; must exist and be writable.
    pub root: PathBuf,
    /// Who may do what.
    pub accounts: Accounts,
}

/// Where requests below `/redirect/<name>/` are sent.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redirect {
    /// Address before the rest of the path, such as `http://elsewhere:8080`.
    pub to: String,
    /// Asks for an account first and redirects only with one.
    #[serde(default)]
    pub after_login: bool,
}

/// Settings and everything that changes while the server runs.
pub struct State {
    /// How the server is set up.
    pub settings: Settings,
    rules: Mutex<Rules>,
    journal: Mutex<Journal>,
    redirects: Mutex<BTreeMap<String, Redirect>>,
    tunnels: Mutex<Vec<String>>,
}

impl State {
    /// A server that nobody has asked anything yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            rules: Mutex::default(),
            journal: Mutex::default(),
            redirects: Mutex::default(),
            tunnels: Mutex::default(),
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests so far.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the proxy's tunnels led so far.
    pub fn tunnels(&self) -> MutexGuard<'_, Vec<String>> {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The redirects by name.
    pub fn redirects(&self) -> MutexGuard<'_, BTreeMap<String, Redirect>> {
        self.redirects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
