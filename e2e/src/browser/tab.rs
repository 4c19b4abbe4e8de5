//! One tab: what a person does in it, and what they see.
//!
//! Not here: what goes wrong behind their back ([`super::watch`]).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chromiumoxide::Page;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetFocusEmulationEnabledParams,
};
use chromiumoxide::cdp::browser_protocol::input::InsertTextParams;
use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use chromiumoxide::page::ScreenshotParams;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::watch::Watch;
use crate::wait::until;

/// How long a page may take for what it does by itself.
const PAGE_LIMIT: Duration = Duration::from_secs(30);

/// A tab of the browser.
pub struct Tab {
    page: Page,
    base: String,
    watch: Watch,
}

impl Tab {
    pub(super) async fn of(page: Page, base: &str) -> Result<Self> {
        let watch = Watch::begin(&page, base).await?;
        // A tab behind another one is not drawn, and its page looks for nothing new: this one is in
        // front whatever else the browser opens when it starts.
        page.bring_to_front().await.context("show the tab")?;
        page.execute(SetFocusEmulationEnabledParams::new(true)).await.context("keep it shown")?;
        Ok(Self { page, base: base.to_owned(), watch })
    }

    /// Opens a page of the site and waits until all of it is there.
    pub async fn open(&self, path: &str) -> Result<()> {
        let address = format!("{}{path}", self.base);
        self.page.goto(address).await.with_context(|| format!("open {path}"))?;
        self.until(&format!("all of {path}"), "document.readyState === 'complete'").await
    }

    /// What this expression gives, a promise's value when it is one.
    pub async fn see<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        let evaluate = EvaluateParams::builder()
            .expression(expression)
            .await_promise(true)
            .return_by_value(true)
            .build();
        let evaluate = evaluate.map_err(|error| anyhow::anyhow!("{expression}: {error}"))?;
        let seen = self.page.execute(evaluate).await.with_context(|| expression.to_owned())?;
        if let Some(thrown) = &seen.result.exception_details {
            bail!("{expression}: {thrown:?}");
        }
        let value = seen.result.result.value.clone().unwrap_or(Value::Null);
        serde_json::from_value(value).with_context(|| expression.to_owned())
    }

    /// Waits until this expression is true; while a page changes to another it is not.
    pub async fn until(&self, what: &str, expression: &str) -> Result<()> {
        let waited = until(what, PAGE_LIMIT, async || {
            let seen = self.see::<Value>(expression).await;
            Ok(seen.is_ok_and(|seen| seen == json!(true)).then_some(()))
        });
        let Err(error) = waited.await else { return Ok(()) };
        let at = self.see::<String>("location.pathname").await.unwrap_or_default();
        let shown = self.text().await.unwrap_or_default();
        bail!("{error}; {at} shows:\n{shown}")
    }

    /// All text that is on the page.
    pub async fn text(&self) -> Result<String> {
        self.see("document.body.innerText").await
    }

    /// Clicks what this selector finds first, once it is there.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.until_there(selector).await?;
        let element = self.page.find_element(selector).await?;
        element.click().await.with_context(|| format!("click {selector}"))?;
        Ok(())
    }

    /// Writes this text in place of what is in the field with this name, once it is there.
    pub async fn write(&self, field: &str, text: &str) -> Result<()> {
        let field = format!("[name={}]", json!(field));
        self.until_there(&field).await?;
        // A field in a folded group is unfolded first, as one does by hand.
        let focus = format!(
            "{{ const one = document.querySelector({}); \
             one.closest('details')?.setAttribute('open', ''); one.focus(); one.select(); true }}",
            json!(field)
        );
        self.see::<bool>(&focus).await?;
        self.page.execute(InsertTextParams::new(text)).await.context("write")?;
        Ok(())
    }

    async fn until_there(&self, selector: &str) -> Result<()> {
        let there = format!("document.querySelector({}) !== null", json!(selector));
        self.until(selector, &there).await
    }

    /// Makes the window this wide, and the system's colours dark or light.
    pub async fn look(&self, width: i64, dark: bool) -> Result<()> {
        let size = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, false);
        self.page.execute(size).await.context("set the size of the window")?;
        let theme = if dark { "dark" } else { "light" };
        let theme = MediaFeature::new("prefers-color-scheme", theme);
        self.page.emulate_media_features(vec![theme]).await.context("set the theme")?;
        self.until("the size of the window", &format!("innerWidth === {width}")).await
    }

    /// Writes a picture of the whole page.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        let whole = ScreenshotParams::builder().full_page(true).build();
        let picture = self.page.screenshot(whole).await.context("make a picture")?;
        std::fs::write(file, picture).with_context(|| format!("write {}", file.display()))
    }

    /// Forgives so many faults at most that contain this text: the scenario causes them itself.
    pub fn forgive(&self, text: &str, most: usize) {
        self.watch.forgive(text, most);
    }

    /// Whether there was a fault that contains this text.
    pub fn has_fault(&self, text: &str) -> bool {
        self.watch.has(text)
    }

    /// Errs with all errors in the console, exceptions, requests to elsewhere and dialogs so far that
    /// are not forgiven.
    pub fn check(&self) -> Result<()> {
        self.watch.check()
    }
}
