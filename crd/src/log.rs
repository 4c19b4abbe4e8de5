//! The log of a container: one JSON object a line, written by the runner and read by whoever shows
//! a task.
//!
//! The lines hold text of the model and of the repository, so what is shown of them moves no
//! terminal's cursor. Not here: writing (the runner) and reading a Pod's log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names;

/// Characters of a shown line at most.
pub const LONGEST: usize = 160;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A step of the phase itself.
    Phase,
    /// The model began an answer.
    Turn,
    /// The model called a tool.
    Tool,
    /// The model said something.
    Text,
    /// Output of a command, such as one of `verify`.
    Output,
    /// Something went wrong, or may surprise; the phase goes on.
    Warning,
    /// Why the phase fails.
    Error,
}

/// One line, without what the writer adds (sequence number, time, container).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What the line is about.
    pub kind: Kind,
    /// Number of the model's answer in this container, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// Name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// One line as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Number of the line in its container, from 1.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// Name of the container.
    pub phase: String,
    /// What it says.
    #[serde(flatten)]
    pub note: Note,
}

impl Line {
    /// The same as [`Note::activity`], with the container's name before a step of its own.
    pub fn activity(&self) -> Option<String> {
        let activity = self.note.activity()?;
        match self.note.kind {
            Kind::Tool | Kind::Text => Some(activity),
            _ => Some(one_line(&format!("{}: {activity}", self.phase))),
        }
    }
}

impl Note {
    /// A line of this kind that only says something.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, turn: None, tool: None, text: text.into() }
    }

    /// What the task does, in a few words: `turn 3 · Edit src/total.sh`; nothing for a line that
    /// says nothing by itself.
    pub fn activity(&self) -> Option<String> {
        let text = without_tree(&self.text);
        let turn = self.turn.map(|turn| format!("turn {turn} · ")).unwrap_or_default();
        let whole = match (self.kind, &self.tool) {
            // What the answer is comes in the next line.
            (Kind::Turn, _) => return None,
            (Kind::Tool, Some(tool)) => format!("{turn}{tool} {text}"),
            (Kind::Text, _) => format!("{turn}“{text}”"),
            _ if text.is_empty() => return None,
            _ => text,
        };
        Some(one_line(&whole))
    }
}

/// Paths as the repository has them: commands begin in the work tree anyway.
fn without_tree(text: &str) -> String {
    let tree = format!("{}/repo", names::WORKSPACE.path);
    text.replace(&format!("cd {tree}/ && "), "")
        .replace(&format!("cd {tree} && "), "")
        .replace(&format!("{tree}/"), "")
}

/// The text on one line of at most [`LONGEST`] characters, without control characters.
pub fn one_line(text: &str) -> String {
    cut(&without_control(text), LONGEST)
}

/// The text on one line, without control characters.
pub fn without_control(text: &str) -> String {
    text.trim().replace(|one: char| one.is_control(), " ")
}

/// At most so many characters of the text, with an ellipsis when something is missing.
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn activity(note: &Value) -> Option<String> {
        let mut line = json!({"seq": 9, "time": "2026-01-01T00:00:00Z", "phase": "run"});
        line.as_object_mut()?.extend(note.as_object()?.clone());
        serde_json::from_value::<Line>(line).unwrap().activity()
    }

    #[test]
    fn a_tool_is_shown_with_its_turn_and_a_path_of_the_repository() {
        let edit = json!({"kind": "tool", "turn": 3, "tool": "Edit",
            "text": "/workspace/repo/src/total.sh"});
        assert_eq!(activity(&edit).as_deref(), Some("turn 3 · Edit src/total.sh"));
        let bash = json!({"kind": "tool", "turn": 1, "tool": "Bash",
            "text": "cd /workspace/repo && ls"});
        assert_eq!(activity(&bash).as_deref(), Some("turn 1 · Bash ls"));
    }

    #[test]
    fn words_of_the_model_and_steps_of_a_phase_are_shown() {
        let said = json!({"kind": "text", "turn": 2, "text": "First this.\nThen that."});
        assert_eq!(activity(&said).as_deref(), Some("turn 2 · “First this. Then that.”"));
        let step = json!({"kind": "phase", "text": "fetches main"});
        assert_eq!(activity(&step).as_deref(), Some("run: fetches main"));
        assert_eq!(activity(&json!({"kind": "phase", "text": ""})), None);
        assert_eq!(activity(&json!({"kind": "turn", "turn": 4})), None);
    }

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
        assert_eq!(one_line("a\x1b[2Jb\r\nc\u{9b}d"), "a [2Jb  c d");
        let long = one_line(&"ü".repeat(200));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with('…'));
    }
}
