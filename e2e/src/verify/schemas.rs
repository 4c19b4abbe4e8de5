//! JSON schemas for kubeconform, made from the OpenAPI document of the apiserver and from the Gateway
//! API, which the cluster does not have: one file a kind, complete in itself.
//!
//! Not here: validation.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::cluster::command::capture;
use crate::cluster::{Cluster, version};

/// Where the Gateway API's module has the definition of its HTTPRoute.
const HTTP_ROUTE: &str = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml";

/// Writes `<kind>-<group>-<version>.json` (kubeconform's names) for every kind of the cluster and for
/// HTTPRoute.
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
    write_http_route(folder)
}

fn write_http_route(folder: &Path) -> Result<()> {
    let module = format!("sigs.k8s.io/gateway-api@{}", version::GATEWAY_API);
    let told = capture(Command::new("go").args(["mod", "download", "-json", &module]))?;
    let told: Value = serde_json::from_str(&told).context("read where the Gateway API is")?;
    let directory = Path::new(told["Dir"].as_str().context("the Gateway API is nowhere")?);
    let text = fs::read_to_string(directory.join(HTTP_ROUTE)).context("read its HTTPRoute")?;
    let definition: Value = serde_saphyr::from_str(&text).context("understand its HTTPRoute")?;
    let versions = definition["spec"]["versions"].as_array().context("no versions")?;
    let v1 = versions.iter().find(|version| version["name"] == "v1").context("no version v1")?;
    let mut schema = v1["schema"]["openAPIV3Schema"].clone();
    tighten(&mut schema, &mut Vec::new());
    let kind = json!({"group": "gateway.networking.k8s.io", "version": "v1", "kind": "HTTPRoute"});
    fs::write(folder.join(file_name(&kind)), schema.to_string()).context("write its schema")
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
