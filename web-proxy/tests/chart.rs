//! The chart passes every setting to the web, under its name and with its default.
//!
//! Not here: whether the chart renders (e2e).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::CommandFactory;
use serde_json::Value;
use web_proxy::config::Settings;

fn chart(file: &str) -> std::io::Result<String> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/claude-task");
    std::fs::read_to_string(chart.join(file))
}

/// The settings with their defaults; several values are joined by commas.
fn defaults() -> BTreeMap<String, String> {
    let argument = |argument: &clap::Arg| {
        let values = argument.get_default_values().iter().map(|value| value.to_string_lossy());
        let values: Vec<_> = values.collect();
        Some((argument.get_long()?.to_owned(), values.join(",")))
    };
    Settings::command().get_arguments().filter_map(argument).collect()
}

#[test]
fn every_setting_is_passed_and_no_other() {
    let template = chart("templates/web/_web.tpl").unwrap();
    let passed: BTreeSet<&str> = template
        .split("\"--")
        .skip(1)
        .filter_map(|rest| rest.split_once('=').map(|(name, _)| name))
        .collect();
    let known = defaults();
    assert_eq!(passed, known.keys().map(String::as_str).collect());
}

#[test]
fn the_charts_values_are_the_webs_defaults() {
    let values: Value = serde_saphyr::from_str(&chart("values.yaml").unwrap()).unwrap();
    let values: BTreeMap<_, _> = leaves("", &values["web"]).into_iter().collect();
    // Where the web listens and what it logs is the chart's own, and its address everybody's.
    let own = ["listen", "public-url", "log", "log-format"];
    for (name, default) in defaults() {
        if !default.is_empty() && !own.contains(&name.as_str()) {
            assert_eq!(values.get(&name), Some(&default), "--{name} in the program and the chart");
        }
    }
}

/// The values below this one by the names of settings: `oidc.usernameClaim` is
/// `oidc-username-claim`; a list is joined by commas and named by one of its members.
fn leaves(path: &str, value: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(object) => {
            let below = object.iter().flat_map(|(key, value)| {
                let dash = if path.is_empty() { "" } else { "-" };
                leaves(&format!("{path}{dash}{}", kebab(key)), value)
            });
            below.collect()
        }
        Value::Array(items) => {
            let name = path.strip_suffix('s').unwrap_or(path);
            vec![(name.to_owned(), items.iter().map(text).collect::<Vec<_>>().join(","))]
        }
        value => vec![(path.to_owned(), text(value))],
    }
}

fn kebab(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut kebab, letter| {
        if letter.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
        kebab
    })
}
