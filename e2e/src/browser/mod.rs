//! A headless Chromium in front of the web, as a person uses it: pages are opened, read, clicked and
//! written in.
//!
//! Not here: what the pages should say ([`crate::scenario`]).

pub mod axe;
mod tab;
mod watch;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chromiumoxide::{Browser as Chromium, BrowserConfig};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

pub use tab::Tab;

/// Debian's program.
const PROGRAM: &str = "/usr/bin/chromium";
/// How long it may take to start and to answer beside everything else that runs.
const LIMIT: Duration = Duration::from_mins(1);
/// One at a time: it takes as much of a machine as several tasks.
static TURN: Semaphore = Semaphore::const_new(1);

/// A running browser with a profile of its own; it ends when it is dropped.
pub struct Browser {
    chromium: Chromium,
    events: JoinHandle<()>,
    _profile: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Browser {
    /// Starts it, once no other one runs.
    pub async fn start() -> Result<Self> {
        let turn = TURN.acquire().await.context("wait for the browser")?;
        let profile = TempDir::new().context("make a directory for the browser")?;
        let config = BrowserConfig::builder()
            .chrome_executable(PROGRAM)
            .user_data_dir(profile.path())
            // Chromium's own sandbox does not work as root.
            .no_sandbox()
            .new_headless_mode()
            .viewport(None)
            .args(["disable-gpu", "no-proxy-server", "mute-audio"])
            .launch_timeout(LIMIT)
            .request_timeout(LIMIT)
            .build()
            .map_err(|error| anyhow!("settings of the browser: {error}"))?;
        let (chromium, mut handler) = Chromium::launch(config).await.context("start Chromium")?;
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Ok(Self { chromium, events, _profile: profile, _turn: turn })
    }

    /// An empty tab for the site at this address.
    pub async fn tab(&self, base: &str) -> Result<Tab> {
        let page = self.chromium.new_page("about:blank").await.context("open a tab")?;
        Tab::of(page, base).await
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        self.chromium.close().await.context("close the browser")?;
        self.chromium.wait().await.context("wait for the browser")?;
        self.events.abort();
        Ok(())
    }
}
