//! What is refused is told in words of ours: to programs as JSON, to people as a page.
//!
//! Not here: who may do what (e2e).

use kube::runtime::watcher;

use super::*;

const TASKS: &str = "/api/v1/namespaces/team/tasks";

#[tokio::test]
async fn what_is_too_large_is_told_with_the_limit_to_programs_and_people() {
    let web = Web::start(Way::Token).await;
    let size = (1 << 20) + 1;
    let form = "application/x-www-form-urlencoded";
    let answer = web.post("/login", form, size).await;
    assert_eq!(answer.parts.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    assert!(answer.text.contains("<p>The request is larger than 1048576 bytes"), "{}", answer.text);
    for (size, code, reason) in [
        (size, StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        (1, StatusCode::BAD_REQUEST, "BadRequest"),
    ] {
        let answer = web.post("/api/v1/namespaces/team/tasks", "application/json", size).await;
        assert_eq!(answer.parts.status, code, "{}", answer.text);
        let told: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(told["reason"], reason, "{told}");
    }
}

#[tokio::test]
async fn whoever_refuses_it_people_get_a_page_and_programs_get_json() {
    let web = Web::start(Way::Token).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let foreign = ("sec-fetch-site", "cross-site");
    for (method, path, header, code, said) in [
        (Method::GET, "/nowhere", form, 404, "nothing at this address"),
        (Method::GET, "/api/nowhere", form, 404, "nothing at this address"),
        (Method::PUT, "/new", form, 405, "not for such a request"),
        (Method::PUT, TASKS, form, 405, "not for such a request"),
        (Method::GET, "/?phase=a&phase=b", form, 400, "duplicate field"),
        (Method::POST, "/login", form, 400, "missing field"),
        (Method::POST, "/new", form, 400, "form cannot be read"),
        (Method::GET, "/api/v1/namespaces/No_Such/tasks", form, 400, "DNS label"),
        (Method::POST, "/new", foreign, 403, "another site"),
        (Method::POST, TASKS, foreign, 403, "another site"),
    ] {
        let answer = web.send(method.clone(), path, "good", &[header]).await;
        let (status, is_json, text) = answer.told();
        assert_eq!((status.as_u16(), is_json), (code, path.starts_with("/api/")), "{path}: {text}");
        assert!(text.contains(said), "{method} {path}: {text}");
        assert_eq!(answer.parts.headers.contains_key(header::ALLOW), code == 405, "{path}");
    }
}

#[tokio::test]
async fn more_requests_than_one_may_make_are_told_when_to_come_again() {
    let web = Web::within(Way::Token, 2, Duration::from_secs(30)).await;
    for _ in 0..2 {
        let answer = web.send(Method::GET, "/history", "good", &[]).await;
        assert_eq!(answer.parts.status, StatusCode::OK, "{}", answer.text);
    }
    for path in ["/history", TASKS] {
        let answer = web.send(Method::GET, path, "good", &[]).await;
        let (status, is_json, text) = answer.told();
        assert_eq!((status.as_u16(), is_json), (429, path != "/history"));
        assert!(text.contains("You ask too often; try again in 1 s."), "{text}");
        assert_eq!(answer.parts.headers[header::RETRY_AFTER], "1");
    }
}

#[tokio::test]
async fn an_apiserver_that_does_not_answer_is_told_in_time() {
    let web = Web::within(Way::Token, 9, Duration::from_millis(100)).await;
    for path in ["/", TASKS] {
        let (status, is_json, text) = web.send(Method::GET, path, "slow", &[]).await.told();
        assert_eq!((status.as_u16(), is_json), (504, path != "/"));
        assert!(text.contains("takes too long to answer"), "{text}");
    }
}

#[tokio::test]
async fn tokens_of_strangers_are_asked_about_so_often_and_no_more() {
    let web = Web::start(Way::Token).await;
    web.send(Method::GET, TASKS, "good", &[]).await;
    let mut asked = 0;
    while web.send(Method::GET, TASKS, &format!("{asked}"), &[]).await.parts.status != 429 {
        asked += 1;
        assert!(asked < 5_000, "nobody stops it");
    }
    assert!(asked >= 199, "{asked}");
    let known = web.send(Method::GET, TASKS, "good", &[]).await;
    assert_eq!(known.parts.status, StatusCode::OK, "{}", known.text);
}

#[tokio::test]
async fn a_page_is_shown_without_events_that_one_may_not_see() {
    let web = Web::start(Way::Token).await;
    let task = json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
        "metadata": {"namespace": "team", "name": "a", "uid": "1"},
        "spec": {"repository": {"url": "https://git.example.com/a.git"}, "prompt": "Do."}});
    web.tasks.note(watcher::Event::Apply(serde_json::from_value(task).unwrap()));
    let page = web.send(Method::GET, "/ns/team/tasks/a", "good", &[]).await;
    assert_eq!(page.parts.status, StatusCode::OK, "{}", page.text);
    assert!(!page.text.contains("data-live=\"events\""), "{}", page.text);
}
