//! What a request asks of git, read from its method, path and query.
//!
//! Pure. Only the smart protocol is known; anything else is no git request.

use serde::{Deserialize, Serialize};

/// One of the four calls of git's smart HTTP protocol (gitprotocol-http).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// `GET info/refs?service=git-upload-pack`: the start of a clone, fetch or `ls-remote`.
    ListForFetch,
    /// `POST git-upload-pack`: with protocol version 2 this lists refs too.
    Fetch,
    /// `GET info/refs?service=git-receive-pack`: the start of a push, a dry run included.
    ListForPush,
    /// `POST git-receive-pack`: the push itself.
    Push,
}

impl Call {
    /// Whether an account needs write access for it.
    pub fn writes(self) -> bool {
        matches!(self, Self::ListForPush | Self::Push)
    }
}

/// A call and the repository it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRequest {
    /// Path of the repository below the root, without `.git`: `acme/shop`.
    pub repo: String,
    /// What is asked.
    pub call: Call,
    /// The refs that a push moves, once its body was read.
    pub refs: Vec<String>,
}

impl GitRequest {
    /// The git request that a method, a path and a query make, if they make one.
    pub fn parse(method: &str, path: &str, query: &str) -> Option<Self> {
        let (repo, call) = match method {
            "GET" => (path.strip_suffix("/info/refs")?, listing(query)?),
            "POST" => posted(path)?,
            _ => return None,
        };
        Some(Self { repo: repo_name(repo)?, call, refs: Vec::new() })
    }

    /// The refs that the body of a push names (gitprotocol-pack, "Reference Update Request"):
    /// pkt-lines of old and new commit and the ref's name, up to the first flush.
    pub fn pushed_refs(mut body: &[u8]) -> Vec<String> {
        let mut refs = Vec::new();
        while let Some((length, rest)) = body.split_at_checked(4) {
            let length =
                std::str::from_utf8(length).ok().and_then(|n| usize::from_str_radix(n, 16).ok());
            let Some((line, rest)) =
                length.and_then(|n| n.checked_sub(4)).and_then(|n| rest.split_at_checked(n))
            else {
                break;
            };
            let update = line.split(|byte| *byte == 0).next().unwrap_or_default();
            let name = update.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default();
            refs.push(String::from_utf8_lossy(name).trim_end().to_owned());
            body = rest;
        }
        refs
    }

    /// The path that `git http-backend` gets, always with `.git`.
    pub fn path_info(&self) -> String {
        let service = match self.call {
            Call::ListForFetch | Call::ListForPush => "info/refs",
            Call::Fetch => "git-upload-pack",
            Call::Push => "git-receive-pack",
        };
        format!("/{}.git/{service}", self.repo)
    }
}

/// A repository's name out of a path, with or without `.git`; none for anything that could leave
/// the root or be taken for an option.
pub fn repo_name(path: &str) -> Option<String> {
    let name = path.trim_matches('/');
    let name = name.strip_suffix(".git").unwrap_or(name);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let good =
        |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(plain);
    (name.contains('/') && name.split('/').all(good)).then(|| name.to_owned())
}

fn listing(query: &str) -> Option<Call> {
    query.split('&').find_map(|pair| match pair {
        "service=git-upload-pack" => Some(Call::ListForFetch),
        "service=git-receive-pack" => Some(Call::ListForPush),
        _ => None,
    })
}

fn posted(path: &str) -> Option<(&str, Call)> {
    let fetch = path.strip_suffix("/git-upload-pack").map(|repo| (repo, Call::Fetch));
    fetch.or_else(|| path.strip_suffix("/git-receive-pack").map(|repo| (repo, Call::Push)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str, query: &str) -> Option<(String, Call)> {
        GitRequest::parse(method, path, query).map(|request| (request.repo, request.call))
    }

    #[test]
    fn the_four_calls_are_told_apart() {
        let shop = |call| Some(("acme/shop".to_owned(), call));
        let refs = "/acme/shop.git/info/refs";
        assert_eq!(call("GET", refs, "service=git-upload-pack"), shop(Call::ListForFetch));
        assert_eq!(call("GET", refs, "service=git-receive-pack"), shop(Call::ListForPush));
        assert_eq!(call("POST", "/acme/shop.git/git-upload-pack", ""), shop(Call::Fetch));
        assert_eq!(call("POST", "/acme/shop/git-receive-pack", ""), shop(Call::Push));
    }

    #[test]
    fn a_push_names_its_refs_up_to_the_flush() {
        let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let zero = "0".repeat(40);
        let body = [
            line(&format!("{zero} {zero} refs/heads/a\0 report-status side-band-64k")),
            line(&format!("{zero} {zero} refs/heads/b\n")),
            "0000PACK…".to_owned(),
        ]
        .concat();
        assert_eq!(GitRequest::pushed_refs(body.as_bytes()), ["refs/heads/a", "refs/heads/b"]);
        assert!(GitRequest::pushed_refs(b"0000").is_empty());
        assert!(GitRequest::pushed_refs(b"nonsense").is_empty());
    }

    #[test]
    fn the_dumb_protocol_is_no_git_request() {
        assert_eq!(call("GET", "/acme/shop.git/info/refs", ""), None);
        assert_eq!(call("GET", "/acme/shop.git/HEAD", ""), None);
        assert_eq!(call("GET", "/acme/shop.git/git-upload-pack", ""), None);
    }

    #[test]
    fn a_name_cannot_leave_the_root_or_look_like_an_option() {
        for bad in [
            "shop",
            "../shop.git",
            "acme/../shop.git",
            "-acme/shop",
            "acme/sh op",
            "acme//shop",
            ".git",
        ] {
            assert_eq!(repo_name(bad), None, "{bad}");
        }
        assert_eq!(repo_name("/group/sub/shop.git"), Some("group/sub/shop".to_owned()));
    }
}
