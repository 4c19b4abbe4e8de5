//! JSON schemas for kubeconform, made from the OpenAPI document of the apiserver: one file a kind,
//! complete in itself.
//!
//! Not here: validation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::cluster::command::capture;

/// Writes `<kind>-<group>-<version>.json` (kubeconform's names) for every kind of the cluster.
pub fn write(cluster: &Cluster, folder: &Path) -> Result<()> {
    let document = capture(cluster.kubectl().args(["get", "--raw", "/openapi/v2"]))?;
    let document: Value = serde_json::from_str(&document).context("read the OpenAPI document")?;
    let definitions = document["definitions"].as_object().context("no definitions")?;
    for (name, definition) in definitions {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let file = folder.join(file_name(kind));
            let text = serde_json::to_vec(&complete(name, definitions))?;
            fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        }
    }
    Ok(())
}

/// As kubeconform's `{{.ResourceKind}}{{.KindSuffix}}` names it: the first part of the group only.
fn file_name(kind: &Value) -> String {
    let field = |name: &str| kind[name].as_str().unwrap_or_default().to_lowercase();
    let group = field("group").split('.').next().unwrap_or_default().to_owned();
    let parts = [field("kind"), group, field("version")];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}.json", parts.join("-"))
}

/// A definition with everything that it refers to; unknown properties are refused.
fn complete(name: &str, definitions: &Map<String, Value>) -> Value {
    let mut wanted = vec![name.to_owned()];
    let mut taken = BTreeSet::new();
    let mut collected = Map::new();
    while let Some(name) = wanted.pop() {
        let Some(definition) = definitions.get(&name).filter(|_| taken.insert(name.clone())) else {
            continue;
        };
        let mut definition = definition.clone();
        tighten(&mut definition, &mut wanted);
        collected.insert(name, definition);
    }
    json!({"$ref": format!("#/definitions/{name}"), "definitions": collected})
}

fn tighten(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                wanted.extend(name.rsplit('/').next().map(str::to_owned));
            }
            let open = map.get("x-kubernetes-preserve-unknown-fields").is_some();
            if map.get("properties").is_some_and(Value::is_object) && !open {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            if map.get("format").and_then(Value::as_str) == Some("int-or-string") {
                map.insert("type".to_owned(), json!(["string", "integer"]));
            }
            map.values_mut().for_each(|value| tighten(value, wanted));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tighten(item, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{complete, file_name};

    #[test]
    fn a_schema_carries_what_it_refers_to_and_refuses_the_rest() {
        let definitions = json!({
            "a": {"properties": {"b": {"$ref": "#/definitions/b"}}},
            "b": {"properties": {"a": {"$ref": "#/definitions/a"}}, "type": "object"},
            "c": {},
        });
        let schema = complete("a", definitions.as_object().unwrap());
        assert_eq!(schema["definitions"].as_object().unwrap().len(), 2);
        assert_eq!(schema["definitions"]["b"]["additionalProperties"], false);
    }

    #[test]
    fn files_are_named_as_kubeconform_looks_for_them() {
        let kind =
            json!({"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "ClusterRole"});
        assert_eq!(file_name(&kind), "clusterrole-rbac-v1.json");
        assert_eq!(
            file_name(&json!({"group": "", "version": "v1", "kind": "Service"})),
            "service-v1.json"
        );
    }
}
