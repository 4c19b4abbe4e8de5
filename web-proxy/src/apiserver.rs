//! The apiserver as somebody: the proxy's own client, and one for each caller.
//!
//! All callers share the connections of one client without credentials; what a request carries is
//! its caller's alone. Not here: what is asked.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use kube::client::Body;
use kube::config::AuthInfo;
use kube::{Client, Config};
use tower::service_fn;

use crate::caller::{Caller, Credential};

/// User name for impersonation, as the apiserver reads it.
const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
/// One group for impersonation; the header is repeated.
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// A caller whose name, group or token fits into no HTTP header.
#[derive(Debug, thiserror::Error)]
#[error("the caller's name, groups or token cannot be sent to the apiserver")]
pub struct Unsendable(#[from] http::header::InvalidHeaderValue);

/// The apiserver.
#[derive(Clone)]
pub struct Apiserver {
    own: Client,
    open: Client,
}

impl Apiserver {
    /// Reaches the apiserver of this configuration, whose credentials are the proxy's own.
    ///
    /// # Errors
    /// When the configuration's certificates or credentials cannot be used.
    pub fn new(config: Config) -> Result<Self, kube::Error> {
        let mut open = config.clone();
        open.auth_info = AuthInfo::default();
        Ok(Self { own: Client::try_from(config)?, open: Client::try_from(open)? })
    }

    /// As the proxy itself.
    pub fn own(&self) -> Client {
        self.own.clone()
    }

    /// As the caller.
    ///
    /// # Errors
    /// When the caller fits into no header.
    pub fn as_caller(&self, caller: &Caller) -> Result<Client, Unsendable> {
        let headers = headers(caller)?;
        let base = match caller.credential {
            Credential::Token(_) => self.open.clone(),
            Credential::Impersonation => self.own.clone(),
        };
        let send = move |mut request: Request<Body>| {
            request.headers_mut().extend(headers.clone());
            let base = base.clone();
            async move { base.send(request).await }
        };
        Ok(Client::new(service_fn(send), "default"))
    }
}

fn headers(caller: &Caller) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::new();
    match &caller.credential {
        Credential::Token(token) => {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Credential::Impersonation => {
            headers.insert(IMPERSONATE_USER, HeaderValue::from_str(&caller.user.name)?);
            for group in &caller.user.groups {
                headers.append(IMPERSONATE_GROUP, HeaderValue::from_str(group)?);
            }
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::{IMPERSONATE_GROUP, headers};
    use crate::caller::{Caller, Credential, Means, Secret, User};

    fn caller(name: &str, credential: Credential) -> Caller {
        let groups = vec!["team".to_owned(), "all".to_owned()];
        let user = User { name: name.to_owned(), groups, ..User::default() };
        Caller { user, credential, means: Means::Bearer, until: None, cookie: None }
    }

    #[test]
    fn a_token_is_sent_as_it_is_and_with_no_name() {
        let sent = headers(&caller("ana", Credential::Token(Secret::new("t-1")))).unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent["authorization"], "Bearer t-1");
        assert!(sent["authorization"].is_sensitive());
    }

    #[test]
    fn an_impersonated_caller_is_named_with_all_groups_and_sends_no_token_of_theirs() {
        let sent = headers(&caller("ana", Credential::Impersonation)).unwrap();
        assert_eq!(sent["impersonate-user"], "ana");
        let groups: Vec<_> = sent.get_all(IMPERSONATE_GROUP).iter().collect();
        assert_eq!(groups, ["team", "all"]);
        assert!(!sent.contains_key("authorization"));
    }

    #[test]
    fn a_name_that_would_begin_another_header_is_refused() {
        let evil = caller("ana\r\nImpersonate-Group: system:masters", Credential::Impersonation);
        assert!(headers(&evil).is_err());
    }
}
