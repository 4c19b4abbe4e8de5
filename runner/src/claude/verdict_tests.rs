//! Every recorded stream and the class it must get.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crd::Reason::{
    self, AgentFailed, AgentHung, BudgetExceeded, Cancelled, CredentialsRejected, Overloaded,
    RateLimited, Timeout, TurnLimit,
};

use super::{Exit, Stopped, Verdict, is_unusable_session, judge};
use crate::claude::stream::Stream;

/// Name of the recording; reason of the failure, or nothing for success; a part of the message.
const RECORDINGS: &[(&str, Option<Reason>, &str)] = &[
    ("api-400", Some(AgentFailed), "400 bad request"),
    ("api-400-credit", Some(CredentialsRejected), "Credit balance is too low"),
    ("api-401", Some(CredentialsRejected), "Invalid API key"),
    ("api-402", Some(CredentialsRejected), "budget of this task is used up"),
    ("api-403", Some(CredentialsRejected), "Forbidden by policy"),
    ("api-404-model", Some(CredentialsRejected), "selected model"),
    ("api-429-long-retry-after", Some(RateLimited), "429"),
    ("api-429-retries-exhausted", Some(RateLimited), "429"),
    ("api-500-retries-exhausted", Some(Overloaded), "Internal server error"),
    ("api-529-retries-exhausted", Some(Overloaded), "529 Overloaded"),
    ("api-connection-refused", Some(Overloaded), "Connection refused"),
    ("api-connection-reset", Some(Overloaded), "ECONNRESET"),
    ("api-idle-stream-exhausted", Some(Overloaded), "timed out"),
    ("api-prompt-too-long", Some(AgentFailed), "Prompt is too long"),
    ("api-request-timeout", Some(Overloaded), "timed out"),
    ("error-max-budget", Some(BudgetExceeded), "maximum budget ($1)"),
    ("error-max-budget-work-complete", Some(BudgetExceeded), "maximum budget ($1)"),
    ("error-max-turns", Some(TurnLimit), "maximum number of turns (2)"),
    ("error-structured-output", Some(AgentFailed), "structured_output_retry_exhausted"),
    ("max-output-tokens", Some(AgentFailed), "output token maximum"),
    ("multiple-results-background", None, "The background job ended."),
    ("not-logged-in", Some(CredentialsRejected), "Not logged in"),
    ("permission-denied", None, "I could not do it."),
    ("refusal", Some(AgentFailed), "The model refused"),
    ("refusal-category", Some(AgentFailed), "The model refused"),
    ("refusal-category-nofallback", Some(AgentFailed), "The model refused"),
    ("resume-1-killed", Some(AgentFailed), "signal 9"),
    ("resume-2", None, "Continued and finished."),
    ("resume-unknown-id", Some(AgentFailed), "No conversation found"),
    ("signal-int-bash", Some(AgentFailed), "aborted_tools"),
    ("signal-int-model-wait", Some(AgentFailed), "with code 0 without a result"),
    ("signal-int-streaming", Some(AgentFailed), "aborted_streaming"),
    ("signal-kill-bash", Some(AgentFailed), "signal 9"),
    ("signal-term-bash", Some(AgentFailed), "with code 143 without a result"),
    ("signal-term-model-wait", Some(AgentFailed), "with code 143 without a result"),
    ("start-bad-flag", Some(AgentFailed), "unknown option"),
    ("start-empty-prompt", Some(AgentFailed), "Input must be provided"),
    ("success", None, "Created greeting.txt and NOTES.md."),
    ("success-after-idle-stream", None, "answer by plain request"),
    ("success-after-retry", None, "Recovered."),
    ("success-after-stream-cut", None, "complete answer"),
    ("success-compaction", None, "Done after compaction."),
    ("success-empty-answer", None, ""),
    ("success-minimal", None, "Hello."),
    ("success-model-fallback", None, "From the fallback model."),
    ("success-parallel-tools", None, "ok"),
    ("success-partial-messages", None, "A somewhat longer final answer."),
    ("success-slash-prompt", Some(AgentFailed), "without asking the model"),
    ("success-structured-output", None, "did it"),
    ("success-structured-output-missing", None, "plain text"),
    ("success-subagent", None, "Main done."),
    ("truncated-stalled-reader", Some(AgentFailed), "in the middle of a line"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/claude-streams")
}

fn replay(name: &str) -> (Stream, Exit, String) {
    let mut stream = Stream::default();
    for line in
        std::fs::read(folder().join(format!("{name}.jsonl"))).unwrap().split(|&b| b == b'\n')
    {
        stream.line(line);
    }
    let exit = std::fs::read_to_string(folder().join(format!("{name}.exit"))).unwrap();
    let exit = match exit.trim().split_once(' ').unwrap() {
        ("code", code) => Exit::Code(code.parse().unwrap()),
        (_, signal) => Exit::Signal(signal.parse().unwrap()),
    };
    let stderr = std::fs::read_to_string(folder().join(format!("{name}.stderr")));
    (stream, exit, stderr.unwrap_or_default())
}

#[test]
fn every_recorded_stream_gets_its_class() {
    let found: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned)
        })
        .collect();
    let listed: BTreeSet<String> = RECORDINGS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(found, listed, "a recording without a row, or a row without a recording");
    for (name, reason, part) in RECORDINGS {
        let (stream, exit, stderr) = replay(name);
        let (got, text) = match judge(&stream, exit, None, &stderr) {
            Verdict::Done(text) => (None, text),
            Verdict::Failed(failure) => (Some(failure.reason), failure.message),
            Verdict::Interrupted => panic!("{name}: nobody interrupted it"),
        };
        assert_eq!(got, *reason, "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
    }
}

