//! A repository behind a real ssh server: what lands, what is refused, and who is never asked.
//!
//! Not here: http ([`crate::logins`]).

use std::fs;

use crd::Reason;
use runner::git::remote::Helper;
use runner::perform;

use crate::scene::{Scene, failure, git};
use crate::sshd::Sshd;

/// A task whose repository is behind the server, with this key and these host keys.
fn task(key: &str, hosts: Option<&str>) -> (Scene, Sshd) {
    let sshd = Sshd::start();
    let mut scene = Scene::new(&[("a", Some("a\n"))]);
    let url = sshd.url(&scene.remote());
    let directory = scene.attempt.dirs.credentials.clone();
    fs::write(directory.join("url"), format!("ssh://127.0.0.1:{}/", sshd.port)).unwrap();
    fs::write(directory.join("ssh-privatekey"), sshd.key(key)).unwrap();
    if let Some(name) = hosts {
        fs::write(directory.join("known_hosts"), sshd.known(name)).unwrap();
    }
    let attempt = &mut scene.attempt;
    attempt.remote.protocols = "ssh";
    attempt.remote.url.clone_from(&url);
    attempt.document.repository.url = url;
    attempt.remote.helper = Some(Helper { program: "unused".into(), directory });
    (scene, sshd)
}

fn refusal(scene: &Scene) -> (Reason, String) {
    failure(perform::clone(&scene.attempt))
}

#[test]
fn a_change_lands_over_ssh_even_with_line_ends_of_another_system() {
    let (scene, sshd) = task("writer", Some("host"));
    let file = scene.attempt.dirs.credentials.join("ssh-privatekey");
    fs::write(file, sshd.key("writer").trim_end().replace('\n', "\r\n")).unwrap();
    scene.clone();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    // Nothing that a repository says about ssh counts.
    git(&scene.attempt.dirs.bare(), &["config", "core.sshCommand", "false"]);
    assert_eq!(scene.land().reason, Some(Reason::Pushed));
    assert_eq!(scene.pushed("a"), "b");
}

#[test]
fn a_server_with_another_host_key_or_an_unknown_one_is_offered_no_key() {
    for (hosts, words) in [("reader", "shows the ED25519 host key SHA256:"), ("", "names no ")] {
        let (scene, sshd) = task("writer", Some("host"));
        let known = if hosts.is_empty() {
            "git.example.com ssh-rsa AAAA\n".to_owned()
        } else {
            sshd.known(hosts)
        };
        fs::write(scene.attempt.dirs.credentials.join("known_hosts"), known).unwrap();
        let (reason, message) = refusal(&scene);
        assert_eq!(reason, Reason::SecretMismatch, "{message}");
        assert!(message.contains(words) && message.contains("known_hosts"), "{message}");
        assert_eq!(sshd.connections(), 1);
        assert!(!sshd.log().contains("userauth-request"), "{}", sshd.log());
    }
}

#[test]
fn a_key_that_the_server_does_not_know_is_an_authentication_failure() {
    let (scene, sshd) = task("stranger", Some("host"));
    let (reason, message) = refusal(&scene);
    assert_eq!(reason, Reason::AuthenticationFailed, "{message}");
    assert!(sshd.log().contains("userauth-request"), "the log says nothing: {}", sshd.log());
}

#[test]
fn a_key_that_may_only_read_ends_the_task_before_the_run() {
    let (scene, _sshd) = task("reader", Some("host"));
    let (reason, message) = refusal(&scene);
    assert_eq!(reason, Reason::PushForbidden, "{message}");
    assert!(message.contains("This key is read only"), "{message}");
}

#[test]
fn an_incomplete_secret_or_one_for_another_place_reaches_no_server() {
    for (key, value, words) in [
        ("known_hosts", None, "`known_hosts`"),
        ("ssh-privatekey", None, "`ssh-privatekey`"),
        ("ssh-privatekey", Some("ssh-ed25519 AAAA"), "is no private key"),
        ("url", Some("ssh://127.0.0.1:1/"), "127.0.0.1:1/"),
        ("url", Some("https://127.0.0.1/"), "https://127.0.0.1/"),
        ("url", None, "`url`"),
    ] {
        let (scene, sshd) = task("writer", Some("host"));
        let file = scene.attempt.dirs.credentials.join(key);
        match value {
            Some(value) => fs::write(file, value).unwrap(),
            None => fs::remove_file(file).unwrap(),
        }
        let (reason, message) = refusal(&scene);
        assert_eq!(reason, Reason::SecretMismatch, "{message}");
        assert!(message.contains(words), "{message}");
        assert_eq!(sshd.connections(), 0, "{key}");
    }
}

#[test]
fn a_key_with_a_passphrase_is_refused_with_words() {
    let (scene, sshd) = task("locked", Some("host"));
    let (reason, message) = refusal(&scene);
    assert_eq!(reason, Reason::SecretMismatch, "{message}");
    assert!(message.contains("passphrase"), "{message}");
    assert_eq!(sshd.connections(), 0);
}

#[test]
fn a_secret_that_changes_while_the_task_runs_still_binds_its_key() {
    let (scene, sshd) = task("writer", Some("host"));
    scene.clone();
    let before = sshd.connections();
    fs::write(scene.attempt.dirs.credentials.join("url"), "ssh://git.example.com/").unwrap();
    scene.agent_commit("Mine", &[("a", Some("b\n"))]);
    scene.hand_back();
    let (reason, message) = failure(perform::rebase(&scene.attempt));
    assert_eq!(reason, Reason::SecretMismatch, "{message}");
    assert_eq!(sshd.connections(), before);
}
