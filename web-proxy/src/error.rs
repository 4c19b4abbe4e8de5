//! What a request is told when it cannot be done: a reason, a sentence, and fields.
//!
//! The apiserver's words reach the caller only when they are about the caller's own object; what
//! else went wrong goes to the log. Not here: pages, which show the same.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use crd::errors::chain;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use kube::core::Status;
use kube::core::response::StatusCause;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Unanswered;
use crate::apiserver::Unsendable;
use crate::field::Field;
use crate::identity::cookie::NoRandom;
use crate::identity::review::Unreviewed;
use crate::object::Unfit;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Error {
    /// The HTTP status.
    #[serde(skip)]
    #[schema(ignore)]
    pub code: u16,
    /// One word, as Kubernetes has it: `Forbidden`, `NotFound`, `Invalid`.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// Fields that are wrong, where it is about some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Seconds after which it may be tried again, for the header Retry-After.
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<u64>,
}

impl Error {
    fn new(code: StatusCode, reason: &str, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.to_owned(), message.into());
        Self { code: code.as_u16(), reason, message, fields: Vec::new(), retry_after: None }
    }

    /// The request says not who asks, or nothing that holds.
    pub fn unauthorized() -> Self {
        let text = "Sign in, or send a valid token as `Authorization: Bearer`.";
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", text)
    }

    /// The identity provider vouches for somebody whose token the apiserver does not take.
    pub fn unauthorized_token() -> Self {
        let text =
            "The cluster does not take the identity provider's tokens. Tell those who run it.";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", text)
    }

    /// The web may not act in the caller's name.
    fn not_impersonated() -> Self {
        let text = "These pages may not act in your name. Tell those who run them.";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", text)
    }

    /// The caller may not do this in the namespace.
    pub fn forbidden(verb: &str, resource: &str, namespace: &str) -> Self {
        let text = format!("You may not {verb} {resource} in the namespace {namespace}.");
        Self::new(StatusCode::FORBIDDEN, "Forbidden", text)
    }

    /// A page of another site made the browser send this.
    pub fn cross_site() -> Self {
        let text = "This request came from a page of another site.";
        Self::new(StatusCode::FORBIDDEN, "CrossSite", text)
    }

    /// There is no such task.
    pub fn not_found(namespace: &str, name: &str) -> Self {
        let text = format!("There is no task {name} in the namespace {namespace}.");
        Self::new(StatusCode::NOT_FOUND, "NotFound", text)
    }

    /// There is nothing at the address.
    pub fn nothing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "There is nothing at this address.")
    }

    /// The address is there, for something else.
    pub fn method_not_allowed() -> Self {
        let text = "This address is there, but not for such a request.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", text)
    }

    /// A fault of this program; what it is was written to its log.
    pub fn internal() -> Self {
        let text = "Something went wrong here. Tell those who run these pages.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text)
    }

    /// The address or body cannot be read.
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", text)
    }

    /// More streams than one caller may have open.
    pub fn too_many_streams(most: usize) -> Self {
        let text = format!("You have {most} streams open; close one first.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", text)
    }

    /// The body is larger than this many bytes.
    pub fn too_large(most: usize) -> Self {
        let text = format!(
            "The request is larger than {most} bytes. Shorten it, such as by putting long material \
             into the repository instead of the prompt."
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", text)
    }

    /// The cluster has not answered within the time for a request.
    pub fn too_late() -> Self {
        let text = "The cluster takes too long to answer; try again in a moment.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", text)
    }

    /// More requests than one caller may make, who should wait so long.
    pub fn too_many_requests(wait: Duration) -> Self {
        Self::too_many("You ask too often", wait)
    }

    /// More tokens that nobody has seen before than are asked about.
    fn too_many_strangers(wait: Duration) -> Self {
        Self::too_many("Too many try to sign in just now", wait)
    }

    fn too_many(what: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let text = format!("{what}; try again in {seconds} s.");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", text);
        Self { retry_after: Some(seconds), ..error }
    }

    fn unavailable(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = chain(error), "a request could not be answered");
        let text = "The cluster does not answer as it should; try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", text)
    }
}

