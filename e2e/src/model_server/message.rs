//! A step as the Messages API sends it: one message, or the events of a stream.
//!
//! Pure. Sending them, in full or not, happens elsewhere.

use serde_json::{Value, json};

use super::script::{Step, Usage};

/// Characters in one delta of a stream: small enough that every text comes in several.
const DELTA: usize = 24;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's name, which its data repeats as `type`.
    pub name: &'static str,
    /// The event's data.
    pub data: Value,
}

impl Event {
    /// The event as server-sent events are written.
    pub fn encode(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.name, self.data)
    }

    fn new(name: &'static str, mut data: Value) -> Self {
        data["type"] = json!(name);
        Self { name, data }
    }
}

/// The complete message of a step. `number` makes its ids unique among all answers.
pub fn message(step: &Step, model: &str, number: usize) -> Value {
    json!({
        "id": message_id(number), "type": "message", "role": "assistant", "model": model,
        "content": blocks(step, number), "stop_reason": stop_reason(step),
        "stop_sequence": null, "stop_details": step.stop_details, "usage": usage(step.usage),
    })
}

/// The same message as a stream.
pub fn events(step: &Step, model: &str, number: usize) -> Vec<Event> {
    let started = Usage { output_tokens: 1, ..step.usage };
    let start = json!({
        "id": message_id(number), "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(started),
    });
    let mut events =
        vec![Event::new("message_start", json!({"message": start})), Event::new("ping", json!({}))];
    for (index, block) in blocks(step, number).iter().enumerate() {
        events.extend(block_events(index, block));
    }
    let delta = json!({
        "stop_reason": stop_reason(step), "stop_sequence": null, "stop_details": step.stop_details,
    });
    let delta = json!({"delta": delta, "usage": usage(step.usage)});
    events.push(Event::new("message_delta", delta));
    events.push(Event::new("message_stop", json!({})));
    events
}

fn message_id(number: usize) -> String {
    format!("msg_{number:06}")
}

fn stop_reason(step: &Step) -> &str {
    let usual = if step.tools.is_empty() { "end_turn" } else { "tool_use" };
    step.stop_reason.as_deref().unwrap_or(usual)
}

fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
    })
}

fn blocks(step: &Step, number: usize) -> Vec<Value> {
    let thinking = step
        .thinking
        .iter()
        .map(|thinking| json!({"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}));
    let text = step.text.iter().map(|text| json!({"type": "text", "text": text}));
    let tools = step.tools.iter().enumerate().map(|(at, tool)| {
        let id = format!("toolu_{number:06}_{at}");
        json!({"type": "tool_use", "id": id, "name": tool.name, "input": tool.input})
    });
    thinking.chain(text).chain(tools).collect()
}

fn block_events(index: usize, block: &Value) -> Vec<Event> {
    let (empty, deltas) = match block["type"].as_str() {
        Some("thinking") => {
            let mut deltas = deltas("thinking_delta", "thinking", &text_of(block, "thinking"));
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        Some("tool_use") => {
            let mut empty = block.clone();
            empty["input"] = json!({});
            (empty, deltas("input_json_delta", "partial_json", &block["input"].to_string()))
        }
        _ => {
            let empty = json!({"type": "text", "text": ""});
            (empty, deltas("text_delta", "text", &text_of(block, "text")))
        }
    };
    let start = json!({"index": index, "content_block": empty});
    let mut events = vec![Event::new("content_block_start", start)];
    let delta = |delta| Event::new("content_block_delta", json!({"index": index, "delta": delta}));
    events.extend(deltas.into_iter().map(delta));
    events.push(Event::new("content_block_stop", json!({"index": index})));
    events
}

fn text_of(block: &Value, field: &str) -> String {
    block[field].as_str().unwrap_or_default().to_owned()
}

fn deltas(kind: &str, field: &str, text: &str) -> Vec<Value> {
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(DELTA).map(|piece| piece.iter().collect::<String>());
    pieces.map(|piece| json!({"type": kind, field: piece})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_server::script::ToolCall;

    fn step() -> Step {
        let tools = [ToolCall::bash("printf 'grüße, a long command line'"), ToolCall::read("/a")];
        Step::tools(tools).saying("A text that is longer than one delta.").thinking("Hm.")
    }

    /// Puts a stream together again as a client does.
    fn assemble(events: &[Event]) -> Vec<String> {
        let mut blocks = Vec::new();
        for event in events {
            match event.name {
                "content_block_start" => blocks.push(String::new()),
                "content_block_delta" => {
                    let delta = &event.data["delta"];
                    let mut fields = ["text", "thinking", "partial_json"].iter();
                    let piece = fields.find_map(|field| delta[field].as_str()).unwrap_or_default();
                    let at = usize::try_from(event.data["index"].as_u64().unwrap()).unwrap();
                    blocks[at].push_str(piece);
                }
                _ => {}
            }
        }
        blocks
    }

    #[test]
    fn a_stream_put_together_is_the_message() {
        let step = step();
        let blocks = assemble(&events(&step, "m", 7));
        let whole = message(&step, "m", 7);
        assert_eq!(blocks[0], "Hm.");
        assert_eq!(blocks[1], whole["content"][1]["text"].as_str().unwrap());
        let input: Value = serde_json::from_str(&blocks[2]).unwrap();
        assert_eq!(input, whole["content"][2]["input"]);
        assert_eq!(whole["content"][3]["id"], "toolu_000007_1");
    }

    #[test]
    fn a_stream_begins_with_its_message_and_ends_with_reason_and_usage() {
        let events = events(&step(), "m", 7);
        let names: Vec<_> = events.iter().map(|event| event.name).collect();
        assert_eq!(names[..2], ["message_start", "ping"]);
        assert_eq!(names[names.len() - 2..], ["message_delta", "message_stop"]);
        let delta = &events[events.len() - 2].data;
        assert_eq!(delta["delta"]["stop_reason"], "tool_use");
        assert_eq!(delta["usage"]["output_tokens"], 20);
    }

    #[test]
    fn an_answer_without_tools_ends_the_turn_unless_it_says_otherwise() {
        assert_eq!(message(&Step::text("x"), "m", 0)["stop_reason"], "end_turn");
        assert_eq!(message(&Step::refusal(), "m", 0)["stop_reason"], "refusal");
    }

    #[test]
    fn an_event_is_written_with_name_and_data() {
        let encoded = Event::new("ping", json!({})).encode();
        assert_eq!(encoded, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }
}
