//! Ways to write a script in Rust: steps, tool calls and faults by short names.
//!
//! Pure. Anything rarer is written as a value of the types in [`script`](super::script).

use std::collections::BTreeMap;

use serde_json::json;

use super::script::{Fault, FaultKind, Script, Step, ToolCall, Usage, done};

impl Script {
    /// A script that says `Done.` after its steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), after_last: done() }
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
