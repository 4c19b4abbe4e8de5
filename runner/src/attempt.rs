//! What the git phases share: the task, the directories, the trusted repository, the remote.
//!
//! Not here: how it comes from the environment ([`crate::start`]).

use crd::TaskDocument;
use jiff::Timestamp;

use crate::address::{self, Transport};
use crate::config::Config;
use crate::dirs::Dirs;
use crate::git::remote::Helper;
use crate::git::{Git, Remote, Stop};
use crate::land::Stamp;
use crate::network::Network;
use crate::progress::Progress;

/// One attempt as a git container sees it.
#[derive(Clone)]
pub struct Attempt {
    /// The task.
    pub document: TaskDocument,
    /// The directories.
    pub dirs: Dirs,
    /// The repository on its server.
    pub remote: Remote,
    /// The container's log.
    pub progress: Progress,
    /// When the container must stop.
    pub stop: Stop,
    /// The time.
    pub clock: fn() -> Timestamp,
}

impl Attempt {
    /// The attempt that the environment tells of, at the real remote.
    pub fn new(config: Config, dirs: Dirs, progress: Progress, stop: Stop) -> Self {
        let document = config.document;
        let with = |_: &_| Helper { program: config.program, directory: dirs.credentials.clone() };
        let remote = Remote {
            url: document.repository.url.clone(),
            // Exactly the one that the address names; `clone` has checked that it is allowed.
            protocols: address::transport(&document.repository.url)
                .map_or("none", Transport::protocol),
            helper: document.repository.credentials_secret.as_ref().map(with),
            network: Network::new(&document.settings, &dirs),
            limit: None,
        };
        Self { document, dirs, remote, progress, stop, clock: Timestamp::now }
    }

    /// The same, for what must be brought to its end although the container is to stop.
    #[must_use]
    pub fn steadfast(&self) -> Self {
        Self { stop: self.stop.steadfast(), ..self.clone() }
    }

    /// The same, for what a request to stop must not keep from being saved; SIGTERM counts.
    #[must_use]
    pub fn unasked(&self) -> Self {
        Self { stop: self.stop.unasked(), ..self.clone() }
    }

    /// Git in the trusted repository.
    pub fn git(&self) -> Git {
        Git::bare(&self.dirs, &self.dirs.bare(), &self.stop)
    }

    /// What is written into commits made now.
    pub fn stamp(&self) -> Stamp {
        Stamp::new(&self.document, (self.clock)())
    }
}

/// A task document for tests.
#[cfg(test)]
pub fn sample() -> TaskDocument {
    serde_json::from_value(serde_json::json!({
        "namespace": "demo", "name": "login", "uid": "0f0e", "attempt": 1,
        "repository": {"url": "https://git.example.com/acme/shop.git"},
        "rebase": {}, "push": {}, "branch": "claude/login", "claude": {},
        "checkpointRef": "refs/claudetask/0f0e", "notAfter": "2099-01-01T00:00:00Z",
        "settings": {}
    }))
    .unwrap()
}
