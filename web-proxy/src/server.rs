//! The router with everything that a request passes.
//!
//! Not here: settings and the listener (`main`).

use axum::Json;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api;
use crate::api::error::Error;
use crate::app::App;
use crate::guard::guard;
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
        .layer(from_fn_with_state(bounds, in_our_words))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(guard))
}

/// What is beyond a bound, or cannot be read, is told as every other error is, whoever noticed it.
async fn in_our_words(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let error = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::too_large(bounds.body),
        StatusCode::GATEWAY_TIMEOUT => Error::too_late(),
        status if is_api && status.is_client_error() && is_plain(&response) => {
            let said = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
            Error::bad_request(String::from_utf8_lossy(&said))
        }
        _ => return response,
    };
    if is_api { error.into_response() } else { site::broken(error) }
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

async fn nothing() -> impl IntoResponse {
    let text = "There is nothing at this address.";
    (StatusCode::NOT_FOUND, Json(serde_json::json!({"reason": "NotFound", "message": text})))
}
