//! Fields that the schema does not have.
//!
//! Follows `pkg/apiserver/schema/pruning` of `k8s.io/apiextensions-apiserver` 0.35. Not here:
//! fields that stand twice in a file; the reader of YAML refuses those.

use serde_json::Value;

use super::fault::Fault;
use super::schema::{child, item, of_field};

/// A fault for each unknown field, sorted; what is below one is not looked at.
pub fn faults(schema: &Value, object: &Value) -> Vec<Fault> {
    let mut paths = Vec::new();
    collect(schema, object, "", &mut paths);
    paths.sort_unstable();
    let fault = |path| Fault { message: format!("unknown field \"{path}\""), path };
    paths.into_iter().map(fault).collect()
}

fn collect(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = child(path, key);
                match of_field(schema, key) {
                    Some(schema) => collect(schema, value, &path, found),
                    None => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                // Where the schema has no list, its items have no fields.
                collect(&schema["items"], value, &item(path, index), found);
            }
        }
        _ => {}
    }
}
