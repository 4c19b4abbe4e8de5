//! The router with everything that a request passes.
//!
//! Not here: settings and the listener (`main`).

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::api;
use crate::app::App;
use crate::guard::guard;
use crate::site;

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
        .layer(from_fn(guard))
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
