//! Addresses of repositories, and which of them a credential is for. Pure.
//!
//! Not here: reading the Secret ([`crate::credential`]).

/// The parts of an address that decide where a credential goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address<'a> {
    transport: Transport,
    user: Option<&'a str>,
    host: String,
    port: u16,
    segments: Vec<&'a str>,
}

/// How git reaches a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `https://`.
    Https,
    /// `http://`: everybody on the way reads along.
    Http,
    /// `ssh://user@host/path`, or `user@host:path` as scp writes it.
    Ssh,
}

impl Transport {
    /// Its name in `GIT_ALLOW_PROTOCOL`.
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
            Self::Ssh => 22,
        }
    }
}

/// Whether a credential for `prefix` may be sent to `url`: transport, host and port are equal, and
/// the path begins with the prefix's path, segment by segment. A prefix for ssh that names a user
/// is for that user only; both ways of writing an ssh address mean the same here. An address that
/// has an http user, a query, an escape or a `..` in it is covered by nothing and covers nothing.
pub fn covers(prefix: &str, url: &str) -> bool {
    let (Some(prefix), Some(url)) = (parse(prefix), parse(url)) else { return false };
    (prefix.transport, prefix.port) == (url.transport, url.port)
        && prefix.host == url.host
        && (prefix.user.is_none() || prefix.user == url.user)
        && url.segments.starts_with(&prefix.segments)
}

/// How git reaches this repository; nothing when it is no address that git may be given. For ssh it
/// must name a user: without one ssh would take the container's.
pub fn transport(url: &str) -> Option<Transport> {
    let Address { transport, user, segments, .. } = parse(url)?;
    let complete = !segments.is_empty() && (transport != Transport::Ssh || user.is_some());
    complete.then_some(transport)
}

fn parse(url: &str) -> Option<Address<'_>> {
    let (transport, authority, path) = if let Some((scheme, rest)) = url.split_once("://") {
        let all = [Transport::Https, Transport::Http, Transport::Ssh];
        let transport = all.into_iter().find(|transport| transport.protocol() == scheme)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        (transport, authority, path)
    } else {
        // As scp writes it: no port, and the user tells it from a drive or a file.
        let (authority, path) = url.split_once(':').filter(|(place, _)| place.contains('@'))?;
        (Transport::Ssh, authority, path.strip_prefix('/').unwrap_or(path))
    };
    let (user, place) = match authority.split_once('@') {
        Some((user, place)) if transport == Transport::Ssh => (Some(user), place),
        Some(_) => return None,
        None => (None, authority),
    };
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (place, transport.port()),
    };
    // A leading `-` would be an option of ssh (CVE-2017-1000117).
    let named = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
    };
    if !named(host) || !user.is_none_or(named) {
        return None;
    }
    let segments = segments(path)?;
    Some(Address { transport, user, host: host.to_ascii_lowercase(), port, segments })
}

/// The parts of a path, or nothing when it could mean another place than it shows.
fn segments(path: &str) -> Option<Vec<&str>> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '%' | '?' | '#' | '\\');
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let segments = if segments == [""] { Vec::new() } else { segments };
    let vague = path.contains(odd) || segments.iter().any(|part| matches!(*part, "" | "." | ".."));
    (!vague).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::{Transport, covers, transport};

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
    fn a_key_goes_to_its_host_and_user_however_the_address_is_written() {
        let scp = "git@github.com:acme/shop.git";
        let url = "ssh://git@github.com/acme/shop.git";
        for (prefix, address, expected) in [
            ("ssh://git@github.com/acme/", url, true),
            ("ssh://git@github.com/acme/", scp, true),
            ("git@github.com:acme/", url, true),
            ("git@github.com:acme", scp, true),
            ("git@github.com:", scp, true),
            ("ssh://github.com/acme/", scp, true),
            ("ssh://github.com:22", url, true),
            ("ssh://me@github.com/", url, false),
            ("ssh://git@github.com:2222/", url, false),
            ("ssh://git@github.com/ac", scp, false),
            ("https://github.com/acme/", scp, false),
            ("ssh://git@github.com/", "https://github.com/acme/shop.git", false),
            ("git@github.com:acme/", "git@github.com.evil.org:acme/shop.git", false),
            ("git@github.com:acme/", "git@github.com:acme/../other/x.git", false),
            ("git@github.com:acme/", "git@evil.org:git@github.com:acme/x.git", false),
        ] {
            assert_eq!(covers(prefix, address), expected, "{prefix} for {address}");
        }
    }

    #[test]
    fn an_address_names_its_transport_and_what_is_none_is_not_usable() {
        for (url, expected) in [
            ("https://git.example.com/acme/shop.git", Some(Transport::Https)),
            ("http://git.example.com/acme/shop.git", Some(Transport::Http)),
            ("ssh://git@git.example.com:2222/acme/shop.git", Some(Transport::Ssh)),
            ("git@git.example.com:acme/shop.git", Some(Transport::Ssh)),
            ("git@git.example.com:/srv/shop.git", Some(Transport::Ssh)),
            ("--upload-pack=x", None),
            ("ext::sh -c x", None),
            ("file:///x", None),
            ("https://", None),
            ("https://h", None),
            ("https://h/a b", None),
            ("git.example.com:acme/shop.git", None),
            ("ssh://git.example.com/acme/shop.git", None),
            ("ssh://git:password@git.example.com/acme/shop.git", None),
            ("ssh://git@-oProxyCommand=x/acme", None),
            ("-oProxyCommand=x@h:acme/shop.git", None),
            ("git@-oProxyCommand=x:acme/shop.git", None),
            ("git@git.example.com:", None),
            ("git+ssh://git@git.example.com/acme/shop.git", None),
        ] {
            assert_eq!(transport(url), expected, "{url}");
        }
    }
}
