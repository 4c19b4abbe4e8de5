//! The admin interface: scripts, gates, and what was asked.
//!
//! | request | does |
//! |---|---|
//! | `PUT /_admin/scenarios/<name>` | registers a script, in place of one under the same name |
//! | `DELETE /_admin/scenarios/<name>` | ends it |
//! | `GET /_admin/scenarios/<name>/requests` | the requests whose prompt names the scenario |
//! | `GET /_admin/scenarios/<name>/body` | the newest of them, raw, as the CLI sent it |
//! | `GET /_admin/requests` | every request so far |
//! | `GET /_admin/gates` | every gate: open or not, and how many requests wait at it |
//! | `PUT /_admin/gates/<name>` | opens it for good |
//! | `DELETE /_admin/gates/<name>` | closes it again |
//! | `POST /_admin/reset` | forgets scripts and requests, lets go of everything that waits |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};

use super::record::Record;
use super::script::Script;
use super::state::{GateState, State};
use crate::http::{ADMIN_USER, basic};

/// The routes, each behind the admin's password.
pub fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .route("/scenarios/{name}", put(register).delete(remove))
        .route("/scenarios/{name}/requests", get(asked))
        .route("/scenarios/{name}/body", get(body))
        .route("/requests", get(requests))
        .route("/gates", get(gates))
        .route("/gates/{name}", put(open).delete(close))
        .route("/reset", post(reset))
        .layer(middleware::from_fn_with_state(Arc::clone(state), admin_only))
}

async fn admin_only(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let wanted = basic(ADMIN_USER, &state.settings.admin_password);
    if given.is_some_and(|given| given.as_bytes() == wanted.as_bytes()) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn register(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(script): Json<Script>,
) -> StatusCode {
    state.stage().register(&name, script);
    StatusCode::NO_CONTENT
}

async fn remove(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> StatusCode {
    let found = state.stage().remove(&name);
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn asked(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> Json<Vec<Record>> {
    let mut records = state.records();
    records.retain(|record| record.scenario.as_ref() == Some(&name));
    Json(records)
}

async fn body(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
) -> Result<Bytes, StatusCode> {
    state.body(&name).ok_or(StatusCode::NOT_FOUND)
}

async fn requests(Shared(state): Shared<Arc<State>>) -> Json<Vec<Record>> {
    Json(state.records())
}

async fn gates(Shared(state): Shared<Arc<State>>) -> Json<Vec<GateState>> {
    Json(state.gates())
}

async fn open(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> StatusCode {
    state.set_gate(&name, true);
    StatusCode::NO_CONTENT
}

async fn close(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> StatusCode {
    state.set_gate(&name, false);
    StatusCode::NO_CONTENT
}

async fn reset(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.reset();
    StatusCode::NO_CONTENT
}
