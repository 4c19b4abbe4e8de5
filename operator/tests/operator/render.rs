//! The Job of a task in a file: the one that the operator would create, or what is wrong with the
//! file.
//!
//! Not here: the command line (beside the code), what is in a Job (`job`).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::Parser;
use crd::errors::chain;
use k8s_openapi::api::batch::v1::Job;
use operator::config::{Invocation, Settings};
use operator::decide::{Action, decide};
use operator::job::build;
use operator::render::{Error, render};
use operator::view::Observed;
use serde_json::{Value, json};

use crate::sample::{at, settings, task, task_json};

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: claude-api}\nstringData: {ANTHROPIC_API_KEY: canary}\n";

fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap()
}

fn rendered(text: &str) -> Result<String, Error> {
    render(text, &settings(), at(0))
}

/// What is printed when the text is refused.
fn refusal(text: &str) -> String {
    chain(&rendered(text).unwrap_err())
}

/// The sample task with another value at this path.
fn with(path: &str, value: impl Into<Value>) -> String {
    let mut task = task_json();
    *task.pointer_mut(path).unwrap() = value.into();
    yaml(&task)
}

fn without(parent: &str, field: &str) -> String {
    let mut task = task_json();
    task.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    yaml(&task)
}

#[test]
fn the_job_of_a_task_that_lacks_nothing_is_the_reviewed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/job.yaml");
    let reviewed = std::fs::read_to_string(file).unwrap();
    assert!(rendered(&yaml(&task_json())).unwrap() == reviewed, "it is not the snapshot");
}

#[test]
fn it_is_the_job_that_the_operator_would_create() {
    let mut timed = task_json();
    timed["spec"]["timeout"] = json!("90m");
    let settings = Settings::parse_from(["operator", "--runner-image=r", "--timeout=2h"]);
    for task in [task_json(), timed] {
        let shown: Job =
            serde_saphyr::from_str(&render(&yaml(&task), &settings, at(0)).unwrap()).unwrap();
        let task = serde_json::from_value(task).unwrap();
        let decision = decide(&task, &Observed::default(), &settings, at(0));
        assert_eq!(decision.actions[0], Action::CreateJob(Box::new(shown)));
    }
}

#[test]
fn what_is_printed_reads_back_as_the_same_job() {
    let prompt =
        "Line one: \"quoted\" # no comment\n\n  - $(HOME) $$\ttab \\ 'x'\n---\nyes ü 🦀 \n";
    let mut odd = task();
    odd.spec.prompt = prompt.to_owned();
    odd.spec.verify = vec!["test \"$x\" = ': {}'".to_owned(), "true".to_owned()];
    let text = rendered(&yaml(&serde_json::to_value(&odd).unwrap())).unwrap();
    let job: Job = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(job, build(&odd, 1, &settings(), at(3600), at(0)).unwrap());
}

