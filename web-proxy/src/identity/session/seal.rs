//! A session under a key that only its cookie gives.
//!
//! Not here: where the sealed text lies ([`super::store`]).

use jiff::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::{Holder, Session};
use crate::caller::{Secret, User};
use crate::identity::cookie::secret;
use crate::identity::refuse::checked;

/// By what a session is known: the digest of its cookie's value.
pub type Key = [u8; 32];

/// The form of what is sealed. Another one is not opened here, and stays: a web of another version may
/// stand beside this one.
const FORM: u8 = 1;
/// Bytes before the sealed text, the same in every form: its number, and the end in seconds since
/// 1970.
const FRONT: usize = 9;
/// Each key seals one text only, so the nonce need not differ.
const NONCE: [u8; 12] = [0; 12];

#[derive(Serialize, Deserialize)]
enum Content {
    #[serde(rename = "token")]
    Token(String),
    #[serde(rename = "person")]
    Person { name: String, groups: Vec<String> },
}

/// By what the session of this cookie is known.
pub fn key(cookie: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(digest(&SHA256, cookie.as_bytes()).as_ref());
    key
}

/// The session, sealed; its end stands before it for all to see, and for nobody to change.
pub fn seal(cookie: &str, session: &Session) -> Option<Vec<u8>> {
    let content = match &session.holder {
        Holder::Token(token) => Content::Token(token.expose().to_owned()),
        Holder::Person(person) => {
            Content::Person { name: person.name.clone(), groups: person.groups.clone() }
        }
    };
    let mut text = serde_json::to_vec(&content).ok()?;
    let mut sealed = vec![FORM];
    sealed.extend(session.until.as_second().to_be_bytes());
    let nonce = Nonce::assume_unique_for_key(NONCE);
    cipher(cookie)?.seal_in_place_append_tag(nonce, Aad::from(&sealed), &mut text).ok()?;
    sealed.extend(text);
    Some(sealed)
}

/// The session that was sealed for this cookie; none when it was not, or was changed since.
pub fn open(cookie: &str, sealed: &[u8]) -> Option<Session> {
    let until = end(sealed)?;
    let (front, text) = sealed.split_at_checked(FRONT)?;
    if front[0] != FORM {
        return None;
    }
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let text = cipher(cookie)?.open_in_place(nonce, Aad::from(front), &mut text).ok()?;
    let holder = match serde_json::from_slice(text).ok()? {
        Content::Token(token) => Holder::Token(Secret::new(token)),
        Content::Person { name, groups } => {
            Holder::Person(checked(User { name, groups, ..User::default() }).ok()?)
        }
    };
    Some(Session { holder, until })
}

/// When a sealed session of whatever form ends, as it says itself; none when it is none.
pub fn end(sealed: &[u8]) -> Option<Timestamp> {
    let second = i64::from_be_bytes(sealed.get(1..FRONT)?.try_into().ok()?);
    Timestamp::from_second(second).ok()
}

/// The random number of the cookie is all of the key; the other words only bind it to its use.
fn cipher(cookie: &str) -> Option<LessSafeKey> {
    let secret = secret(cookie);
    let key = secret.expand(&[b"session"], &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}
