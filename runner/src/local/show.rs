//! `claudetask list`, `status` and `logs`: what earlier runs, and those that go on, have left.
//!
//! Not here: where that is ([`super::record`]).

use std::path::Path;

use clap::Args;
use crd::status::SUCCEEDED;
use crd::{ClaudeTask, ClaudeTaskStatus};
use jiff::Timestamp;

use super::options::Format;
use super::record::{self, Record, RecordError};
use super::view::{clock, shown};

/// What to show of one run.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// The task's name, for its newest run, or a run's name as `list` shows it
    pub name: String,
    /// Only the log of one container: clone, save, run, rebase, resolve or push
    #[arg(short, long)]
    pub container: Option<String>,
    /// The lines as they are, in JSON
    #[arg(long)]
    pub json: bool,
}

/// The table of all runs below `state`, the newest first.
pub fn list(state: &Path) -> String {
    let head = ["RUN", "PHASE", "REASON", "BRANCH", "COST", "AGE"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(record::all(state).iter().map(|(record, task)| row(record, task)));
    table(&rows)
}

fn row(record: &Record, task: &ClaudeTask) -> [String; 6] {
    let none = ClaudeTaskStatus::default();
    let status = task.status.as_ref().unwrap_or(&none);
    let phase = status.phase.map_or("Queued", crd::status::DisplayPhase::as_str);
    let phase = if status.is_finished() || record.is_alive() { phase } else { "Interrupted" };
    let reason = status.condition(SUCCEEDED).filter(|_| status.is_finished());
    let age = record::created(task).map(|at| clock(Timestamp::now().duration_since(at)));
    [
        record::name(task),
        phase.to_owned(),
        reason.map(|verdict| verdict.reason.clone()).unwrap_or_default(),
        status.result.branch.clone().unwrap_or_default(),
        status.usage.map(|usage| usage.cost_usd.to_string()).unwrap_or_default(),
        age.unwrap_or_default(),
    ]
}

/// Columns as wide as they must be.
fn table(rows: &[[String; 6]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    rows.iter().map(|row| line(row) + "\n").collect()
}

/// The object of a run with its status.
///
/// # Errors
/// [`RecordError`].
pub fn status(state: &Path, name: &str, format: Format) -> Result<String, RecordError> {
    let (record, task) = record::find(state, name)?;
    let path = record.folder().to_owned();
    format.of(&task).map_err(|words| RecordError::Yaml { path, words })
}

/// The log of a run, readable or as it is.
///
/// # Errors
/// [`RecordError`].
pub fn logs(state: &Path, logs: &Logs) -> Result<String, RecordError> {
    let (record, _) = record::find(state, &logs.name)?;
    let mut text = String::new();
    for (attempt, container, lines) in record.logs() {
        if logs.container.as_ref().is_some_and(|wanted| *wanted != container) {
            continue;
        }
        if logs.json {
            text += &lines;
            continue;
        }
        text += "==> attempt ";
        text += &[attempt.to_string().as_str(), ", ", &container, "\n"].concat();
        let shown = lines
            .lines()
            .filter_map(|line| shown(&container, line, serde_json::from_str(line).ok().as_ref()));
        shown.for_each(|line| text += &(line + "\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_that_died_is_told_from_one_that_goes_on() {
        let state = tempfile::tempdir().unwrap();
        let task: ClaudeTask = serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"name": "login", "uid": "11112222"},
            "spec": {"repository": {"url": "https://git.example.com/a"}, "prompt": "x"},
            "status": {"phase": "Running"},
        }))
        .unwrap();
        let record = Record::begin(state.path(), &task).unwrap();
        record.log(1, "run", r#"{"seq":1,"time":"2026-01-01T00:00:00Z","phase":"run","kind":"tool","turn":1,"tool":"Bash","text":"ls"}"#).unwrap();
        record.log(1, "clone", "plain\u{1b}[2J").unwrap();
        assert!(list(state.path()).contains("Running"), "{}", list(state.path()));
        drop(record);
        assert!(list(state.path()).contains("Interrupted"), "{}", list(state.path()));
        let all = Logs { name: "login".to_owned(), container: None, json: false };
        let text = logs(state.path(), &all).unwrap();
        assert!(text.find("plain [2J").unwrap() < text.find("turn 1 · Bash ls").unwrap(), "{text}");
        let one = Logs { container: Some("run".to_owned()), json: true, ..all };
        assert!(logs(state.path(), &one).unwrap().starts_with("{\"seq\":1"));
    }
}
