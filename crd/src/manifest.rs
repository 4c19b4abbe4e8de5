//! The CustomResourceDefinition as it is installed: the derived one, made fit for the apiserver.
//!
//! kube's derive writes `nullable: true` for each Option; nulls would break `has()` rules, so it
//! is removed. Not here: YAML and the chart's wrapping (the test that owns the file does those).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;
use serde_json::Value;

use crate::spec::ClaudeTask;

/// The CRD to install.
///
/// # Errors
/// Never in practice: only if the derived CRD could not be written as JSON and read back.
pub fn crd() -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut value = serde_json::to_value(ClaudeTask::crd())?;
    remove_nullable(&mut value);
    serde_json::from_value(value)
}

/// The OpenAPI schema of one `ClaudeTask` object, as the apiserver validates it.
///
/// # Errors
/// As [`crd`].
pub fn schema() -> Result<Value, serde_json::Error> {
    let version = crd()?.spec.versions.into_iter().next();
    serde_json::to_value(version.and_then(|version| version.schema?.open_api_v3_schema))
}

fn remove_nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("nullable").is_some_and(Value::is_boolean) {
                map.remove("nullable");
            }
            map.values_mut().for_each(remove_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nullable),
        _ => {}
    }
}
