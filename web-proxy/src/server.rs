//! The router with everything that a request passes.
//!
//! Not here: settings and the listener (`main`).

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE};
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api;
use crate::app::App;
use crate::error::Error;
use crate::guard::{refuse_cross_site, set_headers};
use crate::site;

/// Bytes of an answer of axum's own that are passed on.
const LONGEST: usize = 4096;

/// Bounds of every request.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a body at most.
    pub body: usize,
    /// Time until the answer begins; a stream may then go on.
    pub time: Duration,
}

/// All routes: pages, API, health.
pub fn router(app: App, bounds: Bounds) -> Router {
    let (api, _) = api::routes().split_for_parts();
    Router::new()
        .merge(api)
        .merge(site::routes())
        .route("/api/openapi.json", get(api::document::show))
        .route("/api/docs", get(api::docs::show))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .fallback(nothing)
        .with_state(app)
        .layer(DefaultBodyLimit::max(bounds.body))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, bounds.time))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(refuse_cross_site))
        .layer(from_fn_with_state(bounds, in_our_words))
        .layer(from_fn(set_headers))
}

/// What is refused is told as every other error is, whoever noticed it: as JSON to programs, as a page
/// to people.
async fn in_our_words(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let own = response.extensions_mut().remove::<Error>();
    let allow = response.headers().get(ALLOW).cloned();
    let error = match (response.status(), own) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => Error::too_large(bounds.body),
        (StatusCode::GATEWAY_TIMEOUT, _) => Error::too_late(),
        (StatusCode::METHOD_NOT_ALLOWED, _) => Error::method_not_allowed(),
        (StatusCode::INTERNAL_SERVER_ERROR, _) if is_plain(&response) => Error::internal(),
        (code, _) if code.is_client_error() && is_plain(&response) => {
            let said = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
            Error::bad_request(String::from_utf8_lossy(&said))
        }
        (_, Some(own)) if !is_api => own,
        _ => return response,
    };
    let mut response = if is_api { error.into_response() } else { site::broken(error) };
    response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
    response
}

/// Whether it is one of axum's own answers: ours are JSON or pages.
fn is_plain(response: &Response) -> bool {
    let form = response.headers().get(CONTENT_TYPE).and_then(|form| form.to_str().ok());
    form.is_some_and(|form| form.starts_with("text/plain"))
}

async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.tasks.complete() {
        return (StatusCode::OK, "ok");
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the tasks are being read")
}

async fn nothing() -> Error {
    Error::nothing()
}
