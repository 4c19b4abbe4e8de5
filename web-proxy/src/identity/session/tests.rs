//! Sessions against a Secret that tests hold in their hands.
//!
//! Not here: a real apiserver's Secret (e2e).

mod fake;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::*;
use crate::identity::refuse::{Prefix, prefixed};
use fake::{Fake, Fault};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

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

/// Lets watches and what is tried again catch up.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(30)).await;
}

async fn holder(sessions: &Sessions, cookie: &str, at: Timestamp) -> Option<Holder> {
    sessions.get(cookie, at).await.map(|session| session.holder)
}

#[tokio::test]
async fn a_session_ends_with_its_lifetime_or_when_one_signs_out() {
    for sessions in [Arc::new(Sessions::new(HOUR, true, None)), Fake::default().web()] {
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
async fn who_signs_in_or_out_at_one_web_is_in_or_out_at_all_of_them() {
    let cluster = Fake::default();
    let [one, other] = [cluster.web(), cluster.web()];
    assert_eq!(holder(&other, "before", now()).await, None);
    let cookie = begin(&one, token("a")).await;
    assert_eq!(holder(&other, &cookie, now()).await, Some(token("a")));
    one.end(&cookie, now()).await;
    assert_eq!(cluster.lock().data.len(), 0);
    assert_eq!(holder(&one, &cookie, now()).await, None);
    settle().await;
    assert_eq!(holder(&other, &cookie, now()).await, None);
}

#[tokio::test(start_paused = true)]
async fn who_deletes_the_secret_ends_all_sessions() {
    let cluster = Fake::default();
    let web = cluster.web();
    let cookie = begin(&web, token("a")).await;
    settle().await;
    cluster.change(|cluster| cluster.is_deleted = true);
    settle().await;
    assert_eq!(holder(&web, &cookie, now()).await, None);
}

#[tokio::test(start_paused = true)]
async fn while_the_apiserver_is_away_memory_counts() {
    for fault in [Fault::Refuses, Fault::Hangs] {
        let cluster = Fake::default();
        let web = cluster.web();
        let [before, signed_out] = [begin(&web, token("a")).await, begin(&web, token("a")).await];
        settle().await;
        cluster.change(|cluster| cluster.fault = Some(fault));
        settle().await;
        let start = Instant::now();
        assert!(holder(&web, &before, now()).await.is_some());
        assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for the apiserver: {fault:?}");
        let meanwhile = begin(&web, token("b")).await;
        web.end(&signed_out, now()).await;
        assert!(start.elapsed() < Duration::from_secs(7), "{fault:?}: {:?}", start.elapsed());
        assert!(holder(&web, &meanwhile, now()).await.is_some(), "it was never kept");
        assert_eq!(holder(&web, &signed_out, now()).await, None, "it ended here");
        cluster.change(|cluster| cluster.fault = None);
        settle().await;
        assert_eq!(cluster.lock().data.len(), 1, "what was signed out of is removed later");
        assert_eq!(holder(&cluster.web(), &signed_out, now()).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn made_up_cookies_ask_the_apiserver_for_nothing() {
    let cluster = Fake::default();
    let web = cluster.web();
    settle().await;
    let before = cluster.lock().asked;
    for number in 0..100 {
        assert_eq!(holder(&web, &format!("made-up-{number}"), now()).await, None);
        web.end(&format!("made-up-{number}"), now()).await;
    }
    assert_eq!(cluster.lock().asked, before);
}

#[tokio::test(start_paused = true)]
async fn sessions_of_another_version_of_the_web_stay_until_they_end() {
    let cluster = Fake::default();
    let other = |minutes| {
        let mut sealed = seal::seal(
            "cookie",
            &Session { holder: token("a"), until: now() + SignedDuration::from_mins(minutes) },
        );
        if let Some(form) = sealed.as_mut().and_then(|sealed| sealed.first_mut()) {
            *form += 1;
        }
        STANDARD.encode(sealed.unwrap())
    };
    let (ended, going) = ("0".repeat(64), "1".repeat(64));
    cluster.change(|cluster| {
        cluster.data.insert(ended.clone(), other(-1));
        cluster.data.insert(going.clone(), other(1));
    });
    let web = cluster.web();
    settle().await;
    begin(&web, token("a")).await;
    let data = &cluster.lock().data;
    assert_eq!((data.len(), data.contains_key(&ended)), (2, false));
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
