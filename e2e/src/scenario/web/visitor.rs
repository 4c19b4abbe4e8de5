//! Somebody who asks the web: status and text of its answers.
//!
//! Not here: what should be answered.

use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// With what somebody proves who they are.
#[derive(Clone)]
pub enum Proof {
    /// A bearer token.
    Bearer(String),
    /// The cookie of a session.
    Cookie(String),
    /// The header of a proxy in front with this user name.
    Named(String),
}

/// Somebody who asks.
pub struct Visitor {
    base: String,
    proof: Option<Proof>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub code: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its text; of a stream, unless it was read until its end, only what came before the end of the
    /// first event with data.
    pub text: String,
}

impl Visitor {
    /// Somebody with this proof.
    pub fn new(base: &str, proof: Option<Proof>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { base: base.to_owned(), proof, client }
    }

    /// Asks without a body.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask(Method::GET, path, "", String::new()).await
    }

    /// Sends JSON, or nothing.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        self.ask(method, path, "application/json", body).await
    }

    /// Sends a form.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let body = serde_urlencoded::to_string(fields)?;
        self.ask(Method::POST, path, "application/x-www-form-urlencoded", body).await
    }

    /// Reads a stream from its beginning until the web ends it, which must be within this time.
    pub async fn until_the_end(&self, path: &str, limit: Duration) -> anyhow::Result<Answer> {
        let request = self.request(&Method::GET, path, "", String::new())?;
        let answer = tokio::time::timeout(limit, self.exchange(request, |_| false));
        answer.await.with_context(|| format!("{path} goes on"))?.context(path.to_owned())
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        form: &str,
        body: String,
    ) -> anyhow::Result<Answer> {
        let request = self.request(&method, path, form, body)?;
        let is_event =
            |text: &str| text.find("data:").is_some_and(|at| text[at..].contains("\n\n"));
        let answer = tokio::time::timeout(ANSWER_LIMIT, self.exchange(request, is_event));
        answer.await.context("no answer")?.with_context(|| format!("{method} {path}"))
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        form: &str,
        body: String,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = match &self.proof {
            Some(Proof::Bearer(token)) => {
                request.header(header::AUTHORIZATION, format!("Bearer {token}"))
            }
            Some(Proof::Cookie(cookie)) => request.header(header::COOKIE, cookie),
            Some(Proof::Named(user)) => request.header("x-remote-user", user),
            None => request,
        };
        if !form.is_empty() {
            request = request.header(header::CONTENT_TYPE, form);
        }
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }

    /// Reads the answer; a stream until its text is enough.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        is_enough: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Answer> {
        let answer = self.client.request(request).await?;
        let (code, headers) = (answer.status().as_u16(), answer.headers().clone());
        let stream = headers.get(header::CONTENT_TYPE);
        let stream = stream.is_some_and(|form| form == "text/event-stream");
        let (mut body, mut text) = (answer.into_body(), String::new());
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                text.push_str(&String::from_utf8_lossy(&data));
            }
            if stream && is_enough(&text) {
                break;
            }
        }
        Ok(Answer { code, headers, text })
    }
}
