//! Signing in with a token, and out again.
//!
//! Not here: sessions ([`crate::identity::session`]).

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use maud::Markup;
use serde::Deserialize;

use super::{Broken, nobody};
use crate::app::App;
use crate::caller::Secret;
use crate::identity::cookie;
use crate::identity::session::Holder;
use crate::page;

/// What the page of signing in sends.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
}

/// The page on which one signs in.
pub async fn show() -> Markup {
    page::login(&nobody(Timestamp::now()), None)
}

/// Begins a session, if the apiserver takes the token.
pub async fn sign_in(
    State(app): State<App>,
    Form(SignIn { token }): Form<SignIn>,
) -> Result<Response, Broken> {
    let (token, now) = (Secret::new(token.trim()), Timestamp::now());
    if app.gate.user(&token).await?.is_none() {
        let text = "The cluster does not take this token: it is mistyped, expired or made for \
            something else. Make another one.";
        let page = page::login(&nobody(now), Some(text));
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    let cookie = app.gate.sessions.begin(Holder::Token(token), None, now).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// Ends the session.
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    let over = app.gate.sessions.end(cookie(&headers).unwrap_or_default(), Timestamp::now()).await;
    ([(header::SET_COOKIE, over)], Redirect::to("/login")).into_response()
}
