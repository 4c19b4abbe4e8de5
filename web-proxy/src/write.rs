//! What callers change, as the callers themselves: the apiserver says what they may, and what is
//! wrong with their objects.
//!
//! Not here: how a request or a form says what to change.

use axum::http::{Method, Request};
use crd::names;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::access::Deed;
use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::object;
use crate::place::{Name, Namespace};

/// Field manager of what is written here.
const MANAGER: &str = "claudetask-web";

/// Creates the ClaudeTask, or only asks whether it would be taken (`dry_run`); gives it as stored.
///
/// # Errors
/// What the apiserver has against it, field by field.
pub async fn create(
    app: &App,
    caller: &Caller,
    namespace: &Namespace,
    body: Value,
    dry_run: bool,
) -> Result<Value, Error> {
    let object = object::asked_by(&caller.user.name, namespace.as_str(), body)?;
    let dry_run = if dry_run { "&dryRun=All" } else { "" };
    let query = format!("?fieldValidation=Strict&fieldManager={MANAGER}{dry_run}");
    send(app, caller, Method::POST, &format!("{}{query}", address(namespace)), &object).await
}

/// Asks the task to stop; gives it as stored.
///
/// # Errors
/// When the caller may not, or there is no such task.
pub async fn cancel(
    app: &App,
    caller: &Caller,
    namespace: &Namespace,
    name: &Name,
) -> Result<Value, Error> {
    let address = format!("{}/{name}?fieldManager={MANAGER}", address(namespace));
    send(app, caller, Method::PATCH, &address, &json!({"spec": {"cancel": true}})).await
}

/// Deletes the task, and with it its Jobs and their logs.
///
/// # Errors
/// When the caller may not, or there is no such task.
pub async fn delete(
    app: &App,
    caller: &Caller,
    namespace: &Namespace,
    name: &Name,
) -> Result<(), Error> {
    let address = format!("{}/{name}?propagationPolicy=Background", address(namespace));
    send(app, caller, Method::DELETE, &address, &json!({})).await.map(drop)
}

/// Creates a new task like this one ([`object::again`]); gives it as stored.
///
/// # Errors
/// When the caller may not see the task or create one, or there is none.
pub async fn again(
    app: &App,
    caller: &Caller,
    namespace: &Namespace,
    name: &Name,
) -> Result<Value, Error> {
    let (namespace_text, name) = (namespace.as_str(), name.as_str());
    app.demand(&caller.user, Deed::GetTask, namespace_text, Some(name)).await?;
    let task = app.tasks.get(namespace_text, name);
    let task = task.ok_or_else(|| Error::not_found(namespace_text, name))?;
    create(app, caller, namespace, object::again(&task)?, false).await
}

fn address(namespace: &Namespace) -> String {
    let (group, version, plural) = (names::GROUP, names::VERSION, names::PLURAL);
    format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}")
}

async fn send(
    app: &App,
    caller: &Caller,
    method: Method,
    address: &str,
    body: &Value,
) -> Result<Value, Error> {
    let form = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = Request::builder().method(method).uri(address).header(CONTENT_TYPE, form);
    let request = request.body(serde_json::to_vec(body)?)?;
    Ok(app.apiserver.as_caller(caller)?.request(request).await?)
}
