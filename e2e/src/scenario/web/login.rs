//! People who sign in at an identity provider: the apiserver is asked in their name.
//!
//! Not here: what a provider may get wrong, which needs no cluster.

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, Method, header};
use serde_json::json;

use super::super::case::Case;
use super::impersonated::Impersonated;
use super::provider::{CLIENT, Provider};
use super::proxy::Proxy;
use super::visitor::{Proof, Visitor};

pub async fn whom_the_identity_provider_names_acts_as_themselves(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web-login", &[]).await?;
    let ana = Impersonated::arrive(&here, "ana@example.com").await?;
    let provider = Provider::start(&here).await?;
    let issuer = format!("--oidc-issuer={}", provider.url);
    let client = format!("--oidc-client-id={CLIENT}");
    let identity = ["--identity=oidc", &issuer, &client, &ana.flag()];
    let web = Proxy::start_as(&here, &identity).await?;

    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let task = json!(case.task(|spec| spec.cancel = true)?);
    provider.let_in("ben@example.com");
    let refused = sign_in(&web, &provider).await?.send(Method::POST, &at, Some(&task)).await?;
    ensure!(refused.code == 403, "{} {}", refused.code, refused.text);
    provider.let_in("ana@example.com");
    let browser = sign_in(&web, &provider).await?;
    let made = browser.send(Method::POST, &at, Some(&task)).await?;
    ensure!(made.code == 201, "{} {}", made.code, made.text);
    ana.expect_asked(&case, &here).await?;
    let list = browser.get("/").await?;
    ensure!(list.code == 200 && list.text.contains(&ana.user), "{} {}", list.code, list.text);
    let (mut task, program) = (task, web.bearer(provider.token()?));
    task["metadata"]["name"] = "by-program".into();
    let made = program.send(Method::POST, &at, Some(&task)).await?;
    ensure!(made.code == 201, "{} {}", made.code, made.text);
    browser.send(Method::POST, "/logout", None).await?;
    let led = browser.get("/").await?;
    ensure!(led.code == 303, "the session goes on: {}", led.code);
    Ok(())
}

/// Goes from the web to the provider and back, as a browser is led.
async fn sign_in(web: &Proxy, provider: &Provider) -> anyhow::Result<Visitor> {
    let begun = Visitor::new(&web.base, None).get("/login/start").await?;
    let to = led(&begun.headers, &provider.url).with_context(|| begun.text.clone())?;
    let sent = Visitor::new(&provider.url, None).get(&to).await?;
    let back = led(&sent.headers, &web.base)?;
    let login = cookie(&begun.headers, "login")?;
    let come = Visitor::new(&web.base, Some(Proof::Cookie(login))).get(&back).await?;
    let session = cookie(&come.headers, "session").with_context(|| come.text.clone())?;
    Ok(Visitor::new(&web.base, Some(Proof::Cookie(session))))
}

/// The path to which an answer leads, at this address.
fn led(headers: &HeaderMap, base: &str) -> anyhow::Result<String> {
    let to = headers.get(header::LOCATION).context("it leads nowhere")?.to_str()?;
    Ok(to.strip_prefix(base).with_context(|| format!("it leads to {to}"))?.to_owned())
}

/// The new cookie of this kind, with its name.
fn cookie(headers: &HeaderMap, kind: &str) -> anyhow::Result<String> {
    let all = headers.get_all(header::SET_COOKIE).iter().filter_map(|text| text.to_str().ok());
    let mut pairs = all.filter_map(|text| text.split(';').next());
    let found = pairs.find(|pair| pair.contains(kind) && !pair.ends_with('='));
    found.map(str::to_owned).with_context(|| format!("no cookie for the {kind}"))
}
