//! An apiserver that answers from a script and fails on any other call.
//!
//! Not here: the scripts.

use std::time::Duration;

use axum::http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock::{Handle, SendResponse, pair};

/// Longest time that a call may be waited for.
pub const LIMIT: Duration = Duration::from_secs(5);

pub struct Apiserver(Handle<Request<Body>, Response<Body>>);

/// A request that waits for its answer.
pub struct Call {
    pub body: Value,
    answer: SendResponse<Response<Body>>,
}

impl Apiserver {
    pub fn new() -> (Client, Self) {
        let (service, handle) = pair();
        (Client::new(service, "default"), Self(handle))
    }

    /// The next call, which must be this one.
    pub async fn expect(&mut self, method: Method, path: &str) -> Call {
        let next = tokio::time::timeout(LIMIT, self.0.next_request()).await;
        let (request, answer) =
            next.unwrap_or_else(|_| panic!("no call, expected {method} {path}")).unwrap();
        let (head, body) = request.into_parts();
        assert_eq!((&head.method, head.uri.path()), (&method, path));
        let body = body.collect_bytes().await.unwrap();
        Call { body: serde_json::from_slice(&body).unwrap_or_default(), answer }
    }

    /// Nothing more is called.
    pub async fn rest(mut self) {
        if let Some((request, _)) = self.0.next_request().await {
            panic!("unexpected {} {}", request.method(), request.uri());
        }
    }
}

impl Call {
    pub fn ok(self, object: &Value) {
        self.send(200, object);
    }

    /// Refused with a `Status` of this code and reason.
    pub fn refuse(self, code: u16, reason: &str) {
        self.refuse_saying(code, reason, &format!("{reason}: because"));
    }

    /// The same with a message.
    pub fn refuse_saying(self, code: u16, reason: &str, message: &str) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": code, "reason": reason, "message": message});
        self.send(code, &status);
    }

    fn send(self, code: u16, object: &Value) {
        let body = Body::from(serde_json::to_vec(object).unwrap());
        self.answer.send_response(Response::builder().status(code).body(body).unwrap());
    }
}
