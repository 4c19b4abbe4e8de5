//! Signing in, at a scripted identity provider and behind a proxy.
//!
//! Not here: what the provider may say ([`crate::identity::oidc`]).

use super::*;
use crate::identity::header as named;
use crate::identity::refuse::Prefix;

/// Goes to the provider and back; gives the address back and the browser's cookie.
async fn at_the_provider(web: &Web, idp: &Scripted) -> (String, String) {
    let begun = web.get("/login/start", "").await;
    assert_eq!(begun.parts.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let cookie = begun.cookie("login").unwrap();
    let to: Url = begun.parts.headers[header::LOCATION].to_str().unwrap().parse().unwrap();
    let (state, code) = idp.authorize(&to);
    (format!("/login/callback?state={state}&code={code}"), cookie)
}

#[tokio::test]
async fn who_signs_in_at_the_provider_acts_in_their_own_name() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Impersonate).await;
    let list = web.get("/", "").await;
    assert_eq!(list.parts.headers[header::LOCATION], "/login");
    assert!(web.get("/login", "").await.text.contains("href=\"/login/start\""));
    let (back, cookie) = at_the_provider(&web, &idp).await;
    let signed_in = web.get(&back, &cookie).await;
    assert_eq!(signed_in.parts.status, StatusCode::OK, "{}", signed_in.text);
    // A redirect would be a part of the provider's navigation, which carries no strict cookie.
    assert!(signed_in.text.contains("http-equiv=\"refresh\""), "{}", signed_in.text);
    let session = signed_in.cookie("session").unwrap();
    let list = web.get("/", &session).await;
    assert!(list.text.contains("ana@example.com") && list.text.contains("Sign out"));
    let whom = web.create("cookie", &session, None).await.unwrap();
    assert_eq!(whom["impersonate-user"], "ana@example.com");
    assert!(!whom.contains_key("authorization"), "{whom:?}");
    let bearer = format!("Bearer {}", idp.token());
    let whom = web.create("authorization", &bearer, None).await.unwrap();
    assert_eq!(whom["impersonate-user"], "ana@example.com");
    assert_eq!(
        web.create("authorization", "Bearer bad", None).await,
        Err(StatusCode::UNAUTHORIZED)
    );
}

#[tokio::test]
async fn an_answer_counts_once_and_for_the_browser_that_asked() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Impersonate).await;
    let (back, cookie) = at_the_provider(&web, &idp).await;
    for stranger in ["", "__Host-claudetask-login=made-up"] {
        let refused = web.get(&back, stranger).await;
        assert_eq!(refused.parts.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.cookie("session"), None);
    }
    assert_eq!(web.get(&back, &cookie).await.parts.status, StatusCode::OK);
    assert_eq!(web.get(&back, &cookie).await.parts.status, StatusCode::UNAUTHORIZED);
    // Whoever says no has to begin anew.
    let (_, cookie) = at_the_provider(&web, &idp).await;
    let refused = web.get("/login/callback?error=access_denied", &cookie).await;
    assert_eq!(refused.parts.status, StatusCode::UNAUTHORIZED);
    let over = refused.parts.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(over.starts_with("__Host-claudetask-login=; Path=/; Max-Age=0;"), "{over}");
}

#[tokio::test]
async fn who_began_at_one_replica_may_come_back_to_another() {
    let idp = Scripted::start().await;
    let [one, other] = [
        Web::oidc(&idp, Delegation::Impersonate).await,
        Web::oidc(&idp, Delegation::Impersonate).await,
    ];
    let (back, cookie) = at_the_provider(&one, &idp).await;
    // The time in it is a part of what all else is made of.
    let changed = cookie.replacen("login=1", "login=2", 1);
    assert_ne!(changed, cookie);
    assert_eq!(other.get(&back, &changed).await.parts.status, StatusCode::UNAUTHORIZED);
    let signed_in = other.get(&back, &cookie).await;
    assert!(signed_in.cookie("session").is_some(), "{}", signed_in.text);
}

#[tokio::test]
async fn a_token_that_is_passed_through_is_all_that_the_apiserver_gets() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Passthrough).await;
    let (back, cookie) = at_the_provider(&web, &idp).await;
    let session = web.get(&back, &cookie).await.cookie("session").unwrap();
    let list = web.get("/", &session).await;
    // Who it is says the apiserver, not the claims.
    assert!(list.text.contains("holder") && !list.text.contains("ana@"), "{}", list.text);
    let whom = web.create("cookie", &session, None).await.unwrap();
    assert!(whom["authorization"].starts_with("Bearer ey"), "{whom:?}");
    assert!(!whom.contains_key("impersonate-user"), "{whom:?}");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_from_anything_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let idp = Scripted::start().await;
    let mut away = settings(&idp);
    away.issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let web = Web::start(Way::Oidc(Arc::new(Logins::new(away, true).unwrap()))).await;
    for _ in 0..2 {
        let answer = web.get("/login/start", "").await;
        assert_eq!(answer.parts.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("cannot be used at the moment"), "{}", answer.text);
    }
    assert_eq!(web.get("/healthz", "").await.parts.status, StatusCode::OK);
}

#[tokio::test]
async fn a_proxy_in_front_names_people_and_nobody_else_does() {
    let way = Way::Header(named::Settings {
        user_header: http::HeaderName::from_static("x-remote-user"),
        groups_header: None,
        from: vec!["10.1.2.0/24".parse().unwrap()],
        prefix: Prefix::default(),
    });
    let web = Web::start(way).await;
    let peer = |text: &str| Some(text.parse().unwrap());
    let whom = web.create("x-remote-user", "Zoë", peer("10.1.2.3")).await.unwrap();
    assert_eq!(whom["impersonate-user"], "Zoë");
    for (header, value, peer) in [
        ("x-remote-user", "ana", peer("10.1.3.3")),
        ("x-remote-user", "ana", None),
        ("x-remote-user", "system:admin", peer("10.1.2.3")),
        ("authorization", "Bearer good", peer("10.1.2.3")),
    ] {
        let refused = web.create(header, value, peer).await;
        assert_eq!(refused, Err(StatusCode::UNAUTHORIZED), "{header}: {value} from {peer:?}");
    }
    let page = web.get("/login", "").await.text;
    assert!(page.contains("proxy in front") && !page.contains("<form"), "{page}");
}
