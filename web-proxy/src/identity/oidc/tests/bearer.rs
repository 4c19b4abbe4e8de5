//! ID tokens that come without a login.

use super::*;

async fn provider(idp: &Scripted) -> Provider {
    Provider::discover(settings(idp), now()).await.unwrap()
}

#[tokio::test]
async fn an_id_token_says_who_brings_it() {
    let idp = Scripted::start().await;
    let (user, until) = provider(&idp).await.verify(&idp.token(), now()).await.unwrap();
    assert_eq!((user, until), (ana(&["team", "ops"]), now() + SignedDuration::from_hours(1)));
}

#[tokio::test]
async fn a_bearer_token_is_checked_like_that_of_a_login() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    let good = idp.token();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = Signer::new("ES256", "first").token(&json!({}), &json!({}));
    for text in ["", "a.b.c", "not a token", signed, &other, &format!("{signed}."), &good[1..]] {
        assert!(provider.verify(text, now()).await.is_err(), "{text}");
    }
    let forged = format!("{}.{signature}", signed.replace(&signed[40..44], "AAAA"));
    assert!(provider.verify(&forged, now()).await.is_err());
    let later = now() + SignedDuration::from_hours(1);
    assert!(matches!(provider.verify(&good, later).await, Err(Error::Token(_))));
    with_claims(json!({"groups": "system:masters"}))(&mut idp.script());
    let masters = provider.verify(&idp.token(), now()).await;
    assert!(matches!(masters, Err(Error::Refused { .. })), "{masters:?}");
    with_claims(json!({"groups": "team", "aud": "other"}))(&mut idp.script());
    assert!(matches!(provider.verify(&idp.token(), now()).await, Err(Error::Token(_))));
}

#[tokio::test]
async fn times_beyond_every_calendar_are_refused() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    for expires in
        [json!(1e300), json!(-1), json!(i64::MAX), json!(8_000_000_000_000_i64), json!("soon")]
    {
        with_claims(json!({"exp": expires}))(&mut idp.script());
        assert!(provider.verify(&idp.token(), now()).await.is_err(), "{expires}");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_has_it() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    let old = idp.token();
    rotate(&idp, Some("second"));
    let new = idp.token();
    let later = now() + SignedDuration::from_secs(61);
    assert!(provider.verify(&new, later).await.is_ok());
    let gone = provider.verify(&old, later).await;
    assert!(matches!(gone, Err(Error::Signature(_))), "{gone:?}");
}

#[tokio::test]
async fn a_new_key_is_fetched_during_a_login() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    let pending = pending();
    let (state, code) = idp.authorize(&provider.begin(&pending));
    rotate(&idp, Some("second"));
    let later = now() + SignedDuration::from_secs(61);
    assert!(provider.finish(&pending, &state, &code, later).await.is_ok());
}

#[tokio::test]
async fn a_new_key_without_an_id_is_fetched_too() {
    let idp = Scripted::start().await;
    rotate(&idp, None);
    let provider = provider(&idp).await;
    rotate(&idp, None);
    let later = now() + SignedDuration::from_secs(61);
    assert!(provider.verify(&idp.token(), later).await.is_ok());
}

#[tokio::test]
async fn unknown_keys_make_one_fetch_a_minute() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    let stranger = Signer::new("ES256", "stranger");
    let claims =
        json!({"iss": idp.url, "aud": CLIENT, "sub": "x", "iat": 0, "exp": scripted::NOW + 9000});
    let token = stranger.token(&json!({}), &claims);
    for (seconds, fetched) in [(0, 1), (59, 1), (60, 2), (61, 2), (119, 2), (120, 3)] {
        let at = now() + SignedDuration::from_secs(seconds);
        let (one, other) = tokio::join!(provider.verify(&token, at), provider.verify(&token, at));
        assert!(matches!(one, Err(Error::Signature(_))), "{one:?}");
        assert!(matches!(other, Err(Error::Signature(_))), "{other:?}");
        assert_eq!(idp.script().fetched, fetched, "after {seconds} s");
    }
}

#[tokio::test]
async fn tokens_that_no_key_could_make_good_fetch_none() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    let later = now() + SignedDuration::from_secs(61);
    for signer in [Signer::new("none", "first"), Signer::shared(SECRET.as_bytes(), "first")] {
        idp.script().signer = signer;
        assert!(matches!(provider.verify(&idp.token(), later).await, Err(Error::Token(_))));
    }
    assert_eq!(idp.script().fetched, 1);
}

#[tokio::test]
async fn a_withdrawn_key_counts_an_hour_at_most() {
    let idp = Scripted::start().await;
    let provider = provider(&idp).await;
    with_claims(json!({"exp": scripted::NOW + 9000}))(&mut idp.script());
    let old = idp.token();
    idp.script().keys.clear();
    let at = |minutes| now() + SignedDuration::from_mins(minutes);
    assert!(provider.verify(&old, at(59)).await.is_ok());
    let gone = provider.verify(&old, at(60)).await;
    assert!(matches!(gone, Err(Error::Signature(_))), "{gone:?}");
}

fn rotate(idp: &Scripted, id: Option<&'static str>) {
    let mut script = idp.script();
    script.signer = Signer::new("ES256", "");
    script.signer.id = id;
    script.keys = vec![script.signer.public()];
}
