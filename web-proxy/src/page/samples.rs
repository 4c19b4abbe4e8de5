//! Tasks in each state, for tests.

use crd::ClaudeTask;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shell;

/// Noon of the day on which the samples are looked at.
pub fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

/// What frames a page for Ana, who may do everything.
pub fn shell() -> Shell {
    Shell { user: Some("ana".to_owned()), may_create: true, can_sign_out: true, now: now() }
}

/// A task made of this name and what the patches say (JSON merge patches, the last one wins).
pub fn task(name: &str, patches: &[Value]) -> ClaudeTask {
    let mut object = json!({
        "apiVersion": "claudetask.dev/v1alpha1",
        "kind": "ClaudeTask",
        "metadata": {
            "name": name, "namespace": "acme", "uid": format!("uid-{name}"),
            "creationTimestamp": "2026-03-10T11:00:00Z",
            "annotations": {"claudetask.dev/requested-by": "ana"},
        },
        "spec": {
            "repository": {"url": "https://git.example.com/acme/shop.git", "ref": "main"},
            "prompt": "Add input validation to the login form.",
        },
    });
    for patch in patches {
        merge(&mut object, patch);
    }
    serde_json::from_value(object).unwrap()
}

/// No operator has seen it.
pub fn fresh(name: &str) -> ClaudeTask {
    task(name, &[])
}

/// It has not started.
pub fn queued(name: &str) -> ClaudeTask {
    task(name, &[status("Queued", "Unknown", "Queued", "2 tasks are before it.")])
}

/// Claude works on it.
pub fn running(name: &str) -> ClaudeTask {
    let phases = json!([
        {"name": "Clone", "state": "Succeeded", "startedAt": "2026-03-10T11:56:58Z", "finishedAt": "2026-03-10T11:57:02Z"},
        {"name": "Run", "state": "Running", "startedAt": "2026-03-10T11:57:02Z"},
        {"name": "Rebase", "state": "Pending"},
        {"name": "ConflictResolution", "state": "Pending"},
        {"name": "Push", "state": "Pending"},
    ]);
    task(
        name,
        &[
            status("Running", "Unknown", "Running", ""),
            json!({"status": {"phases": phases, "attempt": 1, "startedAt": "2026-03-10T11:56:58Z",
                "usage": {"costUSD": "0.18", "turns": 14}}}),
        ],
    )
}

/// It goes on in ten minutes.
pub fn waiting(name: &str) -> ClaudeTask {
    task(
        name,
        &[
            status("Waiting", "Unknown", "RateLimited", "The model API limits the rate."),
            json!({"status": {"attempt": 1, "resumeAt": "2026-03-10T12:10:00Z",
                "startedAt": "2026-03-10T11:40:00Z",
                "attempts": [{"number": 1, "reason": "RateLimited", "startedAt": "2026-03-10T11:40:00Z",
                    "finishedAt": "2026-03-10T11:45:00Z", "message": "429 from the model API."}]}}),
        ],
    )
}

/// Its change is on the branch, after two conflicts.
pub fn pushed(name: &str) -> ClaudeTask {
    let phases = json!([
        {"name": "Clone", "state": "Succeeded", "startedAt": "2026-03-10T11:40:20Z", "finishedAt": "2026-03-10T11:40:24Z"},
        {"name": "Run", "state": "Succeeded", "startedAt": "2026-03-10T11:40:24Z", "finishedAt": "2026-03-10T11:48:20Z"},
        {"name": "Rebase", "state": "Succeeded", "startedAt": "2026-03-10T11:48:20Z", "finishedAt": "2026-03-10T11:48:23Z"},
        {"name": "ConflictResolution", "state": "Succeeded", "startedAt": "2026-03-10T11:48:23Z", "finishedAt": "2026-03-10T11:49:57Z"},
        {"name": "Push", "state": "Succeeded", "startedAt": "2026-03-10T11:49:57Z", "finishedAt": "2026-03-10T11:50:00Z"},
    ]);
    task(
        name,
        &[
            status("Succeeded", "True", "Pushed", "Pushed to claude/login."),
            json!({"status": {"phases": phases, "attempt": 1,
                "startedAt": "2026-03-10T11:40:20Z", "finishedAt": "2026-03-10T11:50:00Z",
                "usage": {"costUSD": "0.61", "turns": 31, "inputTokens": 12000, "outputTokens": 9100,
                    "cacheReadTokens": 1_204_000, "cacheWriteTokens": 80200},
                "result": {"branch": "main", "commit": "4f2a91c0de4f2a91c0de4f2a91c0de4f2a91c0de",
                    "startCommit": "9c1f000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    "ontoCommit": "77aa000000bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                    "diff": {"files": 3, "insertions": 41, "deletions": 6},
                    "conflicts": {"count": 2, "files": ["src/login.rs", "src/form.rs"], "rounds": 1, "resolvedBy": "Claude"},
                    "summary": "Validates the login form."}}}),
        ],
    )
}

/// Its tests failed in both tries.
pub fn failed(name: &str) -> ClaudeTask {
    let phases = json!([
        {"name": "Clone", "state": "Succeeded", "startedAt": "2026-03-10T11:08:00Z", "finishedAt": "2026-03-10T11:08:05Z"},
        {"name": "Run", "state": "Failed", "startedAt": "2026-03-10T11:08:05Z", "finishedAt": "2026-03-10T11:30:00Z",
            "reason": "VerificationFailed", "message": "`cargo test` exits with 101"},
        {"name": "Rebase", "state": "Skipped"},
        {"name": "ConflictResolution", "state": "Skipped"},
        {"name": "Push", "state": "Skipped"},
    ]);
    task(
        name,
        &[
            status("Failed", "False", "VerificationFailed", "`cargo test` exits with 101"),
            json!({"spec": {"retries": 1}, "status": {"phases": phases, "attempt": 2,
                "startedAt": "2026-03-10T11:08:00Z", "finishedAt": "2026-03-10T11:30:00Z",
                "attempts": [{"number": 1, "reason": "VerificationFailed", "startedAt": "2026-03-10T11:00:00Z",
                    "finishedAt": "2026-03-10T11:08:00Z", "message": "`cargo test` exits with 101"}],
                "usage": {"costUSD": "1.90", "turns": 60},
                "result": {"checkpoint": "refs/claudetask/uid-1"}}}),
        ],
    )
}

/// Somebody stopped it.
pub fn cancelled(name: &str) -> ClaudeTask {
    task(
        name,
        &[
            status("Cancelled", "False", "Cancelled", "The task was cancelled."),
            json!({"spec": {"cancel": true}, "status": {"finishedAt": "2026-03-09T10:00:00Z",
                "startedAt": "2026-03-09T09:59:00Z"}}),
        ],
    )
}

fn status(phase: &str, verdict: &str, reason: &str, message: &str) -> Value {
    json!({"status": {"phase": phase, "conditions": [{"type": "Succeeded", "status": verdict,
        "reason": reason, "message": message, "lastTransitionTime": "2026-03-10T11:50:00Z"}]}})
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(target), Value::Object(patch)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.remove(key)),
            value => merge(target.entry(key.as_str()).or_insert(Value::Null), value),
        }
    }
}
