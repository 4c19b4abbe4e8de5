//! The ClaudeTask in the README is one that the schema accepts and the programs understand.

#![allow(clippy::unwrap_used)]

use kube::core::cel::Validator;
use serde_json::Value;

/// The YAML documents in the README's code blocks.
fn documents() -> Vec<Value> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let documents = blocks.flat_map(|block| block.split("\n---\n"));
    documents.map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

#[test]
fn the_task_of_the_readme_is_accepted() {
    let documents = documents();
    let task = documents.iter().find(|document| document["kind"] == crd::names::KIND).unwrap();
    let parsed: crd::ClaudeTask = serde_json::from_value(task.clone()).unwrap();
    assert_eq!(parsed.push_branch(), "claude/login-validation");
    let schema = crd::manifest::schema().unwrap();
    let complete = serde_json::to_value(&parsed).unwrap();
    Validator::new().validate(&schema, &complete, None).unwrap();
    let known = serde_json::to_value(&parsed.spec).unwrap();
    for field in task["spec"].as_object().unwrap().keys() {
        assert!(known.get(field).is_some(), "spec.{field} is no field");
    }
}

#[test]
fn the_secrets_of_the_readme_are_those_that_the_task_names() {
    let documents = documents();
    let task = documents.iter().find(|document| document["kind"] == crd::names::KIND).unwrap();
    let data = |name: &Value| {
        let secret = documents.iter().find(|document| document["metadata"]["name"] == *name);
        secret.unwrap()["stringData"].clone()
    };
    let repository = &task["spec"]["repository"];
    let git = data(&repository["credentialsSecret"]["name"]);
    let prefix = git["url"].as_str().unwrap();
    assert!(repository["url"].as_str().unwrap().starts_with(prefix), "not below {prefix}");
    let model = data(&task["spec"]["claude"]["credentialsSecret"]["name"]);
    let keys = model.as_object().unwrap().keys();
    assert!(keys.into_iter().all(|key| crd::names::MODEL_KEYS.contains(&key.as_str())));
}
