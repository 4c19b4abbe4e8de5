//! `claudetask validate` says what the apiserver says: the same faults, in the same words, or that
//! a task is good. Nothing is created; the apiserver is asked by dry runs.
//!
//! Not here: the objects ([`rows`]), and what their faults are; the apiserver knows.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use crd::ClaudeTask;
use kube::Resource;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::Value;

use super::case::Case;
use super::site::Site;
use crate::cluster::layout::built_programs;

super::scenarios!["validation":
    what_the_apiserver_refuses_is_refused_in_its_words,
    what_the_apiserver_takes_is_good,
    what_the_apiserver_cannot_read_is_refused_with_its_field,
];

/// Faults as `FIELD: MESSAGE`; none for a good task.
type Faults = BTreeSet<String>;

async fn what_the_apiserver_refuses_is_refused_in_its_words(case: Case<'_>) -> anyhow::Result<()> {
    let rows = rows::refused();
    let said = said(&rows)?;
    let mut differences = Vec::new();
    for (row, ours) in rows.iter().zip(&said) {
        let theirs = asked(case.site, row).await?;
        ensure!(!theirs.is_empty(), "the apiserver takes {}", short(row));
        if *ours != theirs {
            differences.push(format!("{}:\n  {theirs:?}\n  {ours:?}", short(row)));
        }
    }
    ensure!(differences.is_empty(), "apiserver and program differ:\n{}", differences.join("\n"));
    Ok(())
}

async fn what_the_apiserver_takes_is_good(case: Case<'_>) -> anyhow::Result<()> {
    let rows = rows::taken();
    for (row, ours) in rows.iter().zip(said(&rows)?) {
        let theirs = asked(case.site, row).await?;
        ensure!(theirs.is_empty(), "the apiserver refuses {}: {theirs:?}", short(row));
        ensure!(ours.is_empty(), "the program refuses {}: {ours:?}", short(row));
    }
    Ok(())
}

/// Here the apiserver gives a sentence of its decoder for a fault, which names no field.
async fn what_the_apiserver_cannot_read_is_refused_with_its_field(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let (fields, rows): (Vec<_>, Vec<_>) = rows::unreadable().into_iter().unzip();
    for ((field, row), ours) in fields.iter().zip(&rows).zip(said(&rows)?) {
        let theirs = asked(case.site, row).await?;
        ensure!(theirs.len() == 1, "the apiserver reads {}: {theirs:?}", short(row));
        let named = ours.len() == 1 && ours.iter().all(|fault| fault.starts_with(field));
        ensure!(named, "the program says of {}: {ours:?}", short(row));
    }
    Ok(())
}

/// The faults that the apiserver names.
async fn asked(site: &Site, object: &Value) -> anyhow::Result<Faults> {
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let tasks = Request::new(ClaudeTask::url_path(&(), Some(&site.namespace)));
    let mut request = tasks.create(&dry, serde_json::to_vec(object)?)?;
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse()?;
    let status = match site.client.request::<Value>(request).await {
        Ok(_) => return Ok(Faults::new()),
        Err(kube::Error::Api(status)) => status,
        Err(error) => return Err(error).context("ask the apiserver"),
    };
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    if !causes.is_empty() {
        return Ok(causes
            .into_iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect());
    }
    let unknown = status.message.split_once("strict decoding error: ").map(|(_, unknown)| unknown);
    Ok(match unknown {
        Some(unknown) => unknown.split(", ").map(with_its_field).collect(),
        None => [status.message].into(),
    })
}

/// `unknown field "spec.a"`, with the field in front as for other faults.
fn with_its_field(unknown: &str) -> String {
    let field = unknown.split('"').nth(1).unwrap_or_default();
    format!("{field}: {unknown}")
}

/// The faults that the program names for each object, all of them given in one call.
fn said(objects: &[Value]) -> anyhow::Result<Vec<Faults>> {
    let folder = tempfile::tempdir()?;
    let mut files: Vec<PathBuf> = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        files.push(folder.path().join(format!("{number}.yaml")));
        std::fs::write(&files[number], serde_saphyr::to_string(object)?)?;
    }
    let mut program = Command::new(built_programs()?.join("claudetask"));
    program.arg("validate").args(&files).stdin(Stdio::null());
    let output = program.output().context("start claudetask")?;
    let (good, bad) = (by_file(&output.stdout)?, by_file(&output.stderr)?);
    let expected = if bad.is_empty() { 0 } else { 2 };
    ensure!(output.status.code() == Some(expected), "claudetask: {}", output.status);
    let faults = |file: &PathBuf| {
        let file = file.display().to_string();
        let faults = bad.get(&file).cloned().unwrap_or_default();
        ensure!(good.contains_key(&file) == faults.is_empty(), "{file}: {good:?} {bad:?}");
        Ok(faults)
    };
    files.iter().map(faults).collect()
}

/// Lines `FILE: …` without the file, by file.
fn by_file(output: &[u8]) -> anyhow::Result<BTreeMap<String, Faults>> {
    let mut found: BTreeMap<String, Faults> = BTreeMap::new();
    for line in std::str::from_utf8(output)?.lines() {
        let (file, rest) = line.split_once(": ").with_context(|| format!("no file in {line:?}"))?;
        found.entry(file.to_owned()).or_default().insert(rest.to_owned());
    }
    Ok(found)
}

/// Enough of an object to find its row.
fn short(object: &Value) -> String {
    object.to_string().chars().take(400).collect()
}
