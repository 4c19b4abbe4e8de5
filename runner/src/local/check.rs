//! `claudetask validate`: says of each file whether the apiserver would take its ClaudeTasks.
//!
//! Not here: what it would refuse ([`crate::validate`]).

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crd::ClaudeTask;

use super::files::{self, Manifests};
use crate::validate;

/// Exit code when something would be refused, or could not be read.
const REFUSED: u8 = 2;

/// Looks at all files and prints a line for each task that is good, to standard output, and one for
/// each fault, to standard error. Exit code 0 when there was no fault, else 2.
pub fn validate(files: &[PathBuf]) -> ExitCode {
    let mut exit = ExitCode::SUCCESS;
    for file in files {
        let lines = lines(file, files::read(file));
        lines.good.iter().for_each(|line| println!("{line}"));
        lines.bad.iter().for_each(|line| eprintln!("{line}"));
        if !lines.bad.is_empty() {
            exit = ExitCode::from(REFUSED);
        }
    }
    exit
}

/// What is said about one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    good: Vec<String>,
    bad: Vec<String>,
}

fn lines(file: &Path, read: Result<Manifests, files::Error>) -> Lines {
    let mut lines = Lines::default();
    let line = |what: &dyn fmt::Display| format!("{}: {what}", file.display());
    match read {
        Ok(manifests) if manifests.tasks.is_empty() => {
            lines.bad.push(line(&"there is no ClaudeTask in it"));
        }
        Ok(manifests) => {
            for task in &manifests.tasks {
                match validate::check(task) {
                    Ok(task) => {
                        lines.good.push(line(&format!("claudetask/{} is valid", name(&task))));
                    }
                    Err(faults) => lines.bad.extend(faults.iter().map(|fault| line(fault))),
                }
            }
        }
        Err(error) => lines.bad.push(line(&error)),
    }
    lines
}

/// The task's name, or the beginning of it when the apiserver is to generate it.
fn name(task: &ClaudeTask) -> &str {
    let names = [&task.metadata.name, &task.metadata.generate_name];
    names.into_iter().flatten().next().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "apiVersion: claudetask.dev/v1alpha1\nkind: ClaudeTask\n\
        metadata: {name: a}\nspec: {prompt: Do it., repository: {url: https://example.com/a}}\n";

    fn said(text: &str) -> Lines {
        lines(Path::new("task.yaml"), files::parse(text))
    }

    #[test]
    fn a_good_task_is_named() {
        let good = vec!["task.yaml: claudetask/a is valid".to_owned()];
        assert_eq!(said(TASK), Lines { good, bad: vec![] });
        let generated = said(&TASK.replace("name: a", "generateName: fix-"));
        assert_eq!(generated.good, ["task.yaml: claudetask/fix- is valid"]);
    }

    #[test]
    fn each_fault_of_each_task_has_a_line() {
        let bad = TASK.replace("prompt: Do it.", "prompt: '', timeout: 5s");
        let both = said(&format!("{TASK}---\n{bad}"));
        assert_eq!(both.good.len(), 1);
        assert_eq!(
            both.bad,
            [
                "task.yaml: spec.prompt: Invalid value: \"\": spec.prompt in body should be at least 1 chars long",
                "task.yaml: spec.prompt: Invalid value: \"\": must say something: it is blank",
                "task.yaml: spec.timeout: Invalid value: \"5s\": must be at least 1m",
            ]
        );
    }

    #[test]
    fn a_file_without_a_task_is_bad() {
        for text in ["", "---\n", "kind: Secret\napiVersion: v1\nmetadata: {name: s}\n"] {
            assert_eq!(said(text).bad, ["task.yaml: there is no ClaudeTask in it"], "{text}");
        }
        let missing = lines(Path::new("no.yaml"), files::read(Path::new("/no/such/file.yaml")));
        assert_eq!(missing.bad.len(), 1);
    }
}
