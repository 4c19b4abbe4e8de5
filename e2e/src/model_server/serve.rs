//! Answers `POST /v1/messages`: credential, scenario, gate, fault, answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde_json::json;

use super::conversation::Conversation;
use super::message::{events, message};
use super::record::{Record, bare};
use super::script::{FaultKind, Step};
use super::state::State;

/// How long the pieces before a cut have to get out.
const FLUSH: Duration = Duration::from_millis(20);

/// How the body of an answer ends.
#[derive(Clone, Copy)]
enum End {
    /// Complete.
    Whole,
    /// Never: the connection stays open.
    Stall,
    /// The connection is closed before the end.
    Cut,
}

/// Answers one request.
pub async fn messages(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked: Conversation = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return failure(400, "invalid_request_error", &error.to_string()),
    };
    let number = state.begin(Record::of(&asked, &headers), &body);
    let response = if let_in(&state, &headers) {
        play(&state, &asked, number).await
    } else {
        failure(401, "authentication_error", "invalid x-api-key")
    };
    state.end(number, response.status().as_u16());
    response
}

fn let_in(state: &State, headers: &HeaderMap) -> bool {
    let Some(key) = &state.settings.api_key else { return true };
    let given = [HeaderName::from_static("x-api-key"), header::AUTHORIZATION];
    let mut given = given.iter().filter_map(|name| headers.get(name)?.to_str().ok());
    given.any(|value| bare(value) == key)
}

async fn play(state: &State, asked: &Conversation, number: usize) -> Response {
    let name = asked.scenario().unwrap_or_default();
    // Gate and delay come first, so a script registered meanwhile is the one that counts.
    let Some(step) = state.stage().step(name, asked.step()).cloned() else {
        return unknown(name);
    };
    if let Some(gate) = &step.wait_for {
        state.pass(gate).await;
    }
    tokio::time::sleep(Duration::from_millis(step.delay_ms)).await;
    let Some(reply) = state.stage().reply(name, asked.step()) else { return unknown(name) };
    match reply.fault {
        None => answer(&reply.step, asked, number, None, End::Whole),
        Some(FaultKind::Silence) => std::future::pending().await,
        Some(FaultKind::Stall { after_events }) => {
            answer(&reply.step, asked, number, after_events, End::Stall)
        }
        Some(FaultKind::Cut { after_events }) => {
            answer(&reply.step, asked, number, after_events, End::Cut)
        }
        Some(FaultKind::Status { status, class, message, headers }) => {
            let mut response = failure(status, &class, &message);
            let more = headers.iter().filter_map(|(name, value)| {
                Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
            });
            response.headers_mut().extend(more);
            response
        }
    }
}

/// The step as a stream or as one message, all of it or the first `limit` pieces.
fn answer(
    step: &Step,
    asked: &Conversation,
    number: usize,
    limit: Option<usize>,
    end: End,
) -> Response {
    let (kind, mut pieces) = if asked.stream {
        let events = events(step, &asked.model, number);
        ("text/event-stream", events.iter().map(super::message::Event::encode).collect())
    } else {
        let whole = message(step, &asked.model, number).to_string();
        ("application/json", vec![whole])
    };
    if !matches!(end, End::Whole) {
        pieces.truncate(limit.unwrap_or(pieces.len() / 2));
    }
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(ending(pieces, end))).into_response()
}

fn ending(pieces: Vec<String>, end: End) -> impl Stream<Item = io::Result<String>> {
    let sent = stream::iter(pieces).map(Ok);
    let rest = match end {
        End::Whole => stream::empty().boxed(),
        End::Stall => stream::pending().boxed(),
        End::Cut => stream::once(cut()).boxed(),
    };
    sent.chain(rest)
}

/// An end that lets the pieces before it go out first: what is written is only sent on when
/// nothing more is ready.
async fn cut() -> io::Result<String> {
    tokio::time::sleep(FLUSH).await;
    Err(io::Error::other("cut by the script"))
}

fn unknown(name: &str) -> Response {
    let said = if name.is_empty() { "the prompt names none" } else { name };
    let message = format!("no such scenario: {said}");
    // One request: 400 and 422 are repeated by the CLI, 404 it takes for a missing model.
    failure(403, "permission_error", &message)
}

fn failure(status: u16, class: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = json!({"type": "error", "error": {"type": class, "message": message}});
    (status, Json(error)).into_response()
}
