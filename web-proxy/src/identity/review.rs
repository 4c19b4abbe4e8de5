//! Who holds a token: the apiserver's `TokenReviews`, kept for ten seconds.
//!
//! Tokens are kept by their digest only. Of tokens that were not good before only so many are asked
//! about, so that made-up ones keep neither the apiserver busy nor those out who are in. Not here:
//! where a token comes from.

use std::num::NonZeroU32;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::Client;
use kube::api::{Api, PostParams};
use ring::digest::{SHA256, digest};

use crate::caller::{Secret, User};
use crate::kept::Kept;
use crate::rate::Rate;

/// Answers that are kept at most.
const MOST: usize = 10_000;
/// Longest token that is asked about: headers are not longer either.
const LONGEST: usize = 16 << 10;

/// Tokens of strangers that are asked about: each second over time, and at once.
const STRANGERS: [NonZeroU32; 2] = [NonZeroU32::new(50).unwrap(), NonZeroU32::new(200).unwrap()];

/// It was not said who holds a token.
#[derive(Debug, thiserror::Error)]
pub enum Unreviewed {
    /// The apiserver could not say it.
    #[error("asking the apiserver whose token it is")]
    Asking(#[source] kube::Error),
    /// Too many tokens that were never good; it may be asked again after so long.
    #[error("too many unknown tokens")]
    TooMany(Duration),
}

type Digest = [u8; 32];

/// Asks the apiserver who holds a token.
pub struct Reviews {
    api: Api<TokenReview>,
    /// Whose each token is; none where the apiserver does not take it.
    answers: Kept<Digest, Option<User>>,
    strangers: Rate,
}

impl Reviews {
    /// Asks through this client.
    pub fn new(client: Client) -> Self {
        let [per_second, burst] = STRANGERS;
        let strangers = Rate::new(per_second, burst);
        Self { api: Api::all(client), answers: Kept::new(MOST), strangers }
    }

    /// Whose token it is; none when the apiserver does not take it: it is expired, revoked, or made
    /// for somebody else's use.
    ///
    /// # Errors
    /// When the apiserver does not answer, or is not asked.
    pub async fn user(&self, token: &Secret) -> Result<Option<User>, Unreviewed> {
        if token.expose().len() > LONGEST {
            return Ok(None);
        }
        let key = key(token);
        if let Some(answer) = self.answers.get(&key) {
            return Ok(answer);
        }
        if self.answers.last(&key).flatten().is_none() {
            self.strangers.count("").map_err(Unreviewed::TooMany)?;
        }
        let spec = TokenReviewSpec { token: Some(token.expose().to_owned()), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let said = self.api.create(&PostParams::default(), &review).await;
        let said = said.map_err(Unreviewed::Asking)?;
        let status = said.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true)).and_then(user);
        self.answers.keep(key, user.clone());
        Ok(user)
    }
}

fn key(token: &Secret) -> Digest {
    let mut key = Digest::default();
    key.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
    key
}

fn user(info: UserInfo) -> Option<User> {
    let name = info.username.filter(|name| !name.is_empty())?;
    let extra = info.extra.unwrap_or_default();
    Some(User { name, uid: info.uid, groups: info.groups.unwrap_or_default(), extra })
}
