//! The fold of recorded streams, and of lines that nobody has recorded.

use crd::Usd;

use super::Stream;
use crate::progress::Kind;

fn replay(name: &str) -> (Stream, Vec<crate::progress::Note>) {
    let path = format!("{}/tests/claude-streams/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let mut stream = Stream::default();
    let notes = std::fs::read(path)
        .unwrap()
        .split(|&byte| byte == b'\n')
        .flat_map(|line| stream.line(line))
        .collect();
    (stream, notes)
}

#[test]
fn turns_tools_texts_and_cost_are_seen() {
    let (stream, notes) = replay("success");
    assert_eq!(stream.turns(), 6);
    let tools: Vec<_> = notes.iter().filter_map(|note| note.tool.as_deref()).collect();
    assert_eq!(tools, ["Bash", "Read", "Edit", "Write", "Bash"]);
    assert_eq!(notes[1].text, "I will look at the file first.");
    assert_eq!(notes.iter().filter(|note| note.kind == Kind::Turn).count(), 6);
    let usage = stream.usage();
    assert_eq!((usage.cost_usd, usage.turns), (Usd::from_micros(2490), 6));
    assert_eq!((usage.input_tokens, usage.output_tokens), (505, 120));
    assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (1800, 40));
    assert!(stream.session_id().unwrap().starts_with("d0a553ac"));
    assert!(stream.is_over());
}

#[test]
fn answers_of_sub_agents_are_no_turns_but_cost() {
    let (stream, _) = replay("success-subagent");
    assert_eq!(stream.turns(), 2);
    assert_eq!(stream.usage().cost_usd, Usd::from_micros(1600));
}

#[test]
fn the_last_of_several_results_counts_and_their_cost_adds_up() {
    let (stream, _) = replay("multiple-results-background");
    assert_eq!(stream.result().unwrap().text, "The background job ended.");
    assert_eq!(stream.usage().cost_usd, Usd::from_micros(1200));
}

#[test]
fn a_resumed_process_counts_its_own_use_alone() {
    let (stream, _) = replay("resume-2");
    assert_eq!(stream.usage().cost_usd, Usd::from_micros(400));
}

#[test]
fn errors_of_the_api_are_no_turns() {
    let (stream, notes) = replay("api-429-retries-exhausted");
    assert_eq!(stream.turns(), 0);
    assert_eq!(stream.api_error().unwrap().class, "rate_limit");
    assert!(notes.iter().any(|note| note.text.contains("(429); attempt 1 of")));
}

#[test]
fn a_cut_last_line_is_noticed() {
    assert!(replay("truncated-stalled-reader").0.ends_broken());
    assert!(!replay("success").0.ends_broken());
}

#[test]
fn foreign_lines_of_any_size_and_shape_do_no_harm() {
    let mut stream = Stream::default();
    let long = format!(
        r#"{{"type":"assistant","parent_tool_use_id":null,"message":{{"id":"m","content":[{{"type":"text","text":"{}"}}]}}}}"#,
        "x".repeat(2_000_000)
    );
    assert_eq!(stream.line(long.as_bytes()).len(), 2);
    let deep = "[".repeat(100_000);
    for odd in
        ["", " ", "{", "[]", "1", "null", r#"{"type":"new","x":[1]}"#, r#"{"type":7}"#, &deep]
    {
        assert!(stream.line(odd.as_bytes()).is_empty(), "{}", &odd[..odd.len().min(20)]);
    }
    assert!(stream.line(b"\xff\xfe{").is_empty());
    for odd in [r#"{"type":"assistant","message":[]}"#, r#"{"type":"result","is_error":"x"}"#] {
        stream.line(odd.as_bytes());
    }
    assert!(stream.result().unwrap().is_error, "what is not plainly false is an error");
}
