//! Signing in, with a token or at an identity provider, and out again.
//!
//! Not here: sessions ([`crate::identity::session`]) and logins ([`crate::identity::login`]).

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use crd::errors::chain;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use maud::Markup;
use serde::Deserialize;

use super::{Broken, nobody};
use crate::app::App;
use crate::caller::Secret;
use crate::error::Error;
use crate::identity::Way;
use crate::identity::login::{self, Failed, Logins};
use crate::identity::session::{self, Holder};
use crate::page;

/// Why a token was refused.
const REFUSED: &str = "The cluster does not take this token: it is mistyped, expired or made for \
    something else. Make another one.";

/// What the page of signing in sends.
#[derive(Deserialize)]
pub struct SignIn {
    token: String,
}

/// What the browser brings back from the identity provider.
#[derive(Deserialize)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
}

/// The page on which one signs in.
pub async fn show(State(app): State<App>) -> Markup {
    page(&app, None)
}

/// Begins a session, if the apiserver takes the token.
pub async fn sign_in(
    State(app): State<App>,
    Form(SignIn { token }): Form<SignIn>,
) -> Result<Response, Broken> {
    if !matches!(app.gate.way, Way::Token) {
        return Err(Error::bad_request("One does not sign in with a token here.").into());
    }
    let (token, now) = (Secret::new(token.trim()), Timestamp::now());
    if app.gate.user(&token).await?.is_none() {
        return Ok((StatusCode::UNAUTHORIZED, page(&app, Some(REFUSED))).into_response());
    }
    let cookie = app.gate.sessions.begin(Holder::Token(token), None, now).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// Sends the browser to the identity provider.
pub async fn begin(State(app): State<App>) -> Response {
    let Way::Oidc(logins) = &app.gate.way else { return Redirect::to("/login").into_response() };
    match logins.begin(Timestamp::now()).await {
        Ok((url, cookie)) => {
            ([(header::SET_COOKIE, cookie)], Redirect::to(url.as_str())).into_response()
        }
        Err(failed) => not_signed_in(&app, &failed),
    }
}

/// Begins a session for whom the identity provider vouches for.
pub async fn come_back(
    State(app): State<App>,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
) -> Response {
    let Way::Oidc(logins) = &app.gate.way else { return Redirect::to("/login").into_response() };
    let over = axum::response::AppendHeaders([(header::SET_COOKIE, logins.over())]);
    match vouched(&app, logins, answer, &headers).await {
        Ok(session) => {
            let mut response = page::signed_in(&nobody(Timestamp::now())).into_response();
            response.headers_mut().append(header::SET_COOKIE, session);
            (over, response).into_response()
        }
        Err(NotIn::Failed(failed)) => (over, not_signed_in(&app, &failed)).into_response(),
        Err(NotIn::Broken(broken)) => (over, broken).into_response(),
    }
}

/// Why no session begins.
enum NotIn {
    /// It is for the person to try again.
    Failed(Failed),
    /// It is for those who run these pages.
    Broken(Broken),
}

impl From<Failed> for NotIn {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl<T: Into<Error>> From<T> for NotIn {
    fn from(error: T) -> Self {
        Self::Broken(error.into().into())
    }
}

/// The text for the Set-Cookie header of the new session.
async fn vouched(
    app: &App,
    logins: &Logins,
    answer: Answer,
    headers: &HeaderMap,
) -> Result<http::HeaderValue, NotIn> {
    let now = Timestamp::now();
    let (Some(state), Some(code)) = (answer.state, answer.code) else {
        // The person, or the provider, has said no.
        return Err(Failed::NotBegun.into());
    };
    let signed_in = logins.finish(login::COOKIE.read(headers), &state, &code, now).await?;
    let (holder, end) = match signed_in.token {
        Some(token) => (Holder::Token(token), Some(signed_in.until)),
        None => (Holder::Person(signed_in.user), None),
    };
    if let Holder::Token(token) = &holder
        && app.gate.user(token).await?.is_none()
    {
        return Err(Error::unauthorized_token().into());
    }
    let cookie = app.gate.sessions.begin(holder, end, now).await?;
    Ok(http::HeaderValue::from_str(&cookie).map_err(http::Error::from)?)
}

/// Ends the session.
pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    let cookie = session::COOKIE.read(&headers).unwrap_or_default();
    let over = app.gate.sessions.end(cookie, Timestamp::now()).await;
    ([(header::SET_COOKIE, over)], Redirect::to("/login")).into_response()
}

fn not_signed_in(app: &App, failed: &Failed) -> Response {
    tracing::warn!(error = chain(failed), "somebody could not sign in");
    (StatusCode::UNAUTHORIZED, page(app, Some(&failed.public()))).into_response()
}

fn page(app: &App, error: Option<&str>) -> Markup {
    let shell = nobody(Timestamp::now());
    match app.gate.way {
        Way::Token => page::login(&shell, error),
        Way::Oidc(_) => page::login_oidc(&shell, error),
        Way::Header(_) => page::login_header(&shell),
    }
}
