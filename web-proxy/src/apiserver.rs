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
            Credential::Impersonation(_) => self.own.clone(),
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
        // The apiserver reads these as UTF-8, as which names are sent.
        Credential::Impersonation(user) => {
            headers.insert(IMPERSONATE_USER, HeaderValue::from_bytes(user.name.as_bytes())?);
            for group in &user.groups {
                headers.append(IMPERSONATE_GROUP, HeaderValue::from_bytes(group.as_bytes())?);
            }
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::{IMPERSONATE_GROUP, headers};
    use crate::caller::{Caller, Credential, Means, Secret, User};
    use crate::identity::refuse::{Prefix, prefixed};

    fn impersonated(name: &str, groups: &[&str]) -> Caller {
        let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        let user = prefixed(&Prefix::default(), name, &groups).unwrap();
        Caller::impersonated(user, Means::Header, None)
    }

    fn holder(token: &str) -> Caller {
        let user = User { name: "ana".to_owned(), ..User::default() };
        let credential = Credential::Token(Secret::new(token));
        Caller { user, credential, means: Means::Bearer, until: None, cookie: None }
    }

    #[test]
    fn a_token_is_sent_as_it_is_and_with_no_name() {
        let sent = headers(&holder("t-1")).unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent["authorization"], "Bearer t-1");
        assert!(sent["authorization"].is_sensitive());
    }

    #[test]
    fn an_impersonated_caller_is_named_with_all_groups_and_sends_no_token_of_theirs() {
        let sent = headers(&impersonated("ana", &["team", "all"])).unwrap();
        assert_eq!(sent["impersonate-user"], "ana");
        let groups: Vec<_> = sent.get_all(IMPERSONATE_GROUP).iter().collect();
        assert_eq!(groups, ["team", "all"]);
        assert!(!sent.contains_key("authorization"));
    }

    #[test]
    fn names_of_any_script_are_sent_as_utf_8() {
        let sent = headers(&impersonated("Zoë", &["отдел"])).unwrap();
        assert_eq!(sent["impersonate-user"].as_bytes(), "Zoë".as_bytes());
        assert_eq!(sent[IMPERSONATE_GROUP].as_bytes(), "отдел".as_bytes());
    }

    #[test]
    fn a_token_that_would_begin_another_header_is_refused() {
        assert!(headers(&holder("t\r\nImpersonate-Group: system:masters")).is_err());
    }
}
