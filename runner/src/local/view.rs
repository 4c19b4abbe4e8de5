//! What a run shows while it goes on: a line for everything that happens, and on a terminal one
//! below them for where it is.
//!
//! Standard error: standard output is for the finished object. Not here: what a line of a log says
//! ([`crd::log`]).

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr};

use crd::log::{Kind, Line, one_line, without_control};
use crd::status::{PhaseState, PhaseStatus, SUCCEEDED};
use crd::{ClaudeTask, ClaudeTaskStatus, Phase};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Where a run is shown.
pub struct View {
    terminal: bool,
    colour: bool,
    turns: u32,
    tools: u32,
    last: Option<ClaudeTaskStatus>,
}

impl View {
    /// Looks whether standard error is a terminal, and whether colours are wanted
    /// (<https://no-color.org>).
    pub fn stderr() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = stderr().is_terminal() && !dumb;
        Self { terminal, colour: terminal && !set("NO_COLOR"), turns: 0, tools: 0, last: None }
    }

    /// Prints a line that stays.
    pub fn say(&self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        print(&format!("{clear}{text}\n"));
        self.footer();
    }

    /// A line of a container's log.
    pub fn line(&mut self, container: &str, text: &str) {
        let line: Option<Line> = serde_json::from_str(text).ok();
        let note = line.as_ref().map(|line| &line.note);
        match note.map(|note| note.kind) {
            Some(Kind::Turn) => self.turns += 1,
            Some(Kind::Tool) => self.tools += 1,
            _ => {}
        }
        if let Some(shown) = shown(container, text, line.as_ref()) {
            let paint = match note.map(|note| note.kind) {
                Some(Kind::Error) => "31",
                Some(Kind::Warning) => "33",
                Some(Kind::Output) => "2",
                _ => "",
            };
            self.say(&self.painted(&shown, paint));
        }
    }

    /// The task as it is now: phases that have ended, another attempt, the verdict.
    pub fn status(&mut self, task: &ClaudeTask) {
        let Some(status) = &task.status else { return };
        for text in changes(self.last.as_ref(), status) {
            self.say(&self.painted(&text, "1"));
        }
        self.last = Some(status.clone());
        if let Some(text) = ending(status, self.turns, self.tools) {
            self.last = None;
            self.say(&text);
        } else {
            self.footer();
        }
    }

    /// Shows how long it takes.
    pub fn footer(&self) {
        if let (true, Some(status)) = (self.terminal, &self.last) {
            let text = summary(status, self.turns, self.tools, Timestamp::now());
            // A line that is too long is cut by the terminal: a wrapped one would stay.
            print(&format!("\r\x1b[?7l{}\x1b[K\x1b[?7h", self.painted(&text, "7")));
        }
    }

    fn painted(&self, text: &str, paint: &str) -> String {
        if self.colour && !paint.is_empty() {
            format!("\x1b[{paint}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A reader that went away is no reason to stop: the work is still to be ended.
fn print(text: &str) {
    let mut out = stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line of a log for people; nothing for one that says nothing by itself. `line` is `text` read,
/// if it is one of the runner's.
pub fn shown(container: &str, text: &str, line: Option<&Line>) -> Option<String> {
    let (time, said) = match line {
        Some(line) => (line.time, line.note.activity()?),
        None => (Timestamp::now(), Some(one_line(text)).filter(|said| !said.is_empty())?),
    };
    let clock = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    Some(format!("{clock} {container:<7} {said}"))
}

/// What is new, a line each.
fn changes(last: Option<&ClaudeTaskStatus>, status: &ClaudeTaskStatus) -> Vec<String> {
    let attempt = |status: &ClaudeTaskStatus| status.attempt.unwrap_or(1);
    let same = last.filter(|last| attempt(last) == attempt(status));
    let mut lines = Vec::new();
    if same.is_none() && attempt(status) > 1 {
        lines.push(format!("attempt {}", attempt(status)));
    }
    let known = |phase: &PhaseStatus| {
        same.is_some_and(|last| last.phases.iter().any(|old| old.name == phase.name && over(old)))
    };
    let news = status.phases.iter().filter(|phase| over(phase) && !known(phase));
    lines.extend(news.filter(|phase| phase.started_at.is_some()).map(|phase| {
        let took = took(phase, Timestamp::now());
        format!("{} {} {took}", phase.name, word(phase.state)).trim_end().to_owned()
    }));
    lines
}

const fn over(phase: &PhaseStatus) -> bool {
    !matches!(phase.state, PhaseState::Pending | PhaseState::Running)
}

const fn word(state: PhaseState) -> &'static str {
    match state {
        PhaseState::Pending => "○",
        PhaseState::Running => "●",
        PhaseState::Succeeded => "succeeded",
        PhaseState::Failed => "failed",
        PhaseState::Skipped => "skipped",
    }
}

fn took(phase: &PhaseStatus, now: Timestamp) -> String {
    let Some(start) = phase.started_at else { return String::new() };
    clock(phase.finished_at.unwrap_or(now).duration_since(start))
}

/// The phases and what was used, in one line.
fn summary(status: &ClaudeTaskStatus, turns: u32, tools: u32, now: Timestamp) -> String {
    let phase = |name: Phase| {
        let known = status.phases.iter().find(|phase| phase.name == name);
        let state = known.map_or(PhaseState::Pending, |phase| phase.state);
        let mark = match state {
            PhaseState::Succeeded => "✓",
            PhaseState::Failed => "✗",
            other => word(other),
        };
        let time = known.filter(|_| state == PhaseState::Running).map(|phase| took(phase, now));
        let time = time.map(|time| format!(" {time}")).unwrap_or_default();
        format!("{mark} {name}{time}")
    };
    let phases: Vec<_> = Phase::ALL.into_iter().map(phase).collect();
    let cost = status.usage.map(|usage| format!(" · ${}", usage.cost_usd)).unwrap_or_default();
    let time = status.started_at.map(|start| clock(now.duration_since(start)));
    let time = time.unwrap_or_default();
    format!(" {} | {}{cost} · {time} · Ctrl-C cancels ", phases.join("  "), counted(turns, tools))
}

/// `1 turn, 2 tool calls`.
fn counted(turns: u32, tools: u32) -> String {
    let some =
        |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", some(turns, "turn"), some(tools, "tool call"))
}

/// The verdict with what it means and what to do, once it is there.
fn ending(status: &ClaudeTaskStatus, turns: u32, tools: u32) -> Option<String> {
    let verdict = status.condition(SUCCEEDED).filter(|_| status.is_finished())?;
    let mut text = format!("\n{}: {}", verdict.reason, without_control(&verdict.message));
    if let Some(reason) = verdict.reason.parse::<crd::Reason>().ok().filter(|r| !r.is_success()) {
        let _ = write!(text, "\n  {}\n  {}", reason.meaning(), reason.remedy());
    }
    let usage = status.usage.unwrap_or_default();
    let _ = write!(text, "\n  {}, ${}", counted(turns, tools), usage.cost_usd);
    if let (Some(start), Some(end)) = (status.started_at, status.finished_at) {
        let _ = write!(text, ", {}", clock(end.duration_since(start)));
    }
    for (name, value) in [
        ("branch", &status.result.branch),
        ("commit", &status.result.commit),
        ("checkpoint", &status.result.checkpoint),
    ] {
        if let Some(value) = value {
            let _ = write!(text, "\n  {name}: {}", without_control(value));
        }
    }
    Some(text)
}

/// A span of time as people read it: `42s`, `3m07s`, `1h02m`.
pub fn clock(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest:02}s"),
        _ => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(phases: &serde_json::Value) -> ClaudeTaskStatus {
        serde_json::from_value(json!({"phases": *phases, "startedAt": "2026-01-01T00:00:00Z"}))
            .unwrap()
    }

    #[test]
    fn each_phase_is_told_once_when_it_is_over() {
        let running = status(&json!([
            {"name": "Clone", "state": "Succeeded", "startedAt": "2026-01-01T00:00:00Z",
             "finishedAt": "2026-01-01T00:00:03Z"},
            {"name": "Run", "state": "Running", "startedAt": "2026-01-01T00:00:03Z"},
        ]));
        assert_eq!(changes(None, &running), ["Clone succeeded 3s"]);
        assert!(changes(Some(&running), &running).is_empty());
        let second = ClaudeTaskStatus { attempt: Some(2), ..running.clone() };
        assert_eq!(changes(Some(&running), &second), ["attempt 2", "Clone succeeded 3s"]);
    }

    #[test]
    fn the_summary_names_every_phase_and_what_was_used() {
        let running = status(&json!([
            {"name": "Clone", "state": "Succeeded"},
            {"name": "Run", "state": "Running", "startedAt": "2026-01-01T00:00:10Z"},
        ]));
        let text = summary(&running, 2, 5, "2026-01-01T00:01:17Z".parse().unwrap());
        for words in ["✓ Clone", "● Run 1m07s", "○ Push", "2 turns, 5 tool calls", "1m17s"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn a_failure_is_told_with_what_to_do() {
        let failed: ClaudeTaskStatus = serde_json::from_value(json!({
            "conditions": [{"type": "Succeeded", "status": "False", "reason": "TurnLimit",
                "message": "after 2", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "result": {"checkpoint": "refs/claudetask/u"},
        }))
        .unwrap();
        let text = ending(&failed, 1, 0).unwrap();
        for words in ["TurnLimit: after 2", "spec.claude.maxTurns", "checkpoint: refs/claudetask/u"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn times_are_short() {
        let clock = |seconds| clock(SignedDuration::from_secs(seconds));
        assert_eq!(
            [clock(-1), clock(59), clock(187), clock(3720)],
            ["0s", "59s", "3m07s", "1h02m"]
        );
    }
}
