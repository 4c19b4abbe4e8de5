//! What a Claude Code process that has ended has achieved: the success rule and the classes of
//! failure, as pure functions of what it printed, how it exited and who stopped it.
//!
//! The rule was checked against version 2.1.330. Not here: what follows from a failure.

use crd::Reason;

use super::stream::{ResultLine, Stream};
use crate::guard::{Shortage, full};
use crate::progress::cut;
use crate::request;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Why the runner stopped the process. Nothing that the process prints or returns shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The runner itself must end.
    Interrupted,
    /// Somebody asked for it, for this reason.
    Asked(Reason),
    /// The task's time is over.
    Deadline,
    /// Nothing was printed for this many seconds.
    Silent(u32),
    /// It did not exit within this many seconds after its result.
    Lingering(u32),
    /// Memory or room on disk ran short.
    Short(Shortage),
}

/// A failure of the agent side, with its reason and a sentence for the task's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
}

impl Failure {
    /// A failure with this reason and sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// What one process has achieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it was asked; its closing words, which may be empty.
    Done(String),
    /// It did not.
    Failed(Failure),
    /// The runner was asked to end.
    Interrupted,
}

impl Verdict {
    /// A failure with this reason and sentence.
    pub fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(reason, message))
    }
}

impl From<Stopped> for Verdict {
    fn from(stopped: Stopped) -> Self {
        judge_stopped(stopped)
    }
}

/// Longest part of a foreign text in a message.
const QUOTE: usize = 400;

/// Judges a process that has ended. `stderr` is the end of what it wrote there.
pub fn judge(stream: &Stream, exit: Exit, stopped: Option<Stopped>, stderr: &str) -> Verdict {
    if let Some(stopped) = stopped {
        return judge_stopped(stopped);
    }
    match stream.result() {
        Some(result) if exit == Exit::Code(0) && is_success(result) => {
            Verdict::Done(result.text.clone())
        }
        Some(result) => {
            let reason = class(result, stream);
            Verdict::Failed(Failure::new(reason, sentence(reason, result, stream)))
        }
        None => Verdict::Failed(without_result(stream, exit, stderr)),
    }
}

/// True when a resumed process failed before it asked the model anything: the transcript cannot
/// be used, and a new session can.
pub fn is_unusable_session(stream: &Stream) -> bool {
    let unknown = |result: &ResultLine| {
        result.num_turns == 0 && result.errors.iter().any(|e| e.contains("No conversation found"))
    };
    stream.turns() == 0 && stream.api_error().is_none() && stream.result().is_none_or(unknown)
}

fn is_success(result: &ResultLine) -> bool {
    !result.is_error
        && result.subtype == "success"
        && result.terminal_reason.as_deref() == Some("completed")
        && result.num_turns >= 1
}

fn judge_stopped(stopped: Stopped) -> Verdict {
    let failed = |reason, message: String| Verdict::failed(reason, message);
    match stopped {
        Stopped::Interrupted => Verdict::Interrupted,
        Stopped::Asked(reason) => {
            failed(reason, format!("{} Claude Code was stopped.", request::sentence(reason)))
        }
        Stopped::Deadline => failed(
            Reason::Timeout,
            "Claude Code was stopped because the time limit is near.".into(),
        ),
        Stopped::Silent(seconds) => failed(
            Reason::AgentHung,
            format!("Claude Code printed nothing for {seconds} s and was stopped."),
        ),
        Stopped::Lingering(seconds) => failed(
            Reason::AgentHung,
            format!(
                "Claude Code did not exit within {seconds} s after its result and was stopped."
            ),
        ),
        Stopped::Short(shortage) => {
            failed(shortage.reason(), format!("Claude Code was stopped: {shortage}."))
        }
    }
}

fn class(result: &ResultLine, stream: &Stream) -> Reason {
    match (result.subtype.as_str(), result.terminal_reason.as_deref()) {
        ("error_max_turns", _) | (_, Some("max_turns")) => return Reason::TurnLimit,
        ("error_max_budget_usd", _) | (_, Some("budget_exhausted")) => {
            return Reason::BudgetExceeded;
        }
        _ => {}
    }
    if result.terminal_reason.as_deref() != Some("api_error") {
        return Reason::AgentFailed;
    }
    let class = stream.api_error().map(|error| error.class.as_str()).unwrap_or_default();
    match (result.api_status, result.api_error.as_deref(), class) {
        (Some(429), ..) | (None, _, "rate_limit") => Reason::RateLimited,
        (Some(401..=404), ..) | (_, _, "authentication_failed" | "billing_error") => {
            Reason::CredentialsRejected
        }
        (Some(408 | 500..=599), ..)
        | (None, Some("connection_failed" | "stream_idle_timeout"), _)
        | (None, None, "server_error") => Reason::Overloaded,
        _ => Reason::AgentFailed,
    }
}

fn sentence(reason: Reason, result: &ResultLine, stream: &Stream) -> String {
    let said = match (result.text.as_str(), result.errors.first(), stream.api_error()) {
        ("", Some(error), _) => error.as_str(),
        ("", None, Some(error)) => error.text.as_str(),
        (text, ..) => text,
    };
    let said = quote(said);
    match reason {
        Reason::TurnLimit | Reason::BudgetExceeded => format!("Claude Code stopped: {said}"),
        Reason::AgentFailed if result.num_turns == 0 => {
            format!("Claude Code ended without asking the model: {said}")
        }
        Reason::AgentFailed if result.stop_reason.as_deref() == Some("refusal") => {
            format!("The model refused: {said}")
        }
        Reason::AgentFailed if result.api_status.is_none() && result.api_error.is_none() => {
            let why = result.terminal_reason.as_deref().unwrap_or(&result.subtype);
            format!("Claude Code ended without success ({why}): {said}")
        }
        _ => format!("The model API failed: {said}"),
    }
}

fn without_result(stream: &Stream, exit: Exit, stderr: &str) -> Failure {
    let how = match exit {
        Exit::Code(code) => format!("with code {code}"),
        Exit::Signal(9) => {
            "by signal 9, which is how the kernel ends a process that uses too much memory,"
                .to_owned()
        }
        Exit::Signal(signal) => format!("by signal {signal}"),
    };
    let cut = if stream.ends_broken() { ", in the middle of a line" } else { "" };
    let said = quote(stderr);
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let reason = if full::says_full(stderr) { Reason::DiskFull } else { Reason::AgentFailed };
    Failure::new(reason, format!("Claude Code ended {how} without a result{cut}{said}"))
}

/// A foreign text as one line of at most `limit` bytes.
pub fn one_line(text: &str, limit: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), limit)
}

fn quote(text: &str) -> String {
    one_line(text, QUOTE)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