#[test]
fn every_part_of_the_success_rule_is_needed() {
    let line = |changes: &[(&str, serde_json::Value)]| {
        let mut line = serde_json::json!({
            "type": "result", "subtype": "success", "is_error": false, "result": "ok",
            "terminal_reason": "completed", "num_turns": 1, "api_error_status": null,
        });
        for (key, value) in changes {
            line[key] = value.clone();
        }
        let mut stream = Stream::default();
        stream.line(line.to_string().as_bytes());
        stream
    };
    let done = |stream: &Stream, exit| matches!(judge(stream, exit, None, ""), Verdict::Done(_));
    assert!(done(&line(&[]), Exit::Code(0)));
    assert!(!done(&line(&[]), Exit::Code(1)));
    assert!(!done(&line(&[]), Exit::Signal(9)));
    for change in [
        ("is_error", true.into()),
        ("is_error", serde_json::Value::Null),
        ("subtype", "error_during_execution".into()),
        ("terminal_reason", "a_new_one".into()),
        ("terminal_reason", serde_json::Value::Null),
        ("num_turns", 0.into()),
    ] {
        assert!(!done(&line(std::slice::from_ref(&change)), Exit::Code(0)), "{change:?}");
    }
    assert!(!done(&Stream::default(), Exit::Code(0)));
}

#[test]
fn a_rate_limit_with_subtype_success_and_exit_0_is_no_success() {
    let (stream, ..) = replay("api-429-retries-exhausted");
    let Verdict::Failed(failure) = judge(&stream, Exit::Code(0), None, "") else { panic!() };
    assert_eq!(failure.reason, RateLimited);
}

#[test]
fn who_stopped_it_decides_and_not_what_it_printed() {
    let (stream, exit, _) = replay("success");
    let reason = |stopped| match judge(&stream, exit, Some(stopped), "") {
        Verdict::Failed(failure) => Some(failure.reason),
        Verdict::Done(_) => panic!("{stopped:?} is no success"),
        Verdict::Interrupted => None,
    };
    assert_eq!(reason(Stopped::Deadline), Some(Timeout));
    assert_eq!(reason(Stopped::Asked(Cancelled)), Some(Cancelled));
    assert_eq!(reason(Stopped::Silent(900)), Some(AgentHung));
    assert_eq!(reason(Stopped::Lingering(60)), Some(AgentHung));
    assert_eq!(reason(Stopped::Interrupted), None);
}

#[test]
fn only_a_session_that_asked_nothing_is_unusable() {
    for (name, unusable) in [
        ("resume-unknown-id", true),
        ("start-bad-flag", true),
        ("api-401", false),
        ("success", false),
        ("error-max-budget", false),
        ("signal-kill-bash", false),
    ] {
        assert_eq!(is_unusable_session(&replay(name).0), unusable, "{name}");
    }
}
