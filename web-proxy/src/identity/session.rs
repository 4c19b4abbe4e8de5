//! Sessions of browsers: the token stays here, the browser holds a random number.
//!
//! A session is known by the digest of that number, so what is kept here opens none. They are in
//! memory: after a restart one signs in again. Not here: checking the token ([`super::review`]).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::caller::Secret;

/// Names of the cookie: the first where the page comes over https, the second elsewhere.
pub const NAMES: [&str; 2] = ["__Host-claudetask-session", "claudetask-session"];

/// Sessions at most; beyond it the one that ends first goes.
const MOST: usize = 10_000;

/// What is remembered of a browser.
#[derive(Debug, Clone)]
pub struct Session {
    /// The token that it signed in with.
    pub token: Secret,
    /// When the session ends, whatever the token's own end.
    pub until: Timestamp,
}

/// No random numbers are to be had.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

/// All sessions.
pub struct Sessions {
    lifetime: SignedDuration,
    /// Whether browsers send the cookie over https only.
    secure: bool,
    kept: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Sessions of this lifetime, for pages over https when `secure`.
    pub fn new(lifetime: SignedDuration, secure: bool) -> Self {
        Self { lifetime, secure, kept: Mutex::default() }
    }

    /// Begins a session and gives the text for the Set-Cookie header.
    ///
    /// # Errors
    /// When there is no random number to name it by.
    pub fn begin(&self, token: Secret, now: Timestamp) -> Result<String, NoRandom> {
        let mut number = [0; 32];
        SystemRandom::new().fill(&mut number).map_err(|_| NoRandom)?;
        let value = URL_SAFE_NO_PAD.encode(number);
        let until = crd::span::after(now, self.lifetime);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| session.until > now);
        if kept.len() >= MOST {
            let first = kept.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key);
            first.and_then(|first| kept.remove(&first));
        }
        kept.insert(key(&value), Session { token, until });
        Ok(self.cookie(&value, self.lifetime.as_secs()))
    }

    /// The session of this cookie, unless it has ended.
    pub fn get(&self, cookie: &str, now: Timestamp) -> Option<Session> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key(cookie)).filter(|session| session.until > now).cloned()
    }

    /// Ends the session of this cookie and gives the text for the Set-Cookie header.
    pub fn end(&self, cookie: &str) -> String {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(cookie));
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: i64) -> String {
        let [over_https, elsewhere] = NAMES;
        let (name, secure) = if self.secure { (over_https, "; Secure") } else { (elsewhere, "") };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

fn key(cookie: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, cookie.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(cookie: &str) -> String {
        cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_session_ends_with_its_lifetime_or_when_one_signs_out() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let sessions = Sessions::new(SignedDuration::from_hours(1), true);
        let [first, second] =
            ["a", "b"].map(|token| value(&sessions.begin(Secret::new(token), now).unwrap()));
        assert_ne!(first, second);
        let token = |cookie: &str, at| {
            sessions.get(cookie, at).map(|session| session.token.expose().to_owned())
        };
        assert_eq!(token(&first, now).as_deref(), Some("a"));
        assert_eq!(token(&second, now).as_deref(), Some("b"));
        assert_eq!(token(&second, now + SignedDuration::from_hours(1)), None);
        assert!(sessions.end(&first).contains("Max-Age=0"));
        assert_eq!(token(&first, now), None);
        assert_eq!(token("made-up", now), None);
    }

    #[test]
    fn no_script_and_no_other_site_gets_at_the_cookie() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let begin = |secure| {
            let sessions = Sessions::new(SignedDuration::from_hours(1), secure);
            sessions.begin(Secret::new("canary"), now).unwrap()
        };
        let cookie = begin(true);
        for part in ["__Host-", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/;"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("canary"));
        assert!(!begin(false).contains("Secure"));
    }
}
