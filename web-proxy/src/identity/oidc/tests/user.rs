//! What the claims of a good token make of the one who logs in.

use super::*;
use crate::identity::refuse::{Fault, Refused};

#[tokio::test]
async fn groups_are_a_text_or_a_list_or_absent() {
    for (groups, expected) in [
        (json!("team"), ana(&["team"])),
        (json!("team,ops"), ana(&["team,ops"])),
        (json!(["team"]), ana(&["team"])),
        (json!([]), ana(&[])),
        (json!(null), ana(&[])),
    ] {
        let signed_in = after(with_claims(json!({"groups": groups}))).await;
        assert_eq!(signed_in.unwrap().user, expected, "{groups}");
    }
    for groups in [json!(7), json!(["team", 7]), json!({"team": true}), json!([["team"]])] {
        let error = after(with_claims(json!({"groups": groups}))).await.unwrap_err();
        assert!(matches!(&error, Error::Claim(claim) if claim == "groups"), "{groups}: {error:?}");
    }
}

#[tokio::test]
async fn an_email_address_counts_once_it_is_verified() {
    for verified in [json!(false), json!(null), json!("false")] {
        let error = after(with_claims(json!({"email_verified": verified}))).await.unwrap_err();
        assert!(matches!(error, Error::UnverifiedEmail), "{verified}: {error:?}");
    }
    let error = after(with_claims(json!({"email": null}))).await.unwrap_err();
    assert!(matches!(&error, Error::NoClaim(claim) if claim == "email"), "{error:?}");
    let said = "The identity provider does not tell your email in a way known here.";
    assert_eq!(error.public(), said);
}

#[tokio::test]
async fn any_text_may_be_the_user_name() {
    let idp = Scripted::start().await;
    let extra =
        json!({"email_verified": false, "upn": "ana@corp", "number": 7, "name": "Ana Díaz"});
    with_claims(extra)(&mut idp.script());
    let named = |claim: &str| Settings { username_claim: claim.to_owned(), ..settings(&idp) };
    for (claim, name) in
        [("sub", "7f3a"), ("preferred_username", "ana"), ("upn", "ana@corp"), ("name", "Ana Díaz")]
    {
        assert_eq!(log_in_with(&idp, named(claim)).await.unwrap().user.name, name);
    }
    let missing = log_in_with(&idp, named("uid")).await.unwrap_err();
    assert!(matches!(&missing, Error::NoClaim(claim) if claim == "uid"), "{missing:?}");
    for claim in ["number", "aud", "email_verified"] {
        let other = log_in_with(&idp, named(claim)).await.unwrap_err();
        assert!(matches!(&other, Error::Claim(of) if of == claim), "{other:?}");
    }
}

#[tokio::test]
async fn no_system_user_or_group_logs_in() {
    for credential in [Delegation::Impersonate, Delegation::Passthrough] {
        for (claims, of) in [
            (json!({"groups": ["team", "system:masters"]}), "groups"),
            (json!({"groups": " system:masters"}), "groups"),
            (json!({"groups": [""]}), "groups"),
            (json!({"email": "system:admin"}), "email"),
            (json!({"email": "System:admin"}), "email"),
        ] {
            let idp = Scripted::start().await;
            with_claims(claims.clone())(&mut idp.script());
            let settings = Settings { credential, ..settings(&idp) };
            let error = log_in_with(&idp, settings).await.unwrap_err();
            assert!(matches!(&error, Error::Refused { claim, .. } if claim == of), "{error:?}");
            assert!(!error.public().contains("masters"), "{}", error.public());
        }
    }
}

#[tokio::test]
async fn the_prefix_is_before_name_and_groups() {
    let idp = Scripted::start().await;
    with_claims(json!({"groups": ["system:masters"]}))(&mut idp.script());
    let under = |prefix| Settings { prefix: Prefix::new(prefix).unwrap(), ..settings(&idp) };
    let user = log_in_with(&idp, under("oidc:")).await.unwrap().user.into_user();
    assert_eq!(
        (user.name.as_str(), user.groups),
        ("oidc:ana@example.com", vec!["oidc:system:masters".to_owned()])
    );
    with_claims(json!({"groups": ["tem:masters"]}))(&mut idp.script());
    let error = log_in_with(&idp, under("sys")).await.unwrap_err();
    let reserved = |source: &Refused| source.fault == Fault::Reserved;
    assert!(matches!(&error, Error::Refused { source, .. } if reserved(source)), "{error:?}");
}
