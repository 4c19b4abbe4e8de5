//! Sessions against a Secret that tests hold in their hands.
//!
//! Not here: a real apiserver's Secret (e2e).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;
use crate::identity::refuse::{Prefix, prefixed};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Default)]
struct Cluster {
    data: BTreeMap<String, String>,
    gets: usize,
    patches: usize,
    is_down: bool,
}

/// The cluster, which outlives webs.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Cluster>>);

impl Fake {
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap()
    }

    /// How often the Secret was read and written.
    fn asked(&self) -> (usize, usize) {
        let cluster = self.lock();
        (cluster.gets, cluster.patches)
    }

    /// A web that keeps its sessions there.
    fn web(&self) -> Sessions {
        let fake = self.clone();
        let serve = service_fn(move |request: Request<Body>| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        let store = Store::new(Client::new(serve, "default"), "system", "sessions");
        Sessions::new(HOUR, true, Some(store))
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, std::io::Error> {
        assert_eq!(request.uri().path(), "/api/v1/namespaces/system/secrets/sessions");
        let method = request.method().clone();
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let mut cluster = self.lock();
        if cluster.is_down {
            return Err(std::io::Error::other("down"));
        }
        if method == Method::GET {
            cluster.gets += 1;
        } else {
            assert_eq!(method, Method::PATCH);
            cluster.patches += 1;
            let change: Value = serde_json::from_slice(&sent).unwrap();
            for (name, value) in change["data"].as_object().unwrap() {
                match value.as_str() {
                    Some(text) => cluster.data.insert(name.clone(), text.to_owned()),
                    None => cluster.data.remove(name),
                };
            }
        }
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": cluster.data});
        Ok(Response::new(Body::from(secret.to_string().into_bytes())))
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn token(text: &str) -> Holder {
    Holder::Token(Secret::new(text))
}

/// The cookie's value of a session that begins now.
async fn begin(sessions: &Sessions, holder: Holder) -> String {
    let cookie = sessions.begin(holder, None, now()).await.unwrap();
    cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned()
}

async fn holder(sessions: &Sessions, cookie: &str, at: Timestamp) -> Option<Holder> {
    sessions.get(cookie, at).await.map(|session| session.holder)
}

#[tokio::test]
async fn a_session_ends_with_its_lifetime_or_when_one_signs_out() {
    for sessions in [Sessions::new(HOUR, true, None), Fake::default().web()] {
        let first = begin(&sessions, token("a")).await;
        let second = begin(&sessions, token("b")).await;
        assert_ne!(first, second);
        assert_eq!(holder(&sessions, &first, now()).await, Some(token("a")));
        assert_eq!(holder(&sessions, &second, now()).await, Some(token("b")));
        assert_eq!(holder(&sessions, &second, now() + HOUR).await, None);
        assert!(sessions.end(&first, now()).await.contains("Max-Age=0"));
        assert_eq!(holder(&sessions, &first, now()).await, None);
        assert_eq!(holder(&sessions, "made-up", now()).await, None);
    }
}

#[tokio::test]
async fn a_session_ends_no_later_than_what_it_rests_on() {
    let sessions = Sessions::new(HOUR, true, None);
    let end = now() + SignedDuration::from_mins(5);
    let cookie = sessions.begin(token("a"), Some(end), now()).await.unwrap();
    assert!(cookie.contains("Max-Age=300;"), "{cookie}");
    let cookie = sessions.begin(token("a"), Some(now() + HOUR * 2), now()).await.unwrap();
    assert!(cookie.contains("Max-Age=3600;"), "{cookie}");
}

#[tokio::test]
async fn no_script_and_no_other_site_gets_at_the_cookie() {
    let begin = async |secure| {
        let sessions = Sessions::new(HOUR, secure, None);
        sessions.begin(token("canary"), None, now()).await.unwrap()
    };
    let cookie = begin(true).await;
    for part in ["__Host-", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/;"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("canary"));
    assert!(!begin(false).await.contains("Secure"));
}

#[tokio::test]
async fn a_session_outlives_the_web_and_its_secret_opens_nothing() {
    let cluster = Fake::default();
    let groups = vec!["team".to_owned()];
    let ana = prefixed(&Prefix::default(), "ana@example.com", &groups).unwrap();
    let person = Holder::Person(ana);
    let first = begin(&cluster.web(), token("canary")).await;
    let second = begin(&cluster.web(), person.clone()).await;
    let after = cluster.web();
    assert_eq!(holder(&after, &first, now()).await, Some(token("canary")));
    assert_eq!(holder(&after, &second, now()).await, Some(person));
    let kept = cluster.lock().data.clone();
    assert_eq!(kept.len(), 2);
    for (name, value) in kept {
        let sealed = STANDARD.decode(value).unwrap();
        let shown = String::from_utf8_lossy(&sealed);
        assert!(!shown.contains("canary") && !shown.contains("ana"), "{shown}");
        assert!(seal::open(&name, &sealed).is_none());
    }
}

#[test]
fn what_is_sealed_is_opened_by_its_cookie_alone_and_as_it_was() {
    let session = Session { holder: token("canary"), until: now() };
    let sealed = seal::seal("cookie", &session).unwrap();
    assert_eq!(seal::open("cookie", &sealed), Some(session));
    assert_eq!(seal::end(&sealed), Some(now()));
    assert!(seal::open("other", &sealed).is_none());
    // The end before the seal is among the bytes.
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(seal::open("cookie", &changed).is_none(), "byte {at}");
    }
    assert!(seal::open("cookie", &[]).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_signs_out_at_one_web_is_out_at_all_of_them() {
    let cluster = Fake::default();
    let [one, other] = [cluster.web(), cluster.web()];
    let cookie = begin(&one, token("a")).await;
    assert!(holder(&other, &cookie, now()).await.is_some());
    one.end(&cookie, now()).await;
    assert_eq!(cluster.lock().data.len(), 0);
    assert_eq!(holder(&one, &cookie, now()).await, None);
    tokio::time::advance(HOLDS).await;
    assert_eq!(holder(&other, &cookie, now()).await, None);
}

#[tokio::test(start_paused = true)]
async fn while_the_apiserver_is_away_memory_counts() {
    let cluster = Fake::default();
    let web = cluster.web();
    let before = begin(&web, token("a")).await;
    cluster.lock().is_down = true;
    tokio::time::advance(HOLDS).await;
    assert!(holder(&web, &before, now()).await.is_some());
    let meanwhile = begin(&web, token("b")).await;
    web.end(&before, now()).await;
    cluster.lock().is_down = false;
    tokio::time::advance(HOLDS).await;
    assert_eq!(holder(&web, &before, now()).await, None, "it ended here, whatever is kept");
    assert!(holder(&web, &meanwhile, now()).await.is_some(), "it was never kept");
}

#[tokio::test(start_paused = true)]
async fn made_up_cookies_are_one_read_a_second_and_no_write() {
    let cluster = Fake::default();
    let web = cluster.web();
    for second in 1..=3 {
        for number in 0..100 {
            assert_eq!(holder(&web, &format!("made-up-{number}"), now()).await, None);
            web.end(&format!("made-up-{number}"), now()).await;
        }
        assert_eq!(cluster.asked(), (second, 0));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_full_secret_loses_those_that_end_first_and_ended_ones_go_anyway() {
    let cluster = Fake::default();
    let web = cluster.web();
    let long = "t".repeat(200_000);
    let mut cookies = Vec::new();
    for minutes in [9, 1, 5, 7] {
        let end = Some(now() + SignedDuration::from_mins(minutes));
        let cookie = web.begin(token(&long), end, now()).await.unwrap();
        cookies.push(cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned());
    }
    let after = cluster.web();
    let mut is_there = Vec::new();
    for cookie in &cookies {
        is_there.push(holder(&after, cookie, now()).await.is_some());
    }
    assert_eq!(is_there, [true, false, true, true]);
    let late = now() + SignedDuration::from_mins(8);
    web.begin(token("short"), None, late).await.unwrap();
    assert_eq!(cluster.lock().data.len(), 2);
}
