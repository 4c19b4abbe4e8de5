//! The git credentials Secret, and the runner as git's credential helper.
//!
//! The Secret's files are read when git asks, and go to git through a pipe only: never into argv,
//! environment, address, configuration or log. Keys: `url` (the prefix of the addresses that it is
//! for), and `username` with `password`, or `token`, which is sent as the password of the user
//! `x-access-token`, or of `username` where that is given. Format of question and answer:
//! git-credential(1). Not here: which address is covered ([`crate::address`]).

use std::io::ErrorKind;
use std::path::Path;

use crate::address;

/// User name that goes with a token; the hosting services ignore it.
const TOKEN_USER: &str = "x-access-token";

/// The Secret cannot be used for the task's repository. No variant holds a value but the prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A key is missing or empty.
    #[error("the git credentials Secret lacks the key `{0}`")]
    Missing(&'static str),
    /// A file cannot be read.
    #[error("the key `{0}` of the git credentials Secret cannot be read: {1}")]
    Unreadable(&'static str, ErrorKind),
    /// A value has a line break in it, which git's protocol cannot carry.
    #[error("the key `{0}` of the git credentials Secret has a line break in it")]
    Broken(&'static str),
    /// It is for another place.
    #[error("the git credentials Secret is for `{prefix}`, not for {url}")]
    Elsewhere {
        /// The Secret's `url`.
        prefix: String,
        /// The repository.
        url: String,
    },
}

/// Checks that the Secret mounted at `directory` is complete and for `url`.
///
/// # Errors
/// [`Unusable`].
pub fn check(directory: &Path, url: &str) -> Result<(), Unusable> {
    let prefix = required(directory, "url")?;
    if !address::covers(&prefix, url) {
        return Err(Unusable::Elsewhere { prefix, url: url.to_owned() });
    }
    login(directory).map(drop)
}

/// The answer to git's question; empty when the address in it is not the Secret's.
///
/// # Errors
/// [`Unusable`] when the Secret is incomplete.
pub fn answer(directory: &Path, question: &str) -> Result<String, Unusable> {
    let prefix = required(directory, "url")?;
    let covered = asked_for(question).is_some_and(|url| address::covers(&prefix, &url));
    if !covered {
        return Ok(String::new());
    }
    let (username, password) = login(directory)?;
    Ok(format!("username={username}\npassword={password}\n"))
}

/// The address in a question.
fn asked_for(question: &str) -> Option<String> {
    let value =
        |key: &str| question.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let path = value("path").unwrap_or_default();
    Some(format!("{}://{}/{path}", value("protocol")?, value("host")?))
}

fn login(directory: &Path) -> Result<(String, String), Unusable> {
    let username = optional(directory, "username")?;
    if let Some(token) = optional(directory, "token")? {
        return Ok((username.unwrap_or_else(|| TOKEN_USER.to_owned()), token));
    }
    let username = username.ok_or(Unusable::Missing("username"))?;
    Ok((username, required(directory, "password")?))
}

fn required(directory: &Path, key: &'static str) -> Result<String, Unusable> {
    optional(directory, key)?.ok_or(Unusable::Missing(key))
}

/// The value without surrounding blanks, which editors and `echo` leave behind.
fn optional(directory: &Path, key: &'static str) -> Result<Option<String>, Unusable> {
    let text = match std::fs::read_to_string(directory.join(key)) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unusable::Unreadable(key, error.kind())),
    };
    if text.contains(['\n', '\r', '\0']) {
        return Err(Unusable::Broken(key));
    }
    Ok((!text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = "protocol=https\nhost=git.example.com\npath=acme/shop.git\n\n";

    fn secret(keys: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (key, value) in keys {
            std::fs::write(directory.path().join(key), value).unwrap();
        }
        directory
    }

    #[test]
    fn git_gets_the_login_for_the_secrets_place_and_for_no_other() {
        let keys =
            [("url", "https://git.example.com/acme/\n"), ("username", "u"), ("password", "p\n")];
        let secret = secret(&keys);
        let answer = |question: &str| answer(secret.path(), question).unwrap();
        assert_eq!(answer(QUESTION), "username=u\npassword=p\n");
        for (part, other) in
            [("https", "http"), ("git.example.com", "evil.org"), ("acme/", "acme2/"), ("acme/", "")]
        {
            assert_eq!(answer(&QUESTION.replacen(part, other, 1)), "", "{other}");
        }
        assert_eq!(answer("protocol=https\nhost=git.example.com\n\n"), "");
        assert_eq!(answer(""), "");
    }

    #[test]
    fn a_token_is_a_password() {
        let url = ("url", "https://git.example.com");
        let alone = secret(&[url, ("token", "t")]);
        let named = secret(&[url, ("token", "t"), ("username", "oauth2")]);
        let answers = [&alone, &named].map(|secret| answer(secret.path(), QUESTION).unwrap());
        assert_eq!(answers[0], "username=x-access-token\npassword=t\n");
        assert_eq!(answers[1], "username=oauth2\npassword=t\n");
    }

    #[test]
    fn an_incomplete_or_foreign_secret_is_named_without_its_values() {
        let url = ("url", "https://git.example.com");
        let repository = "https://git.example.com/acme/shop.git";
        for (keys, expected) in [
            (vec![("token", "t")], Unusable::Missing("url")),
            (vec![url], Unusable::Missing("username")),
            (vec![url, ("username", "u")], Unusable::Missing("password")),
            (vec![url, ("token", "a\nhost=evil.org")], Unusable::Broken("token")),
            (
                vec![("url", "https://evil.org"), ("token", "t")],
                Unusable::Elsewhere { prefix: "https://evil.org".into(), url: repository.into() },
            ),
        ] {
            assert_eq!(check(secret(&keys).path(), repository), Err(expected));
        }
        assert_eq!(check(secret(&[url, ("token", "t")]).path(), repository), Ok(()));
    }
}
