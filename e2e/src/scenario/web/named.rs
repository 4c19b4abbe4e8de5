//! People whom an authenticating proxy in front of the web names: the apiserver is asked in their name.
//!
//! Not here: from where the headers count, which needs no cluster.

use anyhow::ensure;
use axum::http::Method;
use serde_json::json;

use super::super::case::Case;
use super::impersonated::Impersonated;
use super::people::{EVERYBODY, token};
use super::proxy::Proxy;
use super::visitor::{Proof, Visitor};
use crate::install;

pub async fn whom_the_proxy_in_front_names_acts_as_themselves(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web-named", &[]).await?;
    let ana = Impersonated::arrive(&here, "ana@example.com").await?;
    EVERYBODY[2].arrive(&here, &here.namespace).await?;
    let identity = ["--identity=header", "--header-from=127.0.0.0/8", &ana.flag()];
    let web = Proxy::start_as(&here, &identity).await?;
    let named = |name: &str| Visitor::new(&web.base, Some(Proof::Named(name.to_owned())));

    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let task = json!(case.task(|spec| spec.cancel = true)?);
    let made = named("ana@example.com").send(Method::POST, &at, Some(&task)).await?;
    ensure!(made.code == 201, "{} {}", made.code, made.text);
    ana.expect_asked(&case, &here).await?;

    // The apiserver lets the web impersonate nobody else, and says so in words about the web.
    let other = named("ben@example.com").send(Method::POST, &at, Some(&task)).await?;
    ensure!(other.code == 403 && !other.text.contains(install::WEB), "{}", other.text);
    let unseen = named("ben@example.com").get(&at).await?;
    ensure!(unseen.code == 403, "{} {}", unseen.code, unseen.text);
    let bearer = web.bearer(token(&here, EVERYBODY[2].name, &[]).await?).get(&at).await?;
    ensure!(bearer.code == 401, "a token counts beside the header: {}", bearer.text);
    Ok(())
}
