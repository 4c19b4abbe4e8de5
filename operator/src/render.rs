//! The Job of a task in a file, as text: what the operator would create for that task.
//!
//! The task counts as one that was just created: a status or a `spec.cancel` in the file is not
//! looked at. Not here: whether an apiserver would take the task; files and the clock (the program).

use crd::span::after;
use crd::{ClaudeTask, names};
use jiff::Timestamp;
use kube::Resource;
use serde_json::Value;
use serde_saphyr::UserMessageFormatter;

use crate::config::Settings;
use crate::job::{self, Refused};

/// The number of a task's first attempt.
const FIRST: u32 = 1;
/// Stands for a UID that only an apiserver can give.
const PLACEHOLDER_UID: &str = "00000000-0000-0000-0000-000000000000";
/// Stands for the characters that an apiserver puts behind `metadata.generateName`.
const PLACEHOLDER_SUFFIX: &str = "xxxxx";

/// Why there is no Job to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no YAML.
    #[error("this is no YAML: {}", .0.render_with_formatter(&UserMessageFormatter))]
    Yaml(Box<serde_saphyr::Error>),
    /// None of the documents is a task.
    #[error(
        "there is no ClaudeTask in it; found: {0}. A task begins with `apiVersion: {version}` and `kind: ClaudeTask`",
        version = ClaudeTask::api_version(&())
    )]
    NoTask(String),
    /// More than one of the documents is a task.
    #[error("there are {0} ClaudeTasks in it; leave the one whose Job is asked for")]
    ManyTasks(usize),
    /// A field of the task is missing or of another type.
    #[error("the ClaudeTask cannot be read")]
    Task(#[source] serde_path_to_error::Error<serde_json::Error>),
    /// The operator would make no Job of this task either; its verdict would be `InvalidSpec`.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The Job cannot be written as YAML.
    #[error("writing the Job as YAML")]
    Write(#[source] serde_saphyr::ser::Error),
}

/// The Job of the first attempt, if it began `now`, of the one task in `text`, as YAML. What an
/// apiserver would have given the task is made up, and comments at the top say so.
///
/// # Errors
/// [`Error`], which names fields and kinds but shows no text of other documents: there may be
/// Secrets among them.
pub fn render(text: &str, settings: &Settings, now: Timestamp) -> Result<String, Error> {
    let mut task = read(text)?;
    let mut shown = complete(&mut task);
    let not_after = after(now, settings.timeout_of(&task));
    let job = job::build(&task, FIRST, settings, not_after, now)?;
    shown.push_str(&serde_saphyr::to_string(&job).map_err(Error::Write)?);
    Ok(shown)
}

fn read(text: &str) -> Result<ClaudeTask, Error> {
    // An error must not quote the lines around it, which may be a Secret's.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Error::Yaml(Box::new(error)))?;
    let (mut tasks, others): (Vec<_>, Vec<_>) = documents.into_iter().partition(is_task);
    match (tasks.pop(), tasks.len()) {
        (None, _) => Err(Error::NoTask(kinds(&others))),
        (Some(task), 0) => serde_path_to_error::deserialize(task).map_err(Error::Task),
        (Some(_), more) => Err(Error::ManyTasks(more + 1)),
    }
}

fn is_task(document: &Value) -> bool {
    document["kind"] == *ClaudeTask::kind(&())
        && document["apiVersion"] == *ClaudeTask::api_version(&())
}

/// What the documents are, for somebody who looks for a task among them.
fn kinds(documents: &[Value]) -> String {
    match documents {
        [] => "nothing".to_owned(),
        some => some.iter().map(kind).collect::<Vec<_>>().join(", "),
    }
}

fn kind(document: &Value) -> String {
    match (document["apiVersion"].as_str(), document["kind"].as_str()) {
        (Some(version), Some(kind)) => format!("{kind} of {version}"),
        (None, Some(kind)) => format!("{kind} without apiVersion"),
        (_, None) => "a document without kind".to_owned(),
    }
}

/// Gives `task` what an apiserver would give it; returns a comment for each such field.
fn complete(task: &mut ClaudeTask) -> String {
    let mut comments = String::new();
    let meta = &mut task.metadata;
    if let (None, Some(prefix)) = (&meta.name, &meta.generate_name) {
        meta.name = Some(names::kept_of_generated(prefix) + PLACEHOLDER_SUFFIX);
        comments += "# metadata.name ends with xxxxx instead of what the apiserver puts there\n";
    }
    if meta.namespace.is_none() {
        meta.namespace = Some("default".to_owned());
        comments += "# metadata.namespace is the default one: the file names none\n";
    }
    if meta.uid.is_none() {
        meta.uid = Some(PLACEHOLDER_UID.to_owned());
        comments += "# metadata.uid stands for the one that the apiserver gives\n";
    }
    comments
}
