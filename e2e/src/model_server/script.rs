//! The script format: what the scripted model says, step by step.
//!
//! A prompt that contains `[scenario: NAME]` is answered from the script registered under NAME.
//! The step to play is the number of assistant messages in the conversation, so nothing is
//! remembered between requests and a resumed session goes on with the following steps.
//!
//! ```json
//! {
//!   "steps": [
//!     {"thinking": "Where is it?", "text": "I look around.",
//!      "tools": [{"name": "Bash", "input": {"command": "ls", "description": "List files"}}]},
//!     {"tools": [{"name": "Write", "input": {"file_path": "/workspace/repo/a", "content": "x\n"}},
//!                {"name": "Read", "input": {"file_path": "/workspace/repo/b"}}],
//!      "usage": {"inputTokens": 1200, "outputTokens": 80, "cacheReadInputTokens": 900},
//!      "waitFor": "half-way", "delayMs": 50},
//!     {"faults": [{"kind": "status", "status": 529, "type": "overloaded_error",
//!                  "message": "Overloaded", "headers": {"retry-after": "1"}, "times": 2},
//!                 {"kind": "cut", "afterEvents": 3, "times": 1}],
//!      "text": "All done."}
//!   ],
//!   "afterLast": {"text": "Done."}
//! }
//! ```
//!
//! A step first waits for its gate and its delay, then plays its faults in their order, each as
//! often as its `times` says (for ever when absent), and is then answered. Every field of a step
//! is optional; a step without content is an empty answer. Pure: the types; ways to make them are in
//! [`compose`](super::compose).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything the model says to one prompt.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    /// The answers in their order.
    pub steps: Vec<Step>,
    /// The answer to every request after the last step; default: the text `Done.`
    #[serde(default = "done")]
    pub after_last: Step,
}

/// One answer of the model.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Step {
    /// A thinking block before everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    /// A text block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Tool calls, several of them in parallel in one answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolCall>,
    /// What the answer is said to have used.
    pub usage: Usage,
    /// Default: `tool_use` with tool calls, else `end_turn`; `refusal` and `max_tokens` are others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// Goes along with a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_details: Option<Value>,
    /// Name of a gate: nothing is answered before a test opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for: Option<String>,
    /// Milliseconds before the answer.
    pub delay_ms: u64,
    /// What goes wrong before the answer comes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// A call of one of the CLI's tools; its input must be what the tool takes.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// `Bash`, `Write`, `Edit`, `Read`, `Glob` or `Grep`.
    pub name: String,
    /// The tool's input.
    pub input: Value,
}

/// Token counts of one answer; the CLI computes the cost from them.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Usage {
    /// Default 100.
    pub input_tokens: u64,
    /// Default 20.
    pub output_tokens: u64,
    /// Default 0.
    pub cache_read_input_tokens: u64,
    /// Default 0.
    pub cache_creation_input_tokens: u64,
}

/// Something that goes wrong instead of the answer.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What it is.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// How many requests it meets; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// The kinds of [`Fault`].
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FaultKind {
    /// An error answer of the API.
    Status {
        /// The HTTP status.
        status: u16,
        /// The error's type, such as `rate_limit_error`.
        #[serde(rename = "type")]
        class: String,
        /// The error's message.
        message: String,
        /// Further headers, such as `retry-after` or `x-should-retry`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// The request is taken and nothing is ever sent, not even headers.
    Silence,
    /// The answer begins and then stops, with the connection open.
    #[serde(rename_all = "camelCase")]
    Stall {
        /// Events sent before; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_events: Option<usize>,
    },
    /// The answer begins and then the connection is closed.
    #[serde(rename_all = "camelCase")]
    Cut {
        /// Events sent before; half of them when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_events: Option<usize>,
    },
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            input_tokens: 100,
            output_tokens: 20,
            cache_read_input_tokens: 0,
            cache_creation_input_tokens: 0,
        }
    }
}

impl Script {
    /// The answer to a conversation with so many assistant messages.
    pub fn step(&self, number: usize) -> &Step {
        self.steps.get(number).unwrap_or(&self.after_last)
    }
}

/// What is said after the last step unless the script says otherwise.
pub(super) fn done() -> Step {
    Step::text("Done.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_understood() {
        let source = include_str!("script.rs");
        let example: String = source
            .lines()
            .skip_while(|line| *line != "//! ```json")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!"))
            .collect();
        let script: Script = serde_json::from_str(&example).unwrap();
        assert_eq!(script.steps.len(), 3);
        assert_eq!(script.steps[1].usage.cache_creation_input_tokens, 0);
        assert_eq!(
            script.steps[2].faults[1],
            Fault { kind: FaultKind::Cut { after_events: Some(3) }, times: Some(1) }
        );
    }

    #[test]
    fn a_script_is_the_same_after_a_trip_through_json() {
        let fault =
            Fault::status(429, "rate_limit_error", "slow down").header("retry-after", "3600");
        let script = Script::new([
            Step::bash("ls").saying("look").thinking("hm").waiting_for("gate"),
            Step::text("end").failing(fault.times(2)).failing(FaultKind::Silence.into()),
            Step::refusal(),
        ]);
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), script);
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let read = serde_json::from_str::<Script>(r#"{"steps": [{"txt": "x"}]}"#);
        assert!(read.unwrap_err().to_string().contains("txt"));
    }

    #[test]
    fn after_the_last_step_comes_the_closing_one() {
        let script = Script::new([Step::text("one")]);
        assert_eq!(script.step(0).text.as_deref(), Some("one"));
        assert_eq!(script.step(1).text.as_deref(), Some("Done."));
        assert_eq!(script.step(7).text.as_deref(), Some("Done."));
    }
}
