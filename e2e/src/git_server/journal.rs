//! What was asked of the server, for tests to look at afterwards. Never a credential.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::request::{Call, GitRequest};

/// One request, admin and health requests left out.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The HTTP method.
    pub method: String,
    /// The host that the client asked for.
    pub host: String,
    /// The path without the query.
    pub path: String,
    /// The repository, when it is a git request.
    pub repo: Option<String>,
    /// The call, when it is a git request.
    pub call: Option<Call>,
    /// Whether the body was sent compressed.
    pub compressed: bool,
    /// Whether the request had an `Authorization` header, right or wrong.
    pub authorization: bool,
    /// The account that this header proved.
    pub user: Option<String>,
    /// The answer's status; none while there is none yet.
    pub status: Option<u16>,
}

/// All requests in the order in which they came.
#[derive(Default)]
pub struct Journal(Vec<Entry>);

impl Entry {
    /// A request that has just come in.
    pub fn of(request: &Request, git: Option<&GitRequest>, user: Option<&str>) -> Self {
        let headers = request.headers();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Self {
            method: request.method().to_string(),
            host: host.unwrap_or_default().to_owned(),
            path: request.uri().path().to_owned(),
            repo: git.map(|git| git.repo.clone()),
            call: git.map(|git| git.call),
            compressed: headers.contains_key(header::CONTENT_ENCODING),
            authorization: headers.contains_key(header::AUTHORIZATION),
            user: user.map(str::to_owned),
            status: None,
        }
    }
}

impl Journal {
    /// Notes a request; the number is for [`Journal::end`].
    pub fn begin(&mut self, entry: Entry) -> usize {
        self.0.push(entry);
        self.0.len() - 1
    }

    /// Notes how a request was answered.
    pub fn end(&mut self, number: usize, status: StatusCode) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.status = Some(status.as_u16());
        }
    }

    /// Every request so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.clone()
    }
}
