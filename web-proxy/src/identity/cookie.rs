//! The cookies by which browsers are known again: a random number that no script reads.
//!
//! Not here: what it stands for ([`super::session`], [`super::login`]).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::COOKIE;
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// No random numbers are to be had.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

/// A cookie.
#[derive(Debug, Clone, Copy)]
pub struct Cookie {
    /// Its names: the first where the page comes over https, the second elsewhere.
    pub names: [&'static str; 2],
    /// With which requests browsers send it: `Strict` or `Lax`.
    pub same_site: &'static str,
}

impl Cookie {
    /// Its value among these headers.
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| self.names.contains(&name).then_some(value))
    }

    /// The text for the Set-Cookie header, for pages over https when `secure`.
    pub fn set(self, value: &str, seconds: i64, secure: bool) -> String {
        let Self { names: [over_https, elsewhere], same_site } = self;
        let (name, secure) = if secure { (over_https, "; Secure") } else { (elsewhere, "") };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}")
    }
}

/// A value that nobody guesses.
///
/// # Errors
/// When there is no random number.
pub fn value() -> Result<String, NoRandom> {
    let mut number = [0; 32];
    SystemRandom::new().fill(&mut number).map_err(|_| NoRandom)?;
    Ok(URL_SAFE_NO_PAD.encode(number))
}

/// What keys and texts are made of that this value of a cookie alone gives (HKDF, RFC 5869).
pub fn secret(value: &str) -> Prk {
    Salt::new(HKDF_SHA256, b"claudetask").extract(value.as_bytes())
}

/// A text that this value of a cookie alone gives, another one for each use.
pub fn derived(value: &str, usage: &'static str) -> String {
    let secret = secret(value);
    let mut text = [0; 32];
    let usage = [usage.as_bytes()];
    // Neither fails for so few bytes.
    let filled = secret.expand(&usage, HKDF_SHA256).and_then(|made| made.fill(&mut text));
    debug_assert!(filled.is_ok());
    URL_SAFE_NO_PAD.encode(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::COOKIE;

    use crate::identity::session;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let found = |value: &str| {
            let headers: HeaderMap = [(COOKIE, value.parse().unwrap())].into_iter().collect();
            session::COOKIE.read(&headers).map(str::to_owned)
        };
        assert_eq!(found("a=1; claudetask-session=xyz; b=2").as_deref(), Some("xyz"));
        assert_eq!(found("__Host-claudetask-session=xyz").as_deref(), Some("xyz"));
        assert_eq!(found("not-claudetask-session=xyz"), None);
    }
}
