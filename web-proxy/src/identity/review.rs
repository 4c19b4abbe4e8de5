//! Who holds a token: the apiserver's `TokenReviews`, kept for ten seconds.
//!
//! Tokens are kept by their digest only. Not here: where a token comes from.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::Client;
use kube::api::{Api, PostParams};
use ring::digest::{SHA256, digest};
use tokio::time::Instant;

use crate::caller::{Secret, User};

/// How long an answer is kept, a refusal too.
const KEPT: Duration = Duration::from_secs(10);
/// Answers that are kept at most.
const MOST: usize = 10_000;
/// Longest token that is asked about: headers are not longer either.
const LONGEST: usize = 16 << 10;

/// The apiserver could not say who holds a token.
#[derive(Debug, thiserror::Error)]
#[error("asking the apiserver whose token it is")]
pub struct Unreviewed(#[source] kube::Error);

type Digest = [u8; 32];

/// Whose token it was at that time; none when the apiserver did not take it.
#[derive(Clone)]
struct Answer {
    since: Instant,
    user: Option<User>,
}

/// Asks the apiserver who holds a token.
pub struct Reviews {
    reviews: Api<TokenReview>,
    answers: Mutex<HashMap<Digest, Answer>>,
}

impl Reviews {
    /// Asks through this client.
    pub fn new(client: Client) -> Self {
        Self { reviews: Api::all(client), answers: Mutex::default() }
    }

    /// Whose token it is; none when the apiserver does not take it: it is expired, revoked, or made
    /// for somebody else's use.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn user(&self, token: &Secret) -> Result<Option<User>, Unreviewed> {
        if token.expose().len() > LONGEST {
            return Ok(None);
        }
        let key = key(token);
        if let Some(answer) = self.kept(&key) {
            return Ok(answer.user);
        }
        let spec = TokenReviewSpec { token: Some(token.expose().to_owned()), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let said =
            self.reviews.create(&PostParams::default(), &review).await.map_err(Unreviewed)?;
        let status = said.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true)).and_then(user);
        self.keep(key, user.clone());
        Ok(user)
    }

    fn kept(&self, key: &Digest) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(key).filter(|answer| answer.since.elapsed() < KEPT).cloned()
    }

    fn keep(&self, key: Digest, user: Option<User>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.retain(|_, answer| answer.since.elapsed() < KEPT);
        }
        if answers.len() < MOST {
            answers.insert(key, Answer { since: Instant::now(), user });
        }
    }
}

fn key(token: &Secret) -> Digest {
    let mut key = Digest::default();
    key.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
    key
}

fn user(info: UserInfo) -> Option<User> {
    let name = info.username.filter(|name| !name.is_empty())?;
    let extra: BTreeMap<_, _> = info.extra.unwrap_or_default();
    Some(User { name, uid: info.uid, groups: info.groups.unwrap_or_default(), extra })
}
