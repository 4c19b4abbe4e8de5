//! The form: show it, show its YAML, check it, create from it.
//!
//! Not here: fields and object ([`crate::page::form`]).

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::Markup;
use serde::Deserialize;

use super::{Broken, Visitor, shell, to_new};
use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::field::Field;
use crate::page::form::{Fields, Said, form};
use crate::place::Namespace;
use crate::write;

/// What is to be done with the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Do {
    Check,
    Create,
}

/// The button that was pressed; the fields are read beside it.
#[derive(Debug, Deserialize)]
pub struct Pressed {
    r#do: Do,
}

/// The empty form, or as the address fills it in.
pub async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Query(fields): Query<Fields>,
) -> Result<Markup, Broken> {
    page(&app, &caller, &fields, &Said::Nothing).await
}

/// The YAML of the fields.
pub async fn yaml(Visitor(_): Visitor, Form(fields): Form<Fields>) -> String {
    fields.yaml()
}

/// Checks the fields, or creates the task.
pub async fn send(
    State(app): State<App>,
    Visitor(caller): Visitor,
    body: String,
) -> Result<Response, Broken> {
    let unread = |_| Broken(Error::bad_request("The form cannot be read."));
    let pressed = form_of::<Pressed>(&body).map_err(unread)?;
    let fields = form_of::<Fields>(&body).map_err(unread)?;
    let check = pressed.r#do == Do::Check;
    let said = match try_create(&app, &caller, &fields, check).await {
        Ok((namespace, made)) if !check => {
            return Ok(to_new(&app, &namespace, &made).await.into_response());
        }
        Ok(_) => Said::Checked,
        Err(error) => Said::Errors(errors(error)),
    };
    let code = match said {
        Said::Errors(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    Ok((code, page(&app, &caller, &fields, &said).await?).into_response())
}

fn form_of<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, serde_urlencoded::de::Error> {
    serde_urlencoded::from_str(body)
}

async fn try_create(
    app: &App,
    caller: &Caller,
    fields: &Fields,
    dry_run: bool,
) -> Result<(Namespace, serde_json::Value), Error> {
    let namespace = Namespace::new(fields.get("namespace")).ok_or_else(no_namespace)?;
    let made = write::create(app, caller, &namespace, fields.object(), dry_run).await?;
    Ok((namespace, made))
}

fn no_namespace() -> Error {
    let message = "must be the name of a namespace, such as team-a".to_owned();
    crate::object::Unfit { field: "metadata.namespace", message }.into()
}

/// The error at its fields; as a whole when it names none.
fn errors(error: Error) -> Vec<Field> {
    if error.fields.is_empty() {
        return vec![Field { field: String::new(), message: error.message }];
    }
    error.fields
}

async fn page(app: &App, caller: &Caller, fields: &Fields, said: &Said) -> Result<Markup, Broken> {
    let namespaces: Vec<String> = app.to_create_in(&caller.user).await?.into_iter().collect();
    Ok(form(&shell(app, caller).await?, fields, &namespaces, said))
}
