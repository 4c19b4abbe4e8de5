//! The git credentials Secret, and the runner as git's credential helper.
//!
//! The Secret's files are read when git asks, and go to git through a pipe, to ssh through memory:
//! never into argv, environment, address, configuration or log. Keys: `url` (the prefix of the
//! addresses that it is for), and `username` with `password`, or `token`, which is sent as the
//! password of the user `x-access-token`, or of `username` where that is given; for ssh
//! `ssh-privatekey` and `known_hosts`; `ca.crt`. Format of question and answer: git-credential(1).
//! Not here: which address is covered ([`crate::address`]), what a key looks like
//! ([`crate::armor`]).

use std::io::ErrorKind;
use std::path::Path;

use crate::address::{self, Transport};
use crate::armor::{self, NoKey};

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
    /// The private key is none that ssh can use.
    #[error("the key `ssh-privatekey` of the git credentials Secret {0}")]
    Key(NoKey),
    /// The certificates are none.
    #[error("the key `ca.crt` of the git credentials Secret holds no certificates in PEM format")]
    Certificates,
    /// The task names no Secret, and ssh has nothing to log in with.
    #[error(
        "an ssh address needs a git credentials Secret with `ssh-privatekey` and `known_hosts`"
    )]
    Unnamed,
    /// It is for another place.
    #[error("the git credentials Secret is for `{prefix}`, not for {url}")]
    Elsewhere {
        /// The Secret's `url`.
        prefix: String,
        /// The repository.
        url: String,
    },
}

/// What ssh logs in with; never printed, hence no `Debug`.
pub struct SshLogin {
    /// The private key as ssh wants it.
    pub key: String,
    /// The host keys that are trusted (sshd(8), `SSH_KNOWN_HOSTS FILE FORMAT`).
    pub hosts: String,
}

/// Checks that the Secret mounted at `directory` is complete and for `url`.
///
/// # Errors
/// [`Unusable`].
pub fn check(directory: &Path, url: &str) -> Result<(), Unusable> {
    if address::transport(url) == Some(Transport::Ssh) {
        ssh(directory, url)?;
    } else {
        covered(directory, url)?;
        login(directory)?;
    }
    authorities(directory).map(drop)
}

/// Key and host keys for an ssh address.
///
/// # Errors
/// [`Unusable`] when the Secret is for another place or incomplete.
pub fn ssh(directory: &Path, url: &str) -> Result<SshLogin, Unusable> {
    covered(directory, url)?;
    let text = |key| text(directory, key)?.ok_or(Unusable::Missing(key));
    let key = armor::private_key(&text("ssh-privatekey")?).map_err(Unusable::Key)?;
    Ok(SshLogin { key, hosts: text("known_hosts")? + "\n" })
}

/// Certificates of authorities that are trusted for the Secret's place, if it has any.
///
/// # Errors
/// [`Unusable`] when they are none.
pub fn authorities(directory: &Path) -> Result<Option<String>, Unusable> {
    let found = text(directory, "ca.crt")?;
    found.map(|text| armor::certificates(&text).ok_or(Unusable::Certificates)).transpose()
}

fn covered(directory: &Path, url: &str) -> Result<(), Unusable> {
    let prefix = required(directory, "url")?;
    if address::covers(&prefix, url) {
        return Ok(());
    }
    Err(Unusable::Elsewhere { prefix, url: url.to_owned() })
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

/// A value of one line.
fn optional(directory: &Path, key: &'static str) -> Result<Option<String>, Unusable> {
    let found = text(directory, key)?;
    if found.as_ref().is_some_and(|text| text.contains(['\n', '\r', '\0'])) {
        return Err(Unusable::Broken(key));
    }
    Ok(found)
}

/// The value without surrounding blanks, which editors and `echo` leave behind; nothing when only
/// blanks are there.
fn text(directory: &Path, key: &'static str) -> Result<Option<String>, Unusable> {
    match std::fs::read_to_string(directory.join(key)) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unusable::Unreadable(key, error.kind())),
    }
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

    #[test]
    fn ssh_needs_a_key_that_opens_without_a_passphrase_and_known_hosts() {
        const KEY: &str =
            "-----BEGIN RSA PRIVATE KEY-----\r\nAAAA\r\n-----END RSA PRIVATE KEY-----";
        let url = ("url", "git@git.example.com:acme/");
        let repository = "ssh://git@git.example.com/acme/shop.git";
        let (key, hosts) = (("ssh-privatekey", KEY), ("known_hosts", "git.example.com ssh-rsa A"));
        let locked = KEY.replace("RSA", "ENCRYPTED");
        let elsewhere = "git@evil.org:acme/shop.git";
        for (keys, asked, expected) in [
            (vec![url, key, hosts], repository, Ok(())),
            (vec![url, key], repository, Err(Unusable::Missing("known_hosts"))),
            (
                vec![url, key, ("known_hosts", " \n")],
                repository,
                Err(Unusable::Missing("known_hosts")),
            ),
            (
                vec![url, hosts, ("token", "t")],
                repository,
                Err(Unusable::Missing("ssh-privatekey")),
            ),
            (vec![key, hosts], repository, Err(Unusable::Missing("url"))),
            (
                vec![url, hosts, ("ssh-privatekey", &locked)],
                repository,
                Err(Unusable::Key(NoKey::Protected)),
            ),
            (
                vec![url, key, hosts],
                elsewhere,
                Err(Unusable::Elsewhere { prefix: url.1.into(), url: elsewhere.into() }),
            ),
        ] {
            assert_eq!(check(secret(&keys).path(), asked), expected);
        }
        let login = ssh(secret(&[url, key, hosts]).path(), repository).unwrap_or_else(|_| panic!());
        assert_eq!(login.key, KEY.replace('\r', "") + "\n");
    }

    #[test]
    fn certificates_that_are_none_are_named() {
        let url = ("url", "https://git.example.com");
        let with = |text| secret(&[url, ("token", "t"), ("ca.crt", text)]);
        let repository = "https://git.example.com/acme/shop.git";
        assert_eq!(check(with("MIIB").path(), repository), Err(Unusable::Certificates));
        let good = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(authorities(with(good).path()), Ok(Some(good.to_owned())));
        assert_eq!(authorities(secret(&[url]).path()), Ok(None));
    }
}
