//! Reads what Claude Code prints with `--output-format stream-json`: a tolerant, pure fold of lines.
//!
//! Types and fields that are unknown here are ignored: the format changes weekly. Not here: what
//! the sum of it means ([`super::verdict`]).

use std::collections::HashSet;

use crd::Usd;
use crd::status::Usage;
use serde_json::Value;

use crate::progress::{Kind, Note};

/// Everything that the lines so far have said.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    answers: HashSet<String>,
    usage: Usage,
    result: Option<ResultLine>,
    resulted: bool,
    api_error: Option<ApiError>,
    last_text: Option<String>,
    session_id: Option<String>,
    broken: bool,
}

/// The last `result` line, which says how a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultLine {
    /// `success`, or what stopped the run; also `success` for every error of the API.
    pub subtype: String,
    /// True for every failure.
    pub is_error: bool,
    /// HTTP status of the API's refusal.
    pub api_status: Option<u64>,
    /// The CLI's own name for an API failure without a status, such as `connection_failed`.
    pub api_error: Option<String>,
    /// Why the loop ended; `completed` is the only good one.
    pub terminal_reason: Option<String>,
    /// Why the model stopped, such as `end_turn` or `refusal`.
    pub stop_reason: Option<String>,
    /// Not a count of requests; 0 when the model was never asked.
    pub num_turns: u64,
    /// The model's closing words, or the error's text.
    pub text: String,
    /// Texts of errors that have no `result`.
    pub errors: Vec<String>,
    /// Tool calls that were refused.
    pub denials: usize,
}

/// The last failing answer, as its `assistant` line tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiError {
    /// `rate_limit`, `server_error`, `authentication_failed`, `billing_error`, …
    pub class: String,
    /// The text shown for it.
    pub text: String,
}

impl Stream {
    /// Takes one line, without its end; returns what it says to a watcher.
    pub fn line(&mut self, line: &[u8]) -> Vec<Note> {
        if line.trim_ascii().is_empty() {
            return Vec::new();
        }
        let value = serde_json::from_slice::<Value>(line).ok().filter(Value::is_object);
        self.broken = value.is_none();
        let Some(value) = value else { return Vec::new() };
        match string(&value, "type") {
            "assistant" => self.assistant(&value),
            "system" => self.system(&value),
            "user" => {
                self.resulted = false;
                Vec::new()
            }
            "result" => self.result_line(&value),
            _ => Vec::new(),
        }
    }

    /// Answers of the model in the main loop.
    pub fn turns(&self) -> u32 {
        u32::try_from(self.answers.len()).unwrap_or(u32::MAX)
    }

    /// What this process used. Only result lines carry more than the turns: without one, the
    /// session's account says it ([`super::session::account`]).
    pub fn usage(&self) -> Usage {
        Usage { turns: self.turns(), ..self.usage }
    }

    /// The last result line.
    pub const fn result(&self) -> Option<&ResultLine> {
        self.result.as_ref()
    }

    /// True when a result line came and no work after it: the process should exit.
    pub const fn is_over(&self) -> bool {
        self.resulted
    }

    /// The last failing answer of the API.
    pub const fn api_error(&self) -> Option<&ApiError> {
        self.api_error.as_ref()
    }

    /// The last words of the model in the main loop.
    pub fn last_text(&self) -> Option<&str> {
        self.last_text.as_deref()
    }

    /// The session, once the process has named it.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// True when the last line was cut: its reader was too slow, or the process was killed.
    pub const fn ends_broken(&self) -> bool {
        self.broken
    }

    fn assistant(&mut self, line: &Value) -> Vec<Note> {
        self.resulted = false;
        let message = &line["message"];
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if line["is_api_error_message"] == true {
            let text = texts(blocks);
            self.api_error =
                Some(ApiError { class: string(line, "error").to_owned(), text: text.clone() });
            return vec![Note::new(Kind::Warning, text)];
        }
        let main = line["parent_tool_use_id"].is_null();
        let mut notes = Vec::new();
        if main && !is_synthetic(message) {
            let id = string(message, "id");
            if self.answers.insert(id.to_owned()) {
                notes.push(self.note(Kind::Turn, String::new()));
            }
        }
        notes.extend(blocks.iter().filter_map(|block| self.block(block, main)));
        notes
    }

