//! Addresses of repositories, and which of them a credential is for. Pure.
//!
//! Not here: reading the Secret ([`crate::credential`]).

/// The parts of an http address that decide where a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address<'a> {
    scheme: &'a str,
    host: String,
    port: u16,
    segments: Vec<&'a str>,
}

/// Whether a credential for `prefix` may be sent to `url`: scheme, host and port are equal, and
/// the path begins with the prefix's path, segment by segment. An address that has a user, a
/// query, an escape or a `..` in it is covered by nothing and covers nothing.
pub fn covers(prefix: &str, url: &str) -> bool {
    let (Some(prefix), Some(url)) = (parse(prefix), parse(url)) else { return false };
    (prefix.scheme, prefix.port) == (url.scheme, url.port)
        && prefix.host == url.host
        && url.segments.starts_with(&prefix.segments)
}

/// Whether the address is plain http.
pub fn is_plain_http(url: &str) -> bool {
    parse(url).is_some_and(|address| address.scheme == "http")
}

/// Whether this is an address that git may be given.
pub fn is_usable(url: &str) -> bool {
    parse(url).is_some_and(|address| !address.segments.is_empty())
}

fn parse(url: &str) -> Option<Address<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let default = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, default),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '%' | '?' | '#' | '\\');
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let segments = if segments == [""] { Vec::new() } else { segments };
    if path.contains(odd) || segments.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return None;
    }
    Some(Address { scheme, host: host.to_ascii_lowercase(), port, segments })
}

#[cfg(test)]
mod tests {
    use super::{covers, is_usable};

    #[test]
    fn a_credential_goes_to_its_place_only() {
        let shop = "https://git.example.com/acme/shop.git";
        for (prefix, url, expected) in [
            ("https://git.example.com/acme/", shop, true),
            ("https://git.example.com/acme", shop, true),
            ("https://git.example.com", shop, true),
            ("https://GIT.example.com:443/", shop, true),
            (shop, shop, true),
            ("https://git.example.com/ac", shop, false),
            ("https://git.example.com/acme/shop", shop, false),
            ("http://git.example.com/acme/", shop, false),
            ("https://git.example.com:8443/acme/", shop, false),
            ("https://example.com/acme/", shop, false),
            ("https://git.example.com.evil.org/", shop, false),
            ("https://git.example.com/acme/", "https://git.example.com/acme/../other/x.git", false),
            ("https://git.example.com/acme/", "https://git.example.com/acme/%2e%2e/x.git", false),
            ("https://git.example.com/acme/", "https://u@git.example.com/acme/x.git", false),
            ("https://git.example.com/acme/", "https://git.example.com@evil.org/acme/x.git", false),
            ("https://git.example.com/acme/", "https://git.example.com/acme//x.git", false),
            ("", shop, false),
            ("git.example.com", shop, false),
        ] {
            assert_eq!(covers(prefix, url), expected, "{prefix} for {url}");
        }
    }

    #[test]
    fn what_is_no_http_address_of_a_repository_is_not_usable() {
        assert!(is_usable("https://git.example.com/acme/shop.git"));
        for url in [
            "--upload-pack=x",
            "ext::sh -c x",
            "file:///x",
            "https://",
            "https://h",
            "https://h/a b",
        ] {
            assert!(!is_usable(url), "{url}");
        }
    }
}
