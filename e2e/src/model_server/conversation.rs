//! What a request to the Messages API says, as far as a scripted answer needs it.
//!
//! Pure and tolerant: unknown fields, roles and blocks are passed over.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole text of an answer that the model never gave: the CLI (2.1.330) puts it into a resumed
/// session where an answer is missing.
const PLACEHOLDER: &str = "No response requested.";

/// What comes before a scenario's name in a prompt.
const MARK: &str = "[scenario: ";

/// The body of `POST /v1/messages`.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversation {
    /// The model that is asked for.
    pub model: String,
    /// Whether the answer is wanted as a stream of events.
    #[serde(default)]
    pub stream: bool,
    messages: Vec<Message>,
}

/// What a tool that the model called gave back.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The call's id.
    pub id: String,
    /// Whether the tool says it failed.
    pub is_error: bool,
    /// The text of its result.
    pub text: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text {
        text: String,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(default)]
        content: Value,
        #[serde(default)]
        is_error: bool,
    },
    #[serde(other)]
    Other,
}

impl Conversation {
    /// The scenario that the user's texts name first.
    pub fn scenario(&self) -> Option<&str> {
        self.messages
            .iter()
            .filter(|message| message.role == "user")
            .find_map(|message| message.content.texts().into_iter().find_map(named))
    }

    /// The number of the step to play: how many answers the model has given.
    pub fn step(&self) -> usize {
        self.messages.iter().filter(|message| message.is_answer()).count()
    }

    /// The user's texts since the last answer.
    pub fn new_texts(&self) -> Vec<String> {
        self.new_messages().flat_map(|message| message.content.texts()).map(str::to_owned).collect()
    }

    /// The tool results since the last answer.
    pub fn new_results(&self) -> Vec<ToolResult> {
        self.new_messages().flat_map(|message| message.content.results()).collect()
    }

    fn new_messages(&self) -> impl Iterator<Item = &Message> {
        let last = self.messages.iter().rposition(Message::is_answer);
        let new = &self.messages[last.map_or(0, |at| at + 1)..];
        new.iter().filter(|message| message.role == "user")
    }
}

impl Message {
    fn is_answer(&self) -> bool {
        self.role == "assistant" && self.content.texts() != [PLACEHOLDER]
    }
}

impl Content {
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text],
            Self::Blocks(blocks) => blocks.iter().filter_map(Block::text).collect(),
        }
    }

    fn results(&self) -> Vec<ToolResult> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Blocks(blocks) => blocks.iter().filter_map(Block::result).collect(),
        }
    }
}

impl Block {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            _ => None,
        }
    }

    fn result(&self) -> Option<ToolResult> {
        let Self::ToolResult { tool_use_id, content, is_error } = self else { return None };
        let text = match content {
            Value::String(text) => text.clone(),
            Value::Array(blocks) => {
                let texts = blocks.iter().filter_map(|block| block["text"].as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        };
        Some(ToolResult { id: tool_use_id.clone(), is_error: *is_error, text })
    }
}

fn named(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(MARK)?;
    rest.split_once(']').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conversation(messages: &Value) -> Conversation {
        let body = json!({"model": "m", "stream": true, "messages": messages, "tools": []});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_scenario_is_the_first_one_that_the_user_names() {
        let asked = conversation(&json!([
            {"role": "user", "content": [{"type": "text", "text": "Hello"},
                                         {"type": "text", "text": "Do it. [scenario: clean-1] Now."}]},
            {"role": "assistant", "content": [{"type": "text", "text": "[scenario: no]"}]},
            {"role": "user", "content": "[scenario: later]"},
        ]));
        assert_eq!(asked.scenario(), Some("clean-1"));
        assert_eq!(conversation(&json!([{"role": "user", "content": "hi"}])).scenario(), None);
    }

    #[test]
    fn an_answer_that_the_cli_made_up_is_no_step() {
        let asked = conversation(&json!([
            {"role": "user", "content": "[scenario: a] begin"},
            {"role": "assistant", "content": [{"type": "text", "text": "No response requested."}]},
            {"role": "user", "content": "go on"},
        ]));
        assert_eq!(asked.step(), 0);
    }

    #[test]
    fn the_step_counts_answers_and_nothing_else() {
        let asked = conversation(&json!([
            {"role": "user", "content": "a"},
            {"role": "system", "content": [{"type": "text", "text": "budget"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "out", "is_error": true},
                {"type": "tool_result", "tool_use_id": "t2",
                 "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
                {"type": "text", "text": "go on"}]},
        ]));
        assert_eq!(asked.step(), 1);
        assert_eq!(asked.new_texts(), ["go on"]);
        let results = asked.new_results();
        assert_eq!((results[0].text.as_str(), results[0].is_error), ("out", true));
        assert_eq!((results[1].text.as_str(), results[1].is_error), ("x\ny", false));
    }
}
