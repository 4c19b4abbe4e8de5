//! What every request and answer passes: other sites' requests are refused, and browsers are told to
//! load nothing from elsewhere.
//!
//! Not here: who asks ([`crate::identity`]).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::error::Error;

/// What pages may load and where forms may go: this origin only, and no inline script or style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Refuses what a page of another site made a browser send.
pub async fn refuse_cross_site(request: Request, next: Next) -> Response {
    if is_cross_site(request.method(), request.headers()) {
        return Error::cross_site().into_response();
    }
    next.run(request).await
}

/// Sets the headers of the answer.
pub async fn set_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What one person may see is for no cache that others share.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a browser says that another site's page made it send a request that changes something.
/// Programs that are no browsers send neither header, and cookies neither.
fn is_cross_site(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return false;
    }
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text(HeaderName::from_static("sec-fetch-site")), text(ORIGIN)) {
        (Some(site), _) => site != "same-origin" && site != "none",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_none() || host != text(HOST)
        }
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_site_changes_anything() {
        let cross = |method: Method, headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            });
            is_cross_site(&method, &headers.collect())
        };
        let here = ("host", "tasks.example.com");
        for (headers, expected) in [
            (vec![("sec-fetch-site", "same-origin")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "cross-site")], true),
            (vec![("sec-fetch-site", "same-site")], true),
            (vec![here, ("origin", "https://tasks.example.com")], false),
            (vec![here, ("origin", "https://evil.example.com")], true),
            (vec![here, ("origin", "null")], true),
            (vec![here], false),
        ] {
            assert_eq!(cross(Method::POST, &headers), expected, "{headers:?}");
            assert!(!cross(Method::GET, &headers));
        }
    }
}
