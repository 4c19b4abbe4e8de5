//! The log of a task, live, as server-sent events or as text.
//!
//! Not here: where the lines come from ([`crate::logs`]).

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::Deed;
use crate::app::{App, Who};
use crate::caller::Caller;
use crate::error::Error;
use crate::logs::text;
use crate::place::{Namespace, Place};
use crate::streams::CHECK;

/// In which form a log comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Server-sent events.
    #[default]
    Events,
    /// Lines of text.
    Text,
}

/// How a log is asked for.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Manner {
    /// Its form: `events` (default), or `text` for terminals and browsers without scripts.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Follow a task's log over its containers and attempts: `line` with a line, `gap` where lines are
/// gone, `end` when the task is finished. It goes on after the line named by `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/tasks/{name}/logs",
    params(Place, Manner,
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last line that was read")),
    responses(
        (status = 200, description = "Events or lines", content(
            ("text/event-stream"),
            ("text/plain"),
        )),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["get claudetasks.claudetask.dev", "get pods/log"]))),
)]
pub async fn follow(
    State(app): State<App>,
    Who(caller): Who,
    Path(Place { namespace, name }): Path<Place>,
    Query(manner): Query<Manner>,
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
        event
    });
    let (form, body) = match manner.format {
        Format::Events => ("text/event-stream", body(events)),
        Format::Text => ("text/plain; charset=utf-8", body(text::lines(events))),
    };
    Ok(([(header::CONTENT_TYPE, form)], body).into_response())
}

fn body(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(pieces.map(Ok::<_, Infallible>))
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
