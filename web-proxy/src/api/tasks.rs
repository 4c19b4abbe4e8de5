//! Tasks: list, look, create, cancel, run again, delete.
//!
//! Not here: how a change reaches the apiserver ([`mod@crate::write`]).

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::access::Deed;
use crate::app::{App, Who};
use crate::error::Error;
use crate::place::{Namespace, Place};
use crate::write;

/// Settings of a creation.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Create {
    /// Only ask whether the apiserver would take it; nothing is created. Default false.
    #[serde(default)]
    dry_run: bool,
}

/// All tasks of a namespace, by name.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/tasks",
    params(("namespace" = String, Path, description = "Namespace")),
    responses(
        (status = 200, description = "The tasks", body = super::document::TaskList),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["list claudetasks.claudetask.dev"]))),
)]
pub async fn list(
    State(app): State<App>,
    Who(caller): Who,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Value>, Error> {
    let namespace = namespace.as_str();
    app.demand(&caller.user, Deed::ListTasks, namespace, None).await?;
    let all = app.tasks.all().into_iter();
    let own = all.filter(|task| task.namespace().as_deref() == Some(namespace));
    let items = own.map(|task| serde_json::to_value(&*task)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "items": items })))
}

/// Create a task. The annotation `claudetask.dev/requested-by` is set to the caller's name.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/tasks",
    params(("namespace" = String, Path, description = "Namespace"), Create),
    request_body = super::document::Task,
    responses(
        (status = 201, description = "The task as stored", body = super::document::Task),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["create claudetasks.claudetask.dev"]))),
)]
pub async fn create(
    State(app): State<App>,
    Who(caller): Who,
    Path(namespace): Path<Namespace>,
    Query(settings): Query<Create>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let task = write::create(&app, &caller, &namespace, body, settings.dry_run).await?;
    Ok((StatusCode::CREATED, Json(task)))
}

/// One task.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}",
    params(Place),
    responses(
        (status = 200, description = "The task", body = super::document::Task),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["get claudetasks.claudetask.dev"]))),
)]
pub async fn get(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Json<Value>, Error> {
    let (namespace, name) = (namespace.as_str(), name.as_str());
    app.demand(&caller.user, Deed::GetTask, namespace, Some(name)).await?;
    let task = app.tasks.get(namespace, name).ok_or_else(|| Error::not_found(namespace, name))?;
    Ok(Json(serde_json::to_value(&*task)?))
}

/// Delete a task, with its Jobs and their logs.
#[utoipa::path(
    delete,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}",
    params(Place),
    responses(
        (status = 204, description = "It is being deleted"),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["delete claudetasks.claudetask.dev"]))),
)]
pub async fn delete(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<StatusCode, Error> {
    write::delete(&app, &caller, &namespace, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancel a task: the work is saved, and nothing is pushed that has not been by then.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}/cancel",
    params(Place),
    responses(
        (status = 200, description = "The task as stored", body = super::document::Task),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["patch claudetasks.claudetask.dev"]))),
)]
pub async fn cancel(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<Json<Value>, Error> {
    write::cancel(&app, &caller, &namespace, &name).await.map(Json)
}

/// Run a task again: a new task with the same spec, from the old one's checkpoint where there is
/// one.
#[utoipa::path(
    post,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}/retry",
    params(Place),
    responses(
        (status = 201, description = "The new task as stored", body = super::document::Task),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(
        ["get claudetasks.claudetask.dev", "create claudetasks.claudetask.dev"]))),
)]
pub async fn retry(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let task = write::again(&app, &caller, &namespace, &name).await?;
    Ok((StatusCode::CREATED, Json(task)))
}
