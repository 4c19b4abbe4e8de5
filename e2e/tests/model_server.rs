//! The scripted Messages API over the wire, without the CLI.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::pin::pin;
use std::time::Duration;

use axum::http::Method;
use e2e::http::Client;
use e2e::model_server::{Admin, Fault, FaultKind, Script, Settings, Step, ToolCall, sha256, start};
use e2e::wait::until;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "admin-password";

struct Server {
    base: String,
    admin: Admin,
}

impl Server {
    async fn open(api_key: Option<&str>) -> Self {
        let api_key = api_key.map(str::to_owned);
        let settings = Settings { admin_password: PASSWORD.to_owned(), api_key };
        let base = format!("http://{}", start(settings).await.unwrap());
        Self { admin: Admin::new(&base, PASSWORD), base }
    }

    /// Asks for a whole message.
    async fn ask(&self, messages: Value) -> anyhow::Result<Value> {
        let body = json!({"model": "claude-test", "max_tokens": 10, "messages": messages});
        let client = Client::new(&self.base, "none");
        client.call(Method::POST, "/v1/messages?beta=true", Some(&body)).await
    }

    /// Asks for a stream and gives every byte of the answer; without an end when it is cut.
    async fn stream(&self, key: &str, prompt: &str) -> std::io::Result<String> {
        let messages = [json!({"role": "user", "content": prompt})];
        let body =
            json!({"model": "claude-test", "stream": true, "messages": messages}).to_string();
        let mut connection = TcpStream::connect(self.base.trim_start_matches("http://")).await?;
        let head = format!(
            "POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             x-api-key: {key}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(format!("{head}{body}").as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

fn prompt(scenario: &str) -> Value {
    json!([{"role": "user", "content": format!("Work. [scenario: {scenario}]")}])
}

#[tokio::test]
async fn the_number_of_answers_chooses_the_step() {
    let server = Server::open(None).await;
    let script = Script::new([Step::bash("ls").saying("Looking."), Step::text("Found it.")]);
    server.admin.register("two", &script).await.unwrap();
    let first = server.ask(prompt("two")).await.unwrap();
    assert_eq!(first["stop_reason"], "tool_use");
    assert_eq!(first["content"][1]["input"]["command"], "ls");
    let mut messages = prompt("two");
    let answered = json!({"role": "assistant", "content": first["content"]});
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": "a.txt"});
    messages
        .as_array_mut()
        .unwrap()
        .extend([answered, json!({"role": "user", "content": [result]})]);
    let second = server.ask(messages).await.unwrap();
    assert_eq!(second["content"][0]["text"], "Found it.");
    assert_ne!(first["id"], second["id"]);
    let records = server.admin.requests("two").await.unwrap();
    assert_eq!((records[0].step, records[1].step), (0, 1));
    assert_eq!(records[0].texts, ["Work. [scenario: two]"]);
    assert_eq!(records[1].results[0].text, "a.txt");
}

#[tokio::test]
async fn a_stream_is_complete_and_says_so() {
    let server = Server::open(None).await;
    let step = Step::tools([ToolCall::read("/a"), ToolCall::read("/b")]);
    server.admin.register("stream", &Script::new([step])).await.unwrap();
    let answer = server.stream("k", "[scenario: stream]").await.unwrap();
    assert!(answer.contains("content-type: text/event-stream"), "{answer}");
    for event in ["message_start", "content_block_delta", "message_delta", "message_stop"] {
        assert!(answer.contains(&format!("event: {event}\n")), "{event} is missing: {answer}");
    }
    assert!(answer.ends_with("0\r\n\r\n"), "no end: {answer}");
}

#[tokio::test]
async fn a_cut_answer_has_no_end() {
    let server = Server::open(None).await;
    let fault = Fault::from(FaultKind::Cut { after_events: Some(1) });
    let script = Script::new([Step::text("never").failing(fault)]);
    server.admin.register("cut", &script).await.unwrap();
    let answer = server.stream("k", "[scenario: cut]").await.unwrap();
    assert!(answer.contains("event: message_start"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n") && !answer.contains("event: ping"), "{answer}");
}

#[tokio::test]
async fn a_stalled_answer_begins_and_a_silent_one_does_not() {
    let server = Server::open(None).await;
    let stall = Fault::from(FaultKind::Stall { after_events: Some(1) });
    server.admin.register("stall", &Script::new([Step::text("x").failing(stall)])).await.unwrap();
    let silence = Step::text("x").failing(FaultKind::Silence.into());
    server.admin.register("silence", &Script::new([silence])).await.unwrap();
    for (name, status) in [("stall", Some(200)), ("silence", None)] {
        let asked = format!("[scenario: {name}]");
        let mut stream = pin!(server.stream("k", &asked));
        let seen = async || {
            let records = server.admin.requests(name).await?;
            Ok(records.first().filter(|record| record.status == status).map(drop))
        };
        tokio::select! {
            ended = &mut stream => panic!("{name} came to an end: {ended:?}"),
            seen = until("the request", LIMIT, seen) => seen.unwrap(),
        }
        let more = tokio::time::timeout(Duration::from_millis(300), stream).await;
        assert!(more.is_err(), "{name} came to an end: {more:?}");
    }
}

#[tokio::test]
async fn an_error_comes_its_number_of_times_with_its_headers_and_then_the_answer() {
    let server = Server::open(None).await;
    let fault = Fault::status(529, "overloaded_error", "Overloaded").header("retry-after", "1");
    let script = Script::new([Step::text("Done after all.").failing(fault.times(1))]);
    server.admin.register("busy", &script).await.unwrap();
    let busy = server.stream("k", "[scenario: busy]").await.unwrap();
    assert!(busy.starts_with("HTTP/1.1 529") && busy.contains("retry-after: 1"), "{busy}");
    assert!(busy.contains("\"type\":\"overloaded_error\""), "{busy}");
    let answered = server.ask(prompt("busy")).await.unwrap();
    assert_eq!(answered["content"][0]["text"], "Done after all.");
    let records = server.admin.requests("busy").await.unwrap();
    let statuses: Vec<_> = records.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Some(529), Some(200)]);
}

#[tokio::test]
async fn an_unknown_scenario_fails_loudly() {
    let server = Server::open(None).await;
    let error = server.ask(prompt("nobody")).await.unwrap_err().to_string();
    assert!(error.contains("403") && error.contains("no such scenario: nobody"), "{error}");
    assert_eq!(server.admin.requests("nobody").await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_right_key_is_let_in_and_only_its_hash_is_kept() {
    let server = Server::open(Some("key-canary")).await;
    server.admin.register("key", &Script::new([Step::text("in")])).await.unwrap();
    let wrong = server.stream("other", "[scenario: key]").await.unwrap();
    assert!(wrong.contains("authentication_error"), "{wrong}");
    let right = server.stream("key-canary", "[scenario: key]").await.unwrap();
    assert!(right.contains("message_stop"), "{right}");
    let records = server.admin.all_requests().await.unwrap();
    assert_eq!(records[1].credentials["x-api-key"], sha256("key-canary"));
    assert!(!format!("{records:?}").contains("canary"));
}

#[tokio::test]
async fn a_gate_holds_the_answer_until_it_is_opened() {
    let server = Server::open(None).await;
    let script = Script::new([Step::text("through").waiting_for("half-way")]);
    server.admin.register("gate", &script).await.unwrap();
    let (answer, ()) = tokio::join!(server.ask(prompt("gate")), async {
        server.admin.wait_until_waiting("half-way", LIMIT).await.unwrap();
        assert_eq!(server.admin.requests("gate").await.unwrap()[0].status, None);
        server.admin.open("half-way").await.unwrap();
    });
    assert_eq!(answer.unwrap()["content"][0]["text"], "through");
    assert_eq!(server.admin.gates().await.unwrap()[0].waiting, 0);
}

#[tokio::test]
async fn the_admin_interface_needs_its_password() {
    let server = Server::open(None).await;
    let error = Admin::new(&server.base, "wrong").gates().await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}
