//! The CEL rules of the schema, run without a cluster: what is accepted, and what is refused with
//! which field path. Bounds and patterns of the schema itself are checked on a real apiserver.

#![allow(clippy::unwrap_used)]

use kube::core::cel::{ValidationError, Validator};
use serde_json::{Value, json};

fn task() -> Value {
    json!({
        "apiVersion": "claudetask.dev/v1alpha1",
        "kind": "ClaudeTask",
        "metadata": {"name": "login-validation"},
        "spec": {
            "repository": {"url": "https://git.example.com/acme/shop.git", "ref": "main"},
            "prompt": "Add input validation.",
            "rebase": {"conflicts": "Resolve", "maxRounds": 3, "scope": "TaskFiles"},
            "push": {"author": {"name": "Claude", "email": "noreply@anthropic.com"}},
            "claude": {}, "environment": {}
        }
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut task = task();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut at = &mut task;
    for part in parent.split('/').filter(|part| !part.is_empty()) {
        at = at.as_object_mut().unwrap().entry(part).or_insert_with(|| json!({}));
    }
    at.as_object_mut().unwrap().insert(key.to_owned(), value);
    task
}

/// A repository that is reached over ssh.
fn ssh(url: &str) -> Value {
    json!({"url": url, "credentialsSecret": {"name": "shop-ssh"}})
}

fn errors(task: &Value, old: Option<&Value>) -> Vec<ValidationError> {
    let schema = crd::manifest::schema().unwrap();
    match Validator::new().validate(&schema, task, old) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec(),
    }
}

fn paths(errors: &[ValidationError]) -> Vec<String> {
    errors.iter().map(|error| error.field_path.trim_start_matches('.').to_owned()).collect()
}

#[test]
fn good_values_are_accepted() {
    let good = [
        ("/metadata/name", json!("a")),
        ("/metadata/name", json!("a".repeat(63))),
        ("/spec/repository/url", json!("https://git.example.com:8443/a/b c".replace(' ', "-"))),
        ("/spec/repository/url", json!("http://git-server.claudetask-e2e.svc:8080/acme/shop.git")),
        ("/spec/repository", ssh("ssh://git@git.example.com:2222/~acme/shop.git")),
        ("/spec/repository", ssh("git@github.com:acme/shop.git")),
        ("/spec/repository", ssh("git@ssh.dev.azure.com:v3/acme/shop/shop")),
        ("/spec/repository/ref", json!("refs/tags/v1.2.3")),
        ("/spec/repository/ref", json!("feature/ümläut_1@home")),
        ("/spec/repository/ref", json!("4f2a91c0de4f2a91c0de4f2a91c0de4f2a91c0de")),
        ("/spec/repository/credentialsSecret", json!({"name": "shop-git.v2"})),
        ("/spec/prompt", json!("-- 😀\n\tanything")),
        ("/spec/push/branch", json!("claude/login-validation")),
        (
            "/spec/push/options",
            json!(["merge_request.create", "merge_request.title=Add input validation"]),
        ),
        ("/spec/push/author", json!({"name": "Ana O'Neil (bot)", "email": "ana@localhost"})),
        ("/spec/verify", json!(["cargo test", "sh -c 'exit 0'"])),
        ("/spec/claude/model", json!("claude-sonnet-5-5")),
        ("/spec/claude/model", json!("us.anthropic.claude-opus-4-1:0[1m]")),
        ("/spec/claude/maxBudgetUSD", json!("0.05")),
        (
            "/spec/environment/resources",
            json!({"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}),
        ),
    ];
    for (pointer, value) in good {
        let found = errors(&with(pointer, value.clone()), None);
        assert!(found.is_empty(), "{pointer} = {value}: {found:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_values_are_refused_at_their_field() {
    let bad = [
        ("/metadata/name", json!("dotted.name"), ""),
        ("/metadata/name", json!("a".repeat(64)), ""),
        ("/spec/repository/url", json!("git@github.com:acme/shop.git"), "spec.repository"),
        ("/spec/repository/url", json!("ssh://git@example.com/acme/shop.git"), "spec.repository"),
        ("/spec/repository", ssh("ssh://example.com/acme/shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("ssh://git:secret@example.com/shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("github.com:acme/shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("git@-oProxyCommand=x:acme/shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("-oProxyCommand=x@h:acme/shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("git@github.com:../shop.git"), "spec.repository.url"),
        ("/spec/repository", ssh("git@github.com:a\\b"), "spec.repository.url"),
        ("/spec/repository/url", json!("https://example.com/a\\b"), "spec.repository.url"),
        (
            "/spec/repository/url",
            json!("https://user:secret@example.com/shop.git"),
            "spec.repository.url",
        ),
        ("/spec/repository/url", json!("--upload-pack=evil"), "spec.repository.url"),
        ("/spec/repository/url", json!("file:///etc"), "spec.repository.url"),
        ("/spec/repository/url", json!("https://example.com/a/../b"), "spec.repository.url"),
        ("/spec/repository/url", json!("https://example.com/a?b=c"), "spec.repository.url"),
        ("/spec/repository/url", json!("https://example.com/a\nb"), "spec.repository.url"),
        ("/spec/repository/ref", json!("-main"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a..b"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a b"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a~1"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a\\b"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a[b"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a.lock"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a/.b"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a@{1}"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("@"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a/"), "spec.repository.ref"),
        ("/spec/repository/ref", json!("a\u{7f}"), "spec.repository.ref"),
        (
            "/spec/repository/credentialsSecret",
            json!({"name": "Shop"}),
            "spec.repository.credentialsSecret.name",
        ),
        ("/spec/rebase/onto", json!("main:evil"), "spec.rebase.onto"),
        ("/spec/prompt", json!(" \n\t "), "spec.prompt"),
        ("/spec/prompt", json!("😀".repeat(25_001)), "spec.prompt"),
        ("/spec/push/branch", json!("refs/heads/x"), "spec.push.branch"),
        ("/spec/push/branch", json!("HEAD"), "spec.push.branch"),
        ("/spec/push/branch", json!("--force"), "spec.push.branch"),
        ("/spec/push/options", json!(["a\nb"]), "spec.push.options"),
        ("/spec/timeout", json!("59s"), "spec.timeout"),
        ("/spec/push/author", json!({"name": "<evil>", "email": "a@b"}), "spec.push.author.name"),
        ("/spec/push/author", json!({"name": "a", "email": "nobody"}), "spec.push.author.email"),
        ("/spec/verify", json!(["cargo test", "  "]), "spec.verify"),
        ("/spec/claude/model", json!("--dangerous"), "spec.claude.model"),
        ("/spec/claude/maxBudgetUSD", json!("0.00"), "spec.claude.maxBudgetUSD"),
        (
            "/spec/environment/resources",
            json!({"limits": {"memory": "lots"}}),
            "spec.environment.resources.limits.memory",
        ),
        (
            "/spec/environment/resources",
            json!({"requests": {"cpu": "-1"}}),
            "spec.environment.resources.requests.cpu",
        ),
    ];
    for (pointer, value, path) in bad {
        let found = errors(&with(pointer, value.clone()), None);
        assert_eq!(paths(&found), [path], "{pointer} = {value}: {found:?}");
        assert!(found[0].message.len() > 15, "{pointer}: {}", found[0].message);
    }
}

#[test]
fn every_spec_field_is_immutable_also_when_added_or_removed() {
    let changes = [
        ("/spec/repository/url", json!("https://git.example.com/acme/other.git"), "repository"),
        ("/spec/repository/credentialsSecret", json!({"name": "other"}), "repository"),
        ("/spec/prompt", json!("Something else."), "prompt"),
        ("/spec/rebase/maxRounds", json!(4), "rebase"),
        ("/spec/push/branch", json!("other"), "push"),
        ("/spec/verify", json!(["true"]), "verify"),
        ("/spec/claude/model", json!("claude-opus-5"), "claude"),
        ("/spec/environment/resources", json!({"limits": {"cpu": "1"}}), "environment"),
        ("/spec/timeout", json!("2h"), "timeout"),
        ("/spec/retries", json!(1), "retries"),
    ];
    for (pointer, value, field) in changes {
        let (old, new) = (task(), with(pointer, value));
        for (from, to) in [(&old, &new), (&new, &old)] {
            let found = errors(to, Some(from));
            assert_eq!(found.len(), 1, "{pointer}: {found:?}");
            assert!(found[0].message.starts_with(&format!("{field} cannot change")), "{found:?}");
        }
        assert!(errors(&new, Some(&new)).is_empty());
    }
}

#[test]
fn what_is_decided_later_can_change_and_a_cancel_stays() {
    let going = with("/spec/cancel", json!(false));
    let cancelled = with("/spec/cancel", json!(true));
    assert!(errors(&cancelled, Some(&going)).is_empty());
    assert_eq!(paths(&errors(&going, Some(&cancelled))), ["spec.cancel"]);
    let kept = with("/spec/ttlAfterFinished", json!("24h"));
    assert!(errors(&kept, Some(&going)).is_empty());
}
