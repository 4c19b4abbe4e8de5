//! Logins at a scripted provider. Each row changes one thing of a login that succeeds.

mod bearer;
mod provider;
pub mod scripted;
mod signer;
mod user;

use std::error::Error as _;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::caller::User;
use crate::identity::refuse::{Prefix, checked};
use scripted::{CLIENT, REDIRECT, SECRET, Script, Scripted, now};
use signer::{ALGORITHMS, Signer};

pub fn settings(idp: &Scripted) -> Settings {
    Settings {
        issuer: idp.url.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret::new(SECRET)),
        redirect: REDIRECT.parse().unwrap(),
        scopes: ["openid", "email", "groups"].map(str::to_owned).to_vec(),
        username_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        prefix: Prefix::default(),
        credential: Delegation::Impersonate,
        ca_file: None,
    }
}

/// A login that begins now.
fn pending() -> Pending {
    Pending::of(&crate::identity::cookie::value().unwrap(), now())
}

async fn log_in_with(idp: &Scripted, settings: Settings) -> Result<SignedIn, Error> {
    let provider = Provider::discover(settings, now()).await?;
    let pending = pending();
    let (state, code) = idp.authorize(&provider.begin(&pending));
    provider.finish(&pending, &state, &code, now()).await
}

async fn log_in(idp: &Scripted) -> Result<SignedIn, Error> {
    log_in_with(idp, settings(idp)).await
}

/// The login at a provider that this was done to.
async fn after(change: impl FnOnce(&mut Script)) -> Result<SignedIn, Error> {
    let idp = Scripted::start().await;
    change(&mut idp.script());
    log_in(&idp).await
}

fn with_claims(claims: Value) -> impl FnOnce(&mut Script) {
    move |script| {
        let changed = claims.as_object().cloned().into_iter().flatten();
        script.claims.as_object_mut().unwrap().extend(changed);
    }
}

fn chain(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn ana(groups: &[&str]) -> Impersonated {
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    checked(User { name: "ana@example.com".to_owned(), groups, ..User::default() }).unwrap()
}

#[tokio::test]
async fn a_good_login_tells_who_and_until_when() {
    let signed_in = after(|_| ()).await.unwrap();
    assert_eq!(signed_in.user, ana(&["team", "ops"]));
    assert_eq!(signed_in.until, now() + SignedDuration::from_hours(1));
    assert_eq!(signed_in.token, None);
}

#[tokio::test]
async fn the_id_token_is_kept_to_ask_the_apiserver_with() {
    let idp = Scripted::start().await;
    let passing = Settings { credential: Delegation::Passthrough, ..settings(&idp) };
    let signed_in = log_in_with(&idp, passing.clone()).await.unwrap();
    let token = signed_in.token.unwrap();
    assert_eq!(token.expose().split('.').count(), 3);
    let provider = Provider::discover(passing, now()).await.unwrap();
    assert_eq!(provider.verify(token.expose(), now()).await.unwrap().0, signed_in.user);
}

#[tokio::test]
async fn every_asymmetric_signature_counts() {
    for algorithm in ALGORITHMS {
        let signed_in = after(|script| {
            script.signer = Signer::new(algorithm, "other");
            script.keys.push(script.signer.public());
        });
        assert_eq!(signed_in.await.unwrap().user, ana(&["team", "ops"]), "{algorithm}");
    }
}

#[tokio::test]
async fn a_signature_that_others_can_make_does_not_count() {
    let none = after(|script| script.signer = Signer::new("none", "first")).await;
    assert_eq!(
        chain(&none.unwrap_err()),
        "checking the ID token: Signature verification failed: No signature found"
    );
    for secret in [SECRET.as_bytes(), include_bytes!("test-key.pem")] {
        let shared = after(|script| {
            script.signer = Signer::shared(secret, "rsa");
            script.keys.push(Signer::new("RS256", "rsa").public());
        });
        let said = chain(&shared.await.unwrap_err());
        assert!(said.contains("algorithm `HS256` is not one of"), "{said}");
    }
}

#[tokio::test]
async fn a_token_with_another_signature_is_refused() {
    let forged = after(|script| script.signer = Signer::new("ES256", "first")).await.unwrap_err();
    assert!(matches!(forged, Error::Signature(_)), "{forged:?}");
    let confused = after(|script| script.signer = Signer::new("RS256", "first")).await.unwrap_err();
    assert!(matches!(confused, Error::Signature(_)), "{confused:?}");
}

#[tokio::test]
async fn a_token_for_others_or_for_another_time_is_refused() {
    let expired = "checking the ID token: Expired: ID token expired at";
    for (claims, said) in [
        (json!({"nonce": "other"}), "checking the ID token: Invalid nonce: nonce mismatch"),
        (json!({"nonce": null}), "checking the ID token: Invalid nonce: missing nonce claim"),
        (json!({"aud": "other"}), "checking the ID token: Invalid audiences: must contain `web`"),
        (json!({"aud": null}), "checking the ID token: Invalid audiences: must contain `web`"),
        (json!({"aud": ["other", "third"], "azp": CLIENT}), "checking the ID token: Invalid aud"),
        (json!({"iss": "https://other.example.com"}), "checking the ID token: Invalid issuer"),
        (json!({"exp": scripted::NOW - 1}), expired),
        (json!({"exp": scripted::NOW}), expired),
        (json!({"iat": scripted::NOW + 120}), "the ID token is of the future"),
        (json!({"nbf": scripted::NOW + 120}), "the ID token is of the future"),
        (json!({"aud": [CLIENT, "other"]}), "the ID token's authorized party (azp) is not"),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), "the ID token's authorized party"),
        (json!({"azp": "other"}), "the ID token's authorized party (azp) is not this client"),
        (json!({"at_hash": "b3RoZXI"}), "the ID token's at_hash is not that of the access token"),
    ] {
        let error = after(with_claims(claims.clone())).await.unwrap_err();
        assert!(chain(&error).starts_with(said), "{claims}: {}", chain(&error));
        assert_eq!(error.public(), "The ID token does not count here.");
    }
}

