//! Serves git requests and redirects: who asks, may they, what do the rules want, then git.
//!
//! A request that got past the account check is served to its end even when the client goes away
//! meanwhile: a held push that is let go of later still happens, which is the worst case that a
//! real network has.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::accounts::{Access, Account};
use super::cgi::{self, Question};
use super::journal::Entry;
use super::repository;
use super::request::{Call, GitRequest};
use super::rules::Hold;
use super::state::State;

/// Why a request is not served.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// No account, or a wrong password: 401.
    Login,
    /// The account may not do that: 403.
    Forbidden,
    /// No such repository: 404.
    Missing,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        match self {
            Self::Login => (StatusCode::UNAUTHORIZED, challenge, "log in first\n").into_response(),
            Self::Forbidden => (StatusCode::FORBIDDEN, "not with this account\n").into_response(),
            Self::Missing => (StatusCode::NOT_FOUND, "repository not found\n").into_response(),
        }
    }
}

/// Answers one git request.
pub async fn git(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let caller = caller(&state, request.headers());
    let uri = request.uri();
    let asked =
        GitRequest::parse(request.method().as_str(), uri.path(), uri.query().unwrap_or_default());
    let name = caller.as_ref().map(|account| account.name.as_str());
    let number = state.journal().begin(Entry::of(&request, asked.as_ref(), name));
    let (asked, user) = match admit(&state, asked, caller) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            let refusal = refusal.into_response();
            state.journal().end(number, refusal.status());
            return refusal;
        }
    };
    let served = tokio::spawn(async move {
        let response = serve(&state, asked, &user, request).await;
        let response = response.unwrap_or_else(|error| {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
        });
        state.journal().end(number, response.status());
        response
    });
    served.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Sends a request below `/redirect/<name>/` elsewhere.
pub async fn redirect(
    Shared(state): Shared<Arc<State>>,
    Path((name, rest)): Path<(String, String)>,
    request: Request,
) -> Response {
    let caller = caller(&state, request.headers());
    let user = caller.map(|account| account.name);
    let number = state.journal().begin(Entry::of(&request, None, user.as_deref()));
    let target = state.redirects().get(&name).cloned();
    let response = match target {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(target) if target.after_login && user.is_none() => Refusal::Login.into_response(),
        Some(target) => {
            let query = request.uri().query().map(|query| format!("?{query}"));
            let location = format!("{}/{rest}{}", target.to, query.unwrap_or_default());
            (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
        }
    };
    state.journal().end(number, response.status());
    response
}

/// The account that a request's `Authorization` header proves.
pub fn caller(state: &State, headers: &HeaderMap) -> Option<Account> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    state.settings.accounts.identify(header).cloned()
}

/// The request and the account's name when it may be served, else the refusal.
fn admit(
    state: &State,
    asked: Option<GitRequest>,
    caller: Option<Account>,
) -> Result<(GitRequest, String), Refusal> {
    let caller = caller.ok_or(Refusal::Login)?;
    let asked = asked
        .filter(|asked| repository::exists(&state.settings.root, &asked.repo))
        .ok_or(Refusal::Missing)?;
    if asked.call.writes() && caller.access < Access::Write {
        return Err(Refusal::Forbidden);
    }
    Ok((asked, caller.name))
}

/// Serves a request as the rules want it. A push is read to its end first: its body says which
/// refs it moves, and while it is held the client's end must not be its own.
async fn serve(
    state: &State,
    mut asked: GitRequest,
    user: &str,
    request: Request,
) -> anyhow::Result<Response> {
    let (head, mut body) = request.into_parts();
    if asked.call == Call::Push {
        let bytes = to_bytes(body, usize::MAX).await?;
        asked.refs = GitRequest::pushed_refs(&bytes);
        body = Body::from(bytes);
    }
    let plan = state.rules().plan(&asked, user);
    if !plan.before.is_empty() {
        body = Body::from(to_bytes(body, usize::MAX).await?);
    }
    let whole = plan.needs_whole_answer();
    wait(plan.before).await;
    if let Some(status) = plan.instead {
        return made_up(status);
    }
    let question = Question {
        root: &state.settings.root,
        git: &asked,
        method: head.method.as_str(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        user,
        refuse: plan.refuse.as_deref(),
    };
    let answer = cgi::ask(&question, body).await?;
    if !whole {
        return Ok(answer.streamed().into_response());
    }
    let finished = answer.whole().await?;
    wait(plan.after).await;
    plan.answer.map_or_else(|| Ok(finished.into_response()), made_up)
}

async fn wait(holds: Vec<Hold>) {
    for hold in holds {
        hold.released().await;
    }
}

fn made_up(status: u16) -> anyhow::Result<Response> {
    let status = StatusCode::from_u16(status)?;
    Ok((status, "this answer was asked for by a test\n").into_response())
}
