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
//! is optional; a step without content is an empty answer. Pure: types and ways to make them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// A script that says `Done.` after its steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), after_last: done() }
    }

    /// The answer to a conversation with so many assistant messages.
    pub fn step(&self, number: usize) -> &Step {
        self.steps.get(number).unwrap_or(&self.after_last)
    }
}

impl Step {
    /// A text, which ends the turn.
    pub fn text(text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..Self::default() }
    }

    /// Tool calls.
    pub fn tools(tools: impl IntoIterator<Item = ToolCall>) -> Self {
        Self { tools: tools.into_iter().collect(), ..Self::default() }
    }

    /// One shell command.
    pub fn bash(command: &str) -> Self {
        Self::tools([ToolCall::bash(command)])
    }

    /// One file written; the path is absolute.
    pub fn write(file: &str, content: &str) -> Self {
        Self::tools([ToolCall::write(file, content)])
    }

    /// The model declines.
    pub fn refusal() -> Self {
        Self { stop_reason: Some("refusal".to_owned()), ..Self::default() }
    }

    /// The same with a text before the tool calls.
    #[must_use]
    pub fn saying(self, text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..self }
    }

    /// The same with a thinking block.
    #[must_use]
    pub fn thinking(self, thinking: &str) -> Self {
        Self { thinking: Some(thinking.to_owned()), ..self }
    }

    /// The same with other token counts.
    #[must_use]
    pub fn using(self, usage: Usage) -> Self {
        Self { usage, ..self }
    }

    /// The same, answered only when the gate is open.
    #[must_use]
    pub fn waiting_for(self, gate: &str) -> Self {
        Self { wait_for: Some(gate.to_owned()), ..self }
    }

    /// The same with one more fault before the answer.
    #[must_use]
    pub fn failing(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

impl ToolCall {
    /// A shell command.
    pub fn bash(command: &str) -> Self {
        let input = json!({"command": command, "description": "Run a command"});
        Self { name: "Bash".to_owned(), input }
    }

    /// A file written; the path is absolute.
    pub fn write(file: &str, content: &str) -> Self {
        let input = json!({"file_path": file, "content": content});
        Self { name: "Write".to_owned(), input }
    }

    /// A file read; the path is absolute.
    pub fn read(file: &str) -> Self {
        Self { name: "Read".to_owned(), input: json!({"file_path": file}) }
    }

    /// A text replaced in a file that was read before; the path is absolute.
    pub fn edit(file: &str, old: &str, new: &str) -> Self {
        let input = json!({"file_path": file, "old_string": old, "new_string": new});
        Self { name: "Edit".to_owned(), input }
    }
}

impl Fault {
    /// An error answer for every request.
    pub fn status(status: u16, class: &str, message: &str) -> Self {
        let (class, message) = (class.to_owned(), message.to_owned());
        let headers = BTreeMap::new();
        FaultKind::Status { status, class, message, headers }.into()
    }

    /// The same, for so many requests only.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same with a header; only an error answer has headers.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let FaultKind::Status { headers, .. } = &mut self.kind {
            headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, times: None }
    }
}

fn done() -> Step {
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
