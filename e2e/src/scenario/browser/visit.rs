//! Somebody at a browser, signed in at a web of their own.
//!
//! Not here: what they do there.

use anyhow::Result;

use super::super::site::Site;
use super::super::web::people::{Person, token};
use super::super::web::proxy::Proxy;
use crate::browser::{Browser, Tab};

/// Somebody at a browser.
pub struct Visit {
    /// The web, a process of this machine.
    pub web: Proxy,
    /// Where they look.
    pub tab: Tab,
    browser: Browser,
    namespace: String,
}

impl Visit {
    /// Makes the person known in the site's namespace, and signs them in with their token.
    pub async fn begin(here: &Site, person: &Person) -> Result<Self> {
        person.arrive(here, &here.namespace).await?;
        let web = Proxy::start(here).await?;
        let browser = Browser::start().await?;
        let tab = browser.tab(&web.base).await?;
        tab.open("/").await?;
        tab.until("the page of signing in", "location.pathname === '/login'").await?;
        tab.write("token", &token(here, person.name, &[]).await?).await?;
        tab.click("main button[type=submit]").await?;
        tab.until("the list", "location.pathname === '/'").await?;
        Ok(Self { web, tab, browser, namespace: here.namespace.clone() })
    }

    /// The path of a task's page.
    pub fn page_of(&self, task: &str) -> String {
        format!("/ns/{}/tasks/{task}", self.namespace)
    }

    /// Closes the browser; an error when it complained of anything.
    pub async fn end(self) -> Result<()> {
        self.tab.check()?;
        self.browser.end().await
    }
}
