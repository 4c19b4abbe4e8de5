//! The admin interface: repositories, rules, redirects, and what has happened.
//!
//! | request | does |
//! |---|---|
//! | `PUT /_admin/repos/<owner>/<name>` | makes an empty repository; an existing one stays |
//! | `DELETE /_admin/repos/<owner>/<name>` | removes it |
//! | `GET /_admin/pushes/<owner>/<name>` | accepted pushes: user, refs, push options |
//! | `POST /_admin/rules` | puts a rule in force, answers `{"id": 1}` |
//! | `GET /_admin/rules` | every rule, how often it matched, how many requests it holds |
//! | `DELETE /_admin/rules/<id>` | ends a rule and lets go of what it holds |
//! | `DELETE /_admin/rules` | the same for every rule |
//! | `PUT /_admin/redirects/<name>` | `{"to": "http://host:port", "afterLogin": false}` |
//! | `GET /_admin/requests` | every request so far, those over ssh at the end |
//! | `GET /_admin/tunnels` | where the proxy's tunnels led so far |

use std::sync::Arc;

use axum::extract::{Path, Request, State as Shared};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};

use super::accounts::Access;
use super::repository;
use super::request::repo_name;
use super::rules::Rule;
use super::serve::{Refusal, caller};
use super::ssh;
use super::state::{Redirect, State};

/// The answer to a new rule.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct RuleId {
    /// Names the rule until it is deleted.
    pub id: u64,
}

/// Status and words of an admin request that went wrong.
type Failure = (StatusCode, String);

/// The routes, each behind an admin account.
pub fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .route("/repos/{*repo}", put(make_repo).delete(remove_repo))
        .route("/pushes/{*repo}", get(pushes))
        .route("/rules", post(add_rule).get(rules).delete(clear_rules))
        .route("/rules/{id}", delete(remove_rule))
        .route("/redirects/{name}", put(set_redirect))
        .route("/requests", get(requests))
        .route("/tunnels", get(tunnels))
        .layer(middleware::from_fn_with_state(Arc::clone(state), admins_only))
}

async fn admins_only(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    match caller(&state, request.headers()) {
        None => Refusal::Login.into_response(),
        Some(account) if account.access < Access::Admin => Refusal::Forbidden.into_response(),
        Some(_) => next.run(request).await,
    }
}

async fn make_repo(
    Shared(state): Shared<Arc<State>>,
    Path(repo): Path<String>,
) -> Result<StatusCode, Failure> {
    let made = repository::create(&state.settings.root, &named(&repo)?).await;
    made.map(|()| StatusCode::CREATED).map_err(|error| failed(&error))
}

async fn remove_repo(
    Shared(state): Shared<Arc<State>>,
    Path(repo): Path<String>,
) -> Result<StatusCode, Failure> {
    let removed = repository::remove(&state.settings.root, &named(&repo)?);
    removed.map(found).map_err(|error| failed(&error.into()))
}

async fn pushes(
    Shared(state): Shared<Arc<State>>,
    Path(repo): Path<String>,
) -> Result<Json<Vec<repository::Push>>, Failure> {
    let pushes = repository::pushes(&state.settings.root, &named(&repo)?);
    pushes.map(Json).map_err(|error| failed(&error.into()))
}

async fn add_rule(Shared(state): Shared<Arc<State>>, Json(rule): Json<Rule>) -> Json<RuleId> {
    let id = state.rules().add(rule);
    Json(RuleId { id })
}

async fn rules(Shared(state): Shared<Arc<State>>) -> Response {
    Json(state.rules().states()).into_response()
}

async fn remove_rule(Shared(state): Shared<Arc<State>>, Path(id): Path<u64>) -> StatusCode {
    found(state.rules().remove(id))
}

async fn clear_rules(Shared(state): Shared<Arc<State>>) -> StatusCode {
    state.rules().clear();
    StatusCode::NO_CONTENT
}

async fn set_redirect(
    Shared(state): Shared<Arc<State>>,
    Path(name): Path<String>,
    Json(redirect): Json<Redirect>,
) -> StatusCode {
    state.redirects().insert(name, redirect);
    StatusCode::NO_CONTENT
}

async fn requests(Shared(state): Shared<Arc<State>>) -> Response {
    let mut entries = state.journal().entries();
    entries.extend(ssh::entries(&state.settings.root));
    Json(entries).into_response()
}

async fn tunnels(Shared(state): Shared<Arc<State>>) -> Json<Vec<String>> {
    Json(state.tunnels().clone())
}

fn named(repo: &str) -> Result<String, Failure> {
    let bad = || (StatusCode::BAD_REQUEST, "not a repository name: <owner>/<name>\n".to_owned());
    repo_name(repo).ok_or_else(bad)
}

fn found(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

fn failed(error: &anyhow::Error) -> Failure {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n"))
}
