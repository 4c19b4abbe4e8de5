//! How one play of a scenario ended.
//!
//! Not here: playing it ([`mod@super::run`]).

use std::time::{Duration, Instant};

/// How one play of a scenario ended.
pub struct Report {
    /// The scenario's name, with the place when it is not the cluster.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// The failure, with its causes; none when it passed.
    pub failure: Option<String>,
}

impl Report {
    /// Plays something.
    pub async fn of(name: String, play: impl Future<Output = anyhow::Result<()>>) -> Self {
        let begin = Instant::now();
        let end = play.await;
        Self::new(name, begin, end)
    }

    /// Of something that began then and has ended now.
    pub fn new(name: String, begin: Instant, end: anyhow::Result<()>) -> Self {
        let failure = end.err().map(|error| format!("{error:#}"));
        Self { name, took: begin.elapsed(), failure }
    }
}