#[tokio::test]
async fn a_token_may_leave_out_what_it_need_not_say() {
    for claims in [
        json!({"at_hash": null}),
        json!({"azp": CLIENT}),
        json!({"aud": [CLIENT]}),
        json!({"aud": [CLIENT, "other"], "azp": CLIENT}),
        json!({"iat": scripted::NOW + 30, "nbf": scripted::NOW + 30}),
        json!({"email_verified": "true", "updated_at": "2025-12-01T10:00:00Z"}),
    ] {
        let signed_in = after(with_claims(claims.clone())).await;
        assert_eq!(signed_in.unwrap().user, ana(&["team", "ops"]), "{claims}");
    }
}

#[tokio::test]
async fn an_access_token_is_no_id_token() {
    let typed = after(|script| script.header = json!({"typ": "at+jwt"})).await.unwrap_err();
    assert!(chain(&typed).contains("unsupported JWT type `at+jwt`"), "{}", chain(&typed));
    let critical = after(|script| script.header = json!({"crit": ["exp"]})).await.unwrap_err();
    assert!(chain(&critical).contains("critical JWT header"), "{}", chain(&critical));
    let none = after(|script| script.tokens = json!({"id_token": null})).await.unwrap_err();
    assert!(matches!(none, Error::NoIdToken), "{none:?}");
}

#[tokio::test]
async fn an_answer_to_another_login_is_refused_before_the_provider_is_asked() {
    let idp = Scripted::start().await;
    let provider = Provider::discover(settings(&idp), now()).await.unwrap();
    let pending = pending();
    let (state, code) = idp.authorize(&provider.begin(&pending));
    // Whatever would be asked fails otherwise.
    idp.script().failure = Some((StatusCode::IM_A_TEAPOT, "{}".to_owned()));
    for other in ["", "other", &state[1..], pending.nonce.expose()] {
        let error = provider.finish(&pending, other, &code, now()).await.unwrap_err();
        assert!(matches!(error, Error::OtherState), "{error:?}");
    }
    let late = now() + PENDING + SignedDuration::from_secs(1);
    let error = provider.finish(&pending, &state, &code, late).await.unwrap_err();
    assert!(matches!(error, Error::TooLate), "{error:?}");
    idp.script().failure = None;
    assert!(provider.finish(&pending, &state, &code, now() + PENDING).await.is_ok());
}

#[tokio::test]
async fn every_login_has_its_own_secrets_and_shows_none() {
    let idp = Scripted::start().await;
    let provider = Provider::discover(settings(&idp), now()).await.unwrap();
    let (one, other) = (pending(), pending());
    assert_ne!(one.state, other.state);
    assert_ne!(one.nonce, other.nonce);
    assert_ne!(one.verifier, other.verifier);
    let shown = format!("{one:?} {provider:?}");
    for secret in [one.state.expose(), one.nonce.expose(), one.verifier.expose(), SECRET] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!provider.begin(&one).as_str().contains(one.verifier.expose()));
}

#[tokio::test]
async fn the_verifier_of_another_login_gets_no_tokens() {
    let idp = Scripted::start().await;
    let provider = Provider::discover(settings(&idp), now()).await.unwrap();
    let (begun, other) = (pending(), pending());
    let (state, code) = idp.authorize(&provider.begin(&begun));
    let mixed = Pending { verifier: other.verifier, ..begun };
    let error = provider.finish(&mixed, &state, &code, now()).await.unwrap_err();
    assert!(matches!(error, Error::Exchange(_)), "{error:?}");
    let complaint = idp.script().complaint.clone();
    assert_eq!(complaint.as_deref(), Some("the code_verifier is not that of the challenge"));
}
