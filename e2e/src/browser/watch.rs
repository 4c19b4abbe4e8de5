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
    forgiven: Mutex<Vec<Forgiven>>,
    listeners: Vec<JoinHandle<()>>,
}

/// Faults that are expected, however late the browser tells them: those with this text, and how
/// many at most.
#[derive(Clone)]
struct Forgiven {
    text: String,
    left: usize,
}

impl Watch {
    /// Watches this tab, whose requests go to addresses that begin so.
    pub async fn begin(page: &Page, base: &str) -> Result<Self> {
        page.execute(runtime::EnableParams::default()).await?;
        page.execute(log::EnableParams::default()).await?;
        let (faults, forgiven) = (Arc::default(), Mutex::default());
        let mut watch = Self { faults, forgiven, listeners: Vec::new() };
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

    /// Errs with everything that was wrong and is not forgiven.
    pub fn check(&self) -> Result<()> {
        let mut forgiven = lock(&self.forgiven).clone();
        let mut faults = lock(&self.faults).clone();
        faults.retain(|fault| !is_forgiven(&mut forgiven, fault));
        ensure!(faults.is_empty(), "in the browser: {}", faults.join("\n"));
        Ok(())
    }

    /// Forgives so many faults at most that contain this text, also those to come.
    pub fn forgive(&self, text: &str, most: usize) {
        lock(&self.forgiven).push(Forgiven { text: text.to_owned(), left: most });
    }

    /// Whether there was a fault that contains this text.
    pub fn has(&self, text: &str) -> bool {
        lock(&self.faults).iter().any(|fault| fault.contains(text))
    }
}

fn is_forgiven(forgiven: &mut [Forgiven], fault: &str) -> bool {
    let found = forgiven.iter_mut().find(|one| one.left > 0 && fault.contains(&one.text));
    found.map(|one| one.left -= 1).is_some()
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use super::{Forgiven, is_forgiven};

    #[test]
    fn no_more_is_forgiven_than_was_said() {
        let of = |text: &str, left| Forgiven { text: text.to_owned(), left };
        let mut forgiven = [of("status of 422", 1), of("net::ERR_", usize::MAX)];
        let faults = ["status of 422", "net::ERR_FAILED", "status of 422", "net::ERR_FAILED", "x"];
        let found = faults.map(|fault| is_forgiven(&mut forgiven, fault));
        assert_eq!(found, [true, true, false, true, false]);
    }
}