#[test]
fn a_new_task_gets_placeholders_and_comments_that_say_so() {
    let mut new = task_json();
    new["metadata"] = json!({"generateName": "login-"});
    let text = rendered(&yaml(&new)).unwrap();
    let comments: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();
    assert_eq!(
        comments,
        [
            "# metadata.name ends with xxxxx instead of what the apiserver puts there",
            "# metadata.namespace is the default one: the file names none",
            "# metadata.uid stands for the one that the apiserver gives",
        ]
    );
    let job: Job = serde_saphyr::from_str(&text).unwrap();
    let owner = &job.metadata.owner_references.unwrap()[0];
    assert_eq!(job.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(job.metadata.name.as_deref(), Some("login-xxxxx-00000000-1"));
    assert_eq!(owner.name, "login-xxxxx");
    assert_eq!(owner.uid, "00000000-0000-0000-0000-000000000000");
}

#[test]
fn a_long_generate_name_is_cut_as_the_apiserver_cuts_it() {
    let mut new = task_json();
    new["metadata"] = json!({"generateName": "a".repeat(70)});
    let job: Job = serde_saphyr::from_str(&rendered(&yaml(&new)).unwrap()).unwrap();
    let owner = &job.metadata.owner_references.unwrap()[0];
    assert_eq!(owner.name, format!("{}xxxxx", "a".repeat(58)));
}

#[test]
fn a_task_with_a_history_is_shown_as_a_new_one() {
    let mut old = task_json();
    old["status"] = json!({"attempt": 3, "phase": "Failed", "result": {"startCommit": "c0ffee"}});
    assert!(rendered(&yaml(&old)).unwrap() == rendered(&yaml(&task_json())).unwrap());
}

#[test]
fn secrets_beside_the_task_change_nothing_and_are_not_shown() {
    let task = yaml(&task_json());
    let alone = rendered(&task).unwrap();
    for text in [format!("{SECRET}---\n{task}"), format!("---\n{task}---\n---\n{SECRET}")] {
        assert!(rendered(&text).unwrap() == alone);
    }
    for broken in [
        SECRET.to_owned(),
        SECRET.replace("{ANTHROPIC", "{{ANTHROPIC"),
        SECRET.replace("canary", "\"canary"),
        SECRET.replace("canary", "*canary"),
        SECRET.replace("canary", "!!int canary"),
        SECRET.replace("kind", "stringData: canary\nkind"),
        format!("{SECRET}---\n{}", with("/spec/prompt", 7)),
        format!("{SECRET}---\n{task}---\n{task}"),
    ] {
        let error = rendered(&broken).unwrap_err();
        for said in [chain(&error), format!("{error:?}")] {
            assert!(!said.contains("canary"), "{said}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let task = yaml(&task_json());
    for (text, expected) in [
        (String::new(), "there is no ClaudeTask in it; found: nothing"),
        (
            SECRET.to_owned(),
            "found: Secret of v1. A task begins with `apiVersion: claudetask.dev/v1",
        ),
        ("kind: ClaudeTask".to_owned(), "found: ClaudeTask without apiVersion"),
        ("just words".to_owned(), "found: a document without kind"),
        (format!("{task}---\n{task}"), "there are 2 ClaudeTasks in it; leave the one"),
        ("a: b: c".to_owned(), "this is no YAML: "),
        (with("/spec/prompt", 7), "spec.prompt: invalid type: integer `7`, expected a string"),
        (
            with("/spec/claude/credentialsSecret/name", json!([])),
            "spec.claude.credentialsSecret.name: ",
        ),
        (without("/spec", "prompt"), "spec: missing field `prompt`"),
        (without("", "spec"), "missing field `spec`"),
    ] {
        let said = refusal(&text);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_task_that_gets_no_job_is_refused_in_the_operators_words() {
    let plain = with("/spec/repository/url", "http://git.example.com/acme/shop.git");
    for (text, expected) in [
        (plain, "spec.repository.url: "),
        (without("/metadata", "name"), "metadata.name is missing"),
    ] {
        let error = rendered(&text).unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_image_is_by_default_that_of_the_chart() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/claude-task/values.yaml");
    let values: Value = serde_saphyr::from_str(&std::fs::read_to_string(chart).unwrap()).unwrap();
    let image = &values["runner"]["image"];
    let field = |name: &str| image[name].as_str().unwrap();
    let invocation = Invocation::try_parse_from(["operator", "render", "-"]).unwrap();
    assert_eq!(
        invocation.settings.runner_image,
        format!("{}:{}", field("repository"), field("tag"))
    );
}

/// Runs the program itself, with this on its standard input.
fn program(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_operator"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_program_prints_the_job_or_says_why_not_with_its_exit_code() {
    let shown = program(&["render", "-"], &yaml(&task_json()));
    assert_eq!((shown.status.code(), shown.stderr.as_slice()), (Some(0), b"".as_slice()));
    let job: Job = serde_saphyr::from_str(str::from_utf8(&shown.stdout).unwrap()).unwrap();
    assert_eq!(job.metadata.name.as_deref(), Some("login-0b5e8a5e-1"));

    let plain = with("/spec/repository/url", "http://git.example.com/acme/shop.git");
    for (arguments, input, code, said) in [
        (["render", "-"], plain.as_str(), 2, "standard input: spec.repository.url: plain http"),
        (["render", "-"], SECRET, 1, "standard input: there is no ClaudeTask in it"),
        (["render", "no-such-file.yaml"], "", 1, "reading no-such-file.yaml: "),
    ] {
        let refused = program(&arguments, input);
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(code), 0), "{stderr}");
        assert!(stderr.starts_with(said), "{stderr}");
    }
    let allowed = program(&["--allow-plain-http=true", "render", "-"], &plain);
    assert_eq!(allowed.status.code(), Some(0));
}
