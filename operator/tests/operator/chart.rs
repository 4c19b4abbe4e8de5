//! The chart passes every setting to the operator, under its name and with its default.
//!
//! Not here: whether the chart renders (`helm lint`, e2e).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::CommandFactory;
use operator::config::Settings;
use serde_json::Value;

fn chart(file: &str) -> String {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/claude-task");
    std::fs::read_to_string(chart.join(file)).unwrap()
}

fn defaults() -> BTreeMap<String, Option<String>> {
    Settings::command()
        .get_arguments()
        .filter_map(|argument| {
            let name = argument.get_long()?.to_owned();
            let default = argument.get_default_values().first();
            Some((name, default.map(|value| value.to_string_lossy().into_owned())))
        })
        .collect()
}

#[test]
fn every_setting_is_passed_and_no_other() {
    let template = chart("templates/_args.tpl");
    let passed: BTreeSet<&str> = template
        .split("\"--")
        .skip(1)
        .filter_map(|rest| rest.split_once('=').map(|(name, _)| name))
        .collect();
    let known = defaults();
    assert_eq!(passed, known.keys().map(String::as_str).collect());
}

#[test]
fn the_charts_values_are_the_operators_defaults() {
    let values: Value = serde_saphyr::from_str(&chart("values.yaml")).unwrap();
    let known = defaults();
    for (key, value) in values["tasks"].as_object().unwrap() {
        let setting = kebab(key);
        let default = known.get(&setting).unwrap_or_else(|| panic!("no setting --{setting}"));
        let Some(default) = default else {
            assert_eq!(value, "", "{setting} has no default");
            continue;
        };
        let same = match value {
            Value::String(text) => text == default,
            other => serde_json::from_str::<Value>(default).unwrap() == *other,
        };
        assert!(same, "--{setting}: {default} in the program, {value} in the chart");
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
