//! Which login goes where, and what a server's refusal means.
//!
//! Not here: a task that fails for other reasons.

use std::fs;
use std::path::PathBuf;

use crd::Reason;
use runner::git::remote::Helper;
use runner::perform;

use crate::scene::{Scene, failure};
use crate::server::{Rules, Server};

/// `user:canary-password` and `x-access-token:canary-token`.
const PASSWORD: &str = "Basic dXNlcjpjYW5hcnktcGFzc3dvcmQ=";
const TOKEN: &str = "Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5LXRva2Vu";

/// A task whose repository is behind a server, with these keys in its Secret.
fn task(rules: Rules, keys: &[(&str, &str)]) -> (Scene, Server) {
    let mut scene = Scene::new(&[("a", Some("a\n"))]);
    scene.ask(&["config", "http.receivepack", "true"]);
    let server = Server::start(Rules { root: scene.remote().parent().unwrap().into(), ..rules });
    let attempt = &mut scene.attempt;
    attempt.remote.url = format!("{}/remote.git", server.base);
    attempt.remote.protocols = "http";
    attempt.document.repository.url.clone_from(&attempt.remote.url);
    attempt.document.settings.allow_http = true;
    let directory = attempt.dirs.credentials.clone();
    for (key, value) in keys {
        let value = value.replace("SERVER", &server.base);
        fs::write(directory.join(key), value).unwrap();
    }
    if !keys.is_empty() {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_runner"));
        attempt.remote.helper = Some(Helper { program, directory });
    }
    (scene, server)
}

fn wants(login: &str) -> Rules {
    Rules { wants: Some(login.to_owned()), ..Rules::default() }
}

const LOGIN: [(&str, &str); 3] =
    [("url", "SERVER/"), ("username", "user"), ("password", "canary-password\n")];

#[test]
fn a_task_is_pushed_with_a_password_and_with_a_token() {
    for (login, keys) in [
        (PASSWORD, &LOGIN[..]),
        (TOKEN, &[("url", "SERVER/remote.git"), ("token", "canary-token")]),
    ] {
        let (scene, _server) = task(wants(login), keys);
        scene.clone();
        scene.agent_commit("Mine", &[("a", Some("b\n"))]);
        assert_eq!(scene.land().reason, Some(Reason::Pushed));
        assert_eq!(scene.pushed("a"), "b");
    }
}

#[test]
fn a_wrong_or_missing_login_is_refused_by_the_server() {
    for keys in [&LOGIN[..], &[]] {
        let (scene, _server) = task(wants(TOKEN), keys);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::AuthenticationFailed, "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
}

#[test]
fn an_account_that_may_only_read_ends_the_task_before_the_run() {
    let (scene, _server) = task(Rules { read_only: true, ..wants(PASSWORD) }, &LOGIN);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::PushForbidden, "{message}");
    assert!(message.contains("403"), "{message}");
}

#[test]
fn a_secret_for_another_place_is_sent_nowhere() {
    for keys in [
        &[("url", "SERVER/other/"), LOGIN[1], LOGIN[2]][..],
        &[("url", "https://git.example.com/"), LOGIN[1], LOGIN[2]],
        &[LOGIN[0], LOGIN[1]],
        &[LOGIN[1], LOGIN[2]],
    ] {
        let (scene, server) = task(wants(PASSWORD), keys);
        let (reason, message) = failure(perform::clone(&scene.attempt));
        assert_eq!(reason, Reason::SecretMismatch, "{message}");
        assert!(server.seen.lock().unwrap().is_empty());
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Server::start(Rules::default());
    let elsewhere = Some(other.base.clone());
    let (scene, server) = task(Rules { elsewhere, ..Rules::default() }, &LOGIN);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::CloneFailed, "{message}");
    assert!(message.contains("redirects to another address"), "{message}");
    assert!(!server.seen.lock().unwrap().is_empty() && other.seen.lock().unwrap().is_empty());
}

#[test]
fn a_broken_server_is_quoted() {
    let (scene, _server) = task(Rules { status: Some(503), ..Rules::default() }, &LOGIN);
    let (reason, message) = failure(perform::clone(&scene.attempt));
    assert_eq!(reason, Reason::CloneFailed);
    assert!(message.contains("503"), "{message}");
}

#[test]
fn plain_http_needs_the_operators_permission() {
    let (mut scene, server) = task(Rules::default(), &LOGIN);
    scene.attempt.document.settings.allow_http = false;
    assert_eq!(failure(perform::clone(&scene.attempt)).0, Reason::CloneFailed);
    assert!(server.seen.lock().unwrap().is_empty());
}
