//! How the containers of a task reach the network: settings of the operator for the whole
//! installation.
//!
//! Not here: certificates that are trusted; they are a mounted file
//! ([`crate::names::TRUST_BUNDLE`]).

use serde::{Deserialize, Serialize};

/// Proxies for git over http and https, for Claude Code and for a task's own commands. None of
/// them is for ssh. An empty text means none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Proxy {
    /// Proxy for `http://` addresses, such as `http://proxy.example.com:3128`.
    pub http: String,
    /// Proxy for `https://` addresses.
    pub https: String,
    /// Hosts that are reached directly, separated by commas; `.example.com` means all below it.
    pub none: String,
}

impl Proxy {
    /// Whether nothing is set.
    pub const fn is_empty(&self) -> bool {
        self.http.is_empty() && self.https.is_empty()
    }

    /// The variables that programs read, each under both of its names: curl takes `http_proxy` in
    /// small letters only, others take capitals only.
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        if self.is_empty() {
            return Vec::new();
        }
        let all = [
            ("HTTP_PROXY", "http_proxy", &self.http),
            ("HTTPS_PROXY", "https_proxy", &self.https),
            ("NO_PROXY", "no_proxy", &self.none),
        ];
        let set = all.into_iter().filter(|(_, _, value)| !value.is_empty());
        set.flat_map(|(upper, lower, value)| [(upper, value.as_str()), (lower, value.as_str())])
            .collect()
    }

    /// What is wrong with it, in words for the cluster's admin.
    ///
    /// # Errors
    /// When a proxy is no http or https address of a host, or holds a user or password: the
    /// setting stands in objects and environments that many people can read.
    pub fn check(&self) -> Result<(), String> {
        [("http", &self.http), ("https", &self.https)]
            .into_iter()
            .filter(|(_, address)| !address.is_empty())
            .try_for_each(|(name, address)| check(name, address))
    }
}

fn check(name: &str, address: &str) -> Result<(), String> {
    if address.contains('@') {
        return Err(format!("the {name} proxy must not have a user or password in its address"));
    }
    let place = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    match place.map(|place| place.strip_suffix('/').unwrap_or(place)) {
        Some(place) if !place.is_empty() && place.chars().all(plain) => Ok(()),
        _ => Err(format!(
            "the {name} proxy must be an address such as http://proxy.example.com:3128"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::Proxy;

    fn proxy(https: &str) -> Proxy {
        Proxy { https: https.to_owned(), ..Proxy::default() }
    }

    #[test]
    fn a_proxy_is_an_address_without_a_password() {
        for good in ["http://proxy.example.com:3128", "https://proxy/", ""] {
            assert_eq!(proxy(good).check(), Ok(()), "{good}");
        }
        for bad in ["proxy:3128", "http://", "socks5://proxy", "http://proxy/path", "http://a b"] {
            assert!(proxy(bad).check().unwrap_err().contains("http://proxy.example.com"), "{bad}");
        }
        let refused = proxy("http://user:canary@proxy:3128").check().unwrap_err();
        assert!(refused.contains("password") && !refused.contains("canary"), "{refused}");
    }

    #[test]
    fn each_variable_is_there_under_both_names_and_only_when_set() {
        let proxy = Proxy { none: ".svc".to_owned(), ..proxy("http://p:1") };
        let expected = [
            ("HTTPS_PROXY", "http://p:1"),
            ("https_proxy", "http://p:1"),
            ("NO_PROXY", ".svc"),
            ("no_proxy", ".svc"),
        ];
        assert_eq!(proxy.variables(), expected);
        assert!(Proxy { https: String::new(), ..proxy }.variables().is_empty());
    }
}
