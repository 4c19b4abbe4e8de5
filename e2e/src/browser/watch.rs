//! What a tab does that no page of ours should: errors, requests to elsewhere, dialogs of scripts.
//!
//! Not here: what is done in the tab ([`super::tab`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use chromiumoxide::Page;
use chromiumoxide::cdp::IntoEventKind;
use chromiumoxide::cdp::browser_protocol::log::{self, EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::EventRequestWillBeSent;
use chromiumoxide::cdp::browser_protocol::page::EventJavascriptDialogOpening;
use chromiumoxide::cdp::js_protocol::runtime::{
    self, ConsoleApiCalledType, EventConsoleApiCalled, EventExceptionThrown,
};
use futures::StreamExt;
use tokio::task::JoinHandle;

/// Everything that was wrong in a tab, from its beginning.
pub struct Watch {
    faults: Arc<Mutex<Vec<String>>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Watches this tab, whose requests go to addresses that begin so.
    pub async fn begin(page: &Page, base: &str) -> Result<Self> {
        page.execute(runtime::EnableParams::default()).await?;
        page.execute(log::EnableParams::default()).await?;
        let mut watch = Self { faults: Arc::default(), listeners: Vec::new() };
        watch
            .listen(page, |said: &EventConsoleApiCalled| {
                let bad = [ConsoleApiCalledType::Error, ConsoleApiCalledType::Assert];
                bad.contains(&said.r#type).then(|| format!("console: {:?}", said.args))
            })
            .await?;
        watch
            .listen(page, |thrown: &EventExceptionThrown| {
                Some(format!("exception: {:?}", thrown.exception_details))
            })
            .await?;
        watch
            .listen(page, |added: &EventEntryAdded| {
                let entry = &added.entry;
                (entry.level == LogEntryLevel::Error)
                    .then(|| format!("log: {} {:?}", entry.text, entry.url))
            })
            .await?;
        watch
            .listen(page, |dialog: &EventJavascriptDialogOpening| {
                Some(format!("a script asks: {}", dialog.message))
            })
            .await?;
        let base = format!("{base}/");
        watch
            .listen(page, move |sent: &EventRequestWillBeSent| {
                let url = &sent.request.url;
                // What a page holds itself goes nowhere.
                let is_ours = url.starts_with(&base) || url.starts_with("data:");
                (!is_ours).then(|| format!("a request to {url}"))
            })
            .await?;
        Ok(watch)
    }

    async fn listen<E: IntoEventKind + Unpin + Send + Sync>(
        &mut self,
        page: &Page,
        fault: impl Fn(&E) -> Option<String> + Send + 'static,
    ) -> Result<()> {
        let mut events = page.event_listener::<E>().await?;
        let faults = Arc::clone(&self.faults);
        self.listeners.push(tokio::spawn(async move {
            while let Some(event) = events.next().await {
                faults.lock().unwrap_or_else(PoisonError::into_inner).extend(fault(&event));
            }
        }));
        Ok(())
    }

    /// Errs with everything that was wrong.
    pub fn check(&self) -> Result<()> {
        let faults = self.lock();
        ensure!(faults.is_empty(), "in the browser: {}", faults.join("\n"));
        Ok(())
    }

    /// Forgets those faults that are expected: each contains this text. Gives their number.
    pub fn forgive(&self, text: &str) -> usize {
        let mut faults = self.lock();
        let before = faults.len();
        faults.retain(|fault| !fault.contains(text));
        before - faults.len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}
