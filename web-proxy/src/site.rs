//! The pages' handlers: they collect what a page shows and send what a form says.
//!
//! Not here: what a page looks like ([`crate::page`]).

mod entry;
mod form;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use crd::ClaudeTask;
use http::{StatusCode, header};
use jiff::Timestamp;
use maud::Markup;

use crate::access::Deed;
use crate::app::{App, Who};
use crate::caller::{Caller, Means};
use crate::error::Error;
use crate::events;
use crate::page::history::{self, Range};
use crate::page::list::{Filter, List};
use crate::page::task::{TaskView, task};
use crate::page::{self, Rights, Shell};
use crate::place::{Namespace, Place};
use crate::write;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(show_list))
        .route("/history", get(show_history))
        .route("/ns/{namespace}/tasks/{name}", get(show_task))
        .route("/ns/{namespace}/tasks/{name}/cancel", post(cancel))
        .route("/ns/{namespace}/tasks/{name}/retry", post(retry))
        .route("/ns/{namespace}/tasks/{name}/delete", post(delete))
        .route("/new", get(form::show).post(form::send))
        .route("/new/yaml", post(form::yaml))
        .route("/login", get(entry::show).post(entry::sign_in))
        .route("/login/start", get(entry::begin))
        .route("/login/callback", get(entry::come_back))
        .route("/logout", post(entry::sign_out))
        .route("/assets/{file}", get(asset))
}

/// A page that cannot be shown; who is not signed in is led to where one signs in.
struct Broken(Error);

impl<T: Into<Error>> From<T> for Broken {
    fn from(error: T) -> Self {
        Self(error.into())
    }
}

/// The page that says what went wrong.
pub fn broken(error: Error) -> Response {
    Broken(error).into_response()
}

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        let Self(error) = self;
        if error.code == StatusCode::UNAUTHORIZED.as_u16() {
            return Redirect::to("/login").into_response();
        }
        let code = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (shell, headers) = (nobody(Timestamp::now()), error.headers());
        let title = if code == StatusCode::NOT_FOUND { "Not found" } else { "That did not work" };
        (code, headers, page::message(&shell, title, &error.message)).into_response()
    }
}

/// A page's caller: as [`Who`], but the refusal is a page.
struct Visitor(Caller);

impl axum::extract::FromRequestParts<App> for Visitor {
    type Rejection = Broken;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        app: &App,
    ) -> Result<Self, Broken> {
        let Who(caller) = Who::from_request_parts(parts, app).await.map_err(Broken)?;
        Ok(Self(caller))
    }
}

const fn nobody(now: Timestamp) -> Shell {
    Shell { user: None, may_create: false, can_sign_out: false, now }
}

/// The frame for this caller.
async fn shell(app: &App, caller: &Caller) -> Result<Shell, Error> {
    Ok(Shell {
        user: Some(caller.user.name.clone()),
        may_create: app.may_create(&caller.user).await?,
        can_sign_out: caller.means == Means::Cookie,
        now: Timestamp::now(),
    })
}

async fn show_list(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(filter): Query<Filter>,
) -> Result<Markup, Broken> {
    let visible = app.visible(&caller.user).await?;
    let list = List::of(&visible, &filter);
    let activities = app.activities(&caller.user, list.rows()).await?;
    let activity = |task: &ClaudeTask| activities.get(task.metadata.uid.as_ref()?).cloned();
    Ok(list.page(&shell(&app, &caller).await?, activity))
}

async fn show_history(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(range): Query<Range>,
) -> Result<Markup, Broken> {
    let visible = app.visible(&caller.user).await?;
    Ok(history::history(&shell(&app, &caller).await?, &visible, &range))
}

async fn show_task(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Markup, Broken> {
    let (namespace, name) = (namespace.as_str(), name.as_str());
    app.demand(&caller.user, Deed::GetTask, namespace, Some(name)).await?;
    let found = app.tasks.get(namespace, name).ok_or_else(|| Error::not_found(namespace, name))?;
    let rights = rights(&app, &caller, namespace, name).await?;
    let yaml = serde_saphyr::to_string(&serde_json::to_value(&*found)?).unwrap_or_default();
    let uid = found.metadata.uid.as_deref().unwrap_or_default();
    let events = events::of(&app, &caller, namespace, uid).await;
    let view = TaskView { task: &found, rights, events: events.as_deref(), yaml: &yaml };
    Ok(task(&shell(&app, &caller).await?, &view))
}

async fn rights(app: &App, caller: &Caller, namespace: &str, name: &str) -> Result<Rights, Error> {
    let may = async |deed, name| app.access.may(&caller.user, deed, namespace, name).await;
    Ok(Rights {
        cancel: may(Deed::PatchTask, Some(name)).await?,
        retry: may(Deed::CreateTask, None).await?,
        delete: may(Deed::DeleteTask, Some(name)).await?,
        logs: may(Deed::ReadLog, None).await?,
    })
}

async fn cancel(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Redirect, Broken> {
    write::cancel(&app, &caller, &namespace, &name).await?;
    Ok(Redirect::to(&format!("/ns/{namespace}/tasks/{name}")))
}

async fn retry(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Redirect, Broken> {
    let made = write::again(&app, &caller, &namespace, &name).await?;
    Ok(to_new(&app, &namespace, &made).await)
}

async fn delete(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Redirect, Broken> {
    write::delete(&app, &caller, &namespace, &name).await?;
    Ok(Redirect::to("/"))
}

/// To the page of a task that was just made, once the watch has brought it.
async fn to_new(app: &App, namespace: &Namespace, made: &serde_json::Value) -> Redirect {
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    app.tasks.arrived(namespace.as_str(), name).await;
    Redirect::to(&format!("/ns/{namespace}/tasks/{name}"))
}

async fn asset(Path(file): Path<String>) -> Response {
    let Some((form, bytes)) = page::asset(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Addresses of assets carry a digest of their content.
    let headers = [
        (header::CONTENT_TYPE, form),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, bytes).into_response()
}