    fn block(&mut self, block: &Value, main: bool) -> Option<Note> {
        match string(block, "type") {
            "text" => {
                let text = string(block, "text");
                if main {
                    self.last_text = Some(text.to_owned());
                }
                Some(self.note(Kind::Text, text.to_owned()))
            }
            "tool_use" => {
                let tool = Some(string(block, "name").to_owned());
                let text = tool_text(&block["input"]);
                Some(Note { tool, ..self.note(Kind::Tool, text) })
            }
            _ => None,
        }
    }

    fn note(&self, kind: Kind, text: String) -> Note {
        Note { turn: Some(self.turns()), ..Note::new(kind, text) }
    }

    fn system(&mut self, line: &Value) -> Vec<Note> {
        let text = match string(line, "subtype") {
            "init" => {
                self.resulted = false;
                self.session_id = Some(string(line, "session_id").to_owned());
                return Vec::new();
            }
            "api_retry" => format!(
                "The model API failed ({}); attempt {} of {} follows",
                line["error_status"]
                    .as_u64()
                    .map_or_else(|| string(line, "error").to_owned(), |status| status.to_string()),
                line["attempt"],
                line["max_retries"],
            ),
            "permission_denied" => {
                format!("{} was refused: {}", string(line, "tool_name"), string(line, "message"))
            }
            "model_fallback" | "model_refusal_fallback" => string(line, "content").to_owned(),
            "compact_boundary" => "The conversation was compacted".to_owned(),
            _ => return Vec::new(),
        };
        vec![Note::new(Kind::Warning, text)]
    }

    fn result_line(&mut self, line: &Value) -> Vec<Note> {
        self.resulted = true;
        self.usage = self.usage + usage(&line["model_usage_since_last_result"]);
        let optional = |key: &str| line[key].as_str().map(str::to_owned);
        self.result = Some(ResultLine {
            subtype: string(line, "subtype").to_owned(),
            is_error: line["is_error"] != false,
            api_status: line["api_error_status"].as_u64(),
            api_error: optional("api_error"),
            terminal_reason: optional("terminal_reason"),
            stop_reason: optional("stop_reason"),
            num_turns: line["num_turns"].as_u64().unwrap_or(0),
            text: string(line, "result").to_owned(),
            errors: strings(&line["errors"]),
            denials: line["permission_denials"].as_array().map_or(0, Vec::len),
        });
        Vec::new()
    }
}

/// Answers that the CLI invented itself cost nothing and are no turns.
fn is_synthetic(message: &Value) -> bool {
    string(message, "model") == "<synthetic>"
}

fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn texts(blocks: &[Value]) -> String {
    blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join(" ")
}

/// The part of a tool's input that tells a watcher what is going on.
fn tool_text(input: &Value) -> String {
    ["command", "file_path", "pattern", "path", "description"]
        .iter()
        .find_map(|key| input[key].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The sum over all models of one `modelUsage` object, without turns.
pub(super) fn usage(models: &Value) -> Usage {
    let models = models.as_object().into_iter().flat_map(|models| models.values());
    models.fold(Usage::default(), |sum, model| {
        let tokens = |key: &str| model[key].as_u64().unwrap_or(0);
        sum + Usage {
            cost_usd: Usd::from_f64(model["costUSD"].as_f64().unwrap_or(0.0)),
            turns: 0,
            input_tokens: tokens("inputTokens"),
            output_tokens: tokens("outputTokens"),
            cache_read_tokens: tokens("cacheReadInputTokens"),
            cache_write_tokens: tokens("cacheCreationInputTokens"),
        }
    })
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
