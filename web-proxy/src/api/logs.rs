//! The log of a task, live, as server-sent events.
//!
//! Not here: where the lines come from ([`crate::logs`]).

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::{HeaderMap, header};
use jiff::Timestamp;

use super::error::Error;
use crate::access::Deed;
use crate::app::{App, Who};
use crate::caller::Caller;
use crate::place::{Namespace, Place};
use crate::streams::CHECK;

/// Follow a task's log over its containers and attempts: `line` with a line, `gap` where lines are
/// gone, `end` when the task is finished. It goes on after the line named by `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}/logs",
    params(Place,
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last line that was read")),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream"),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["get claudetasks.claudetask.dev", "get pods/log"]))),
)]
pub async fn follow(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (place, task) = (namespace.as_str(), name.as_str());
    app.demand(&caller.user, Deed::GetTask, place, Some(task)).await?;
    app.demand(&caller.user, Deed::ReadLog, place, None).await?;
    let open = app.open_stream(&caller.user)?;
    let followed = app.tasks.follow_one(place, task);
    let followed = followed.ok_or_else(|| Error::not_found(place, task))?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let events = app.logs.follow(followed, after);
    let events = events.take_until(loss_of_rights(app, caller, namespace)).map(move |event| {
        let _counted = &open;
        Ok::<_, Infallible>(event)
    });
    let form = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((form, Body::from_stream(events)).into_response())
}

/// Resolves when the caller is no longer who they were, or may read no longer.
async fn loss_of_rights(app: App, caller: Caller, namespace: Namespace) {
    loop {
        tokio::time::sleep(CHECK).await;
        let may = app.access.may(&caller.user, Deed::ReadLog, namespace.as_str(), None).await;
        if !may.unwrap_or(false) || !app.gate.holds(&caller, Timestamp::now()).await {
            return;
        }
    }
}
