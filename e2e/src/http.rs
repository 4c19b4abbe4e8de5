//! A small JSON client for the admin interfaces of the test parts.
//!
//! Plain HTTP/1.1 with basic authentication is all they speak; there is no TLS, no redirect and
//! no proxy here, so that a proxy set for the machine never comes between a test and its server.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The user name that the admin interfaces expect.
pub const ADMIN_USER: &str = "admin";

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A client bound to one server and one admin password.
#[derive(Clone)]
pub struct Client {
    base: String,
    authorization: String,
    inner: Legacy<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// `base` is the server's address without a trailing slash, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, password: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            authorization: basic(ADMIN_USER, password),
            inner: Legacy::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Sends `body` and reads the answer; any status but 2xx is an error with the server's words.
    pub async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<A> {
        let answer = self.exchange(&method, path, body).await?;
        serde_json::from_slice(&answer).with_context(|| format!("reading the answer of {path}"))
    }

    /// [`Client::call`] without a body, for an answer that matters.
    pub async fn get<A: DeserializeOwned>(&self, path: &str) -> anyhow::Result<A> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// [`Client::call`] for an answer without content.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<()> {
        self.exchange(&method, path, body).await.map(drop)
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<Bytes> {
        let content = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(content)))?;
        let exchange = async {
            let answer = self.inner.request(request).await?;
            let status = answer.status();
            Ok::<_, anyhow::Error>((status, answer.into_body().collect().await?.to_bytes()))
        };
        let (status, answer) = tokio::time::timeout(CALL_TIMEOUT, exchange)
            .await
            .with_context(|| format!("{method} {path}: no answer in {CALL_TIMEOUT:?}"))?
            .with_context(|| format!("{method} {}{path}", self.base))?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }
}

/// The value of an `Authorization` header for a name and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// The name and password of a basic `Authorization` header.
pub fn parse_basic(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_header_is_read_back_with_a_colon_in_the_password() {
        let read = parse_basic(&basic("writer", "a:b"));
        assert_eq!(read, Some(("writer".to_owned(), "a:b".to_owned())));
    }

    #[test]
    fn another_scheme_is_no_basic_header() {
        assert_eq!(parse_basic("Bearer abc"), None);
    }
}
