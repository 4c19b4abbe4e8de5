//! What a task does just now, from the JSON lines in its containers' logs.
//!
//! Pure. The lines hold text of the model and of the repository, so nothing of them may move a
//! terminal's cursor. Not here: reading the logs ([`super::ear`]).

use crd::names;
use serde::Deserialize;

/// Characters of an activity at most.
const LONGEST: usize = 160;

#[derive(Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    phase: String,
    turn: Option<u32>,
    tool: Option<String>,
    #[serde(default)]
    text: String,
}

/// The activity that a line of a log tells: `turn 3 · Edit src/total.sh`; none for a line that is
/// not one of the runner's or says nothing.
pub fn of_line(line: &str) -> Option<String> {
    let line: Line = serde_json::from_str(line).ok()?;
    let text = without_tree(&line.text);
    let turn = line.turn.map(|turn| format!("turn {turn} · ")).unwrap_or_default();
    let whole = match (line.kind.as_str(), line.tool) {
        // What the answer is comes in the next line.
        ("turn", _) => return None,
        ("tool", Some(tool)) => format!("{turn}{tool} {text}"),
        ("text", _) => format!("{turn}“{text}”"),
        _ if text.is_empty() => return None,
        _ => format!("{}: {text}", line.phase),
    };
    Some(one_line(&whole))
}

/// Paths as the repository has them: commands begin in the work tree anyway.
fn without_tree(text: &str) -> String {
    let tree = format!("{}/repo", names::WORKSPACE.path);
    text.replace(&format!("cd {tree}/ && "), "")
        .replace(&format!("cd {tree} && "), "")
        .replace(&format!("{tree}/"), "")
}

/// The text on one line of limited length, without control characters.
pub fn one_line(text: &str) -> String {
    cut(text.trim().replace(|one: char| one.is_control(), " ").as_str(), LONGEST)
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
    use super::*;

    #[test]
    fn a_tool_is_shown_with_its_turn_and_a_path_of_the_repository() {
        let line = r#"{"seq":9,"time":"2026-01-01T00:00:00Z","phase":"run","kind":"tool","turn":3,
            "tool":"Edit","text":"/workspace/repo/src/total.sh"}"#;
        assert_eq!(of_line(line).as_deref(), Some("turn 3 · Edit src/total.sh"));
        let line = r#"{"kind":"tool","turn":1,"tool":"Bash","text":"cd /workspace/repo && ls"}"#;
        assert_eq!(of_line(line).as_deref(), Some("turn 1 · Bash ls"));
    }

    #[test]
    fn words_of_the_model_and_steps_of_a_phase_are_shown() {
        let said = of_line(r#"{"kind":"text","turn":2,"text":"First this.\nThen that."}"#);
        assert_eq!(said.as_deref(), Some("turn 2 · “First this. Then that.”"));
        let step = of_line(r#"{"phase":"clone","kind":"phase","text":"fetches main"}"#);
        assert_eq!(step.as_deref(), Some("clone: fetches main"));
    }

    #[test]
    fn other_lines_are_no_activity() {
        assert_eq!(of_line("plain text"), None);
        assert_eq!(of_line(r#"{"kind":"phase","text":""}"#), None);
        assert_eq!(of_line(r#"{"kind":"turn","turn":4}"#), None);
        assert_eq!(of_line("[1]"), None);
    }

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
        assert_eq!(one_line("a\x1b[2Jb\r\nc\u{9b}d"), "a [2Jb  c d");
        let long = one_line(&"ü".repeat(200));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with('…'));
    }
}