impl Error {
    /// Headers that go with it.
    pub fn headers(&self) -> HeaderMap {
        let wait = self.retry_after.map(|seconds| (RETRY_AFTER, seconds.into()));
        wait.into_iter().collect()
    }
}

/// What the apiserver adds when there are errors that keep it from looking at rules.
const UNCHECKED: &str = "some validation rules were not checked";

/// What the apiserver said to a write that was made as the caller.
fn said(status: Status) -> Error {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !code.is_client_error() {
        return Error::unavailable(&kube::Error::Api(Box::new(status)));
    }
    let about = status.details.as_ref().map(|details| details.kind.as_str()).unwrap_or_default();
    if code == StatusCode::FORBIDDEN && ["users", "groups"].contains(&about) {
        // It is about what the web may, which is nothing that the caller has asked for.
        return Error::not_impersonated();
    }
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    // Rules that were not looked at are nobody's fault.
    let causes = causes.into_iter().filter(|cause| !cause.message.contains(UNCHECKED));
    // A rule on the whole object has no field, which the apiserver writes as Go does.
    let of_object = |field: &String| field == "<nil>";
    let field = |StatusCause { field, message, .. }: StatusCause| Field {
        field: Some(field).filter(|field| !of_object(field)).unwrap_or_default(),
        message,
    };
    let fields = causes.map(field).collect();
    Error { fields, ..Error::new(code, &status.reason, status.message) }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => said(*status),
            error => Self::unavailable(&error),
        }
    }
}

/// Turns errors that are nobody's to read but ours into [`Error::unavailable`].
macro_rules! unavailable {
    ($($type:ty),+ $(,)?) => {
        $(impl From<$type> for Error {
            fn from(error: $type) -> Self {
                Self::unavailable(&error)
            }
        })+
    };
}

unavailable![Unanswered, NoRandom, serde_json::Error, axum::Error, http::Error];

impl From<Unreviewed> for Error {
    fn from(error: Unreviewed) -> Self {
        match error {
            Unreviewed::TooMany(wait) => Self::too_many_strangers(wait),
            asking @ Unreviewed::Asking(_) => Self::unavailable(&asking),
        }
    }
}

impl From<Unsendable> for Error {
    fn from(_: Unsendable) -> Self {
        Self::unauthorized()
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        let fields = vec![Field { field: unfit.field.to_owned(), message: unfit.message.clone() }];
        let text = unfit.to_string();
        Self { fields, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Beside its text, for where people are told the same with a page.
        let own = Extension(self.clone());
        (code, self.headers(), own, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Error, Status};

    fn status(text: serde_json::Value) -> kube::Error {
        kube::Error::Api(Box::new(serde_json::from_value::<Status>(text).unwrap()))
    }

    #[test]
    fn what_is_wrong_with_the_callers_object_is_told_field_by_field() {
        let error = Error::from(status(json!({
            "code": 422, "reason": "Invalid", "message": "it is invalid",
            "details": {"causes": [
                {"reason": "x", "field": "spec.prompt", "message": "blank"},
                {"reason": "x", "field": "<nil>", "message": "the name is too long"},
                {"reason": "x", "field": "<nil>", "message":
                    "Invalid value: null: some validation rules were not checked because …"},
            ]},
        })));
        assert_eq!(error.fields.len(), 2);
        let of_object = &error.fields[1];
        assert_eq!(
            (of_object.field.as_str(), of_object.message.as_str()),
            ("", "the name is too long")
        );
        assert_eq!((error.code, error.reason.as_str()), (422, "Invalid"));
        assert_eq!(
            (error.fields[0].field.as_str(), error.fields[0].message.as_str()),
            ("spec.prompt", "blank")
        );
    }

    #[test]
    fn what_is_wrong_with_the_cluster_is_not_told() {
        let error = Error::from(status(json!({"code": 500, "message": "etcd at canary is full"})));
        assert_eq!(error.code, 503);
        assert!(!error.message.contains("canary"));
        let dead = kube::Error::Service("canary".into());
        assert!(!Error::from(dead).message.contains("canary"));
    }
}
