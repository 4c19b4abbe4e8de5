//! The schema of a whole object, and how it is walked: which schema a field has, and what a path
//! to it looks like.
//!
//! Not here: what the schema says about values ([`super::structure`]).

use serde_json::{Value, json};

/// The CRD's schema with what every Kubernetes object has besides: `apiVersion`, `kind` and
/// `metadata` (`ObjectMeta` of `k8s.io/apimachinery` 0.35), which the CRD leaves out.
pub fn of_object(own: &Value) -> Value {
    let mut schema = own.clone();
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = object_meta();
    schema
}

fn object_meta() -> Value {
    let (text, truth) = (json!({"type": "string"}), json!({"type": "boolean"}));
    let whole = json!({"type": "integer"});
    let texts = json!({"type": "object", "additionalProperties": text});
    let list =
        |fields: Value| json!({"type": "array", "items": {"type": "object", "properties": fields}});
    json!({"type": "object", "properties": {
        "name": text, "generateName": text, "namespace": text, "selfLink": text, "uid": text,
        "resourceVersion": text, "generation": whole, "creationTimestamp": text,
        "deletionTimestamp": text, "deletionGracePeriodSeconds": whole,
        "labels": texts, "annotations": texts,
        "finalizers": {"type": "array", "items": text},
        "ownerReferences": list(json!({
            "apiVersion": text, "kind": text, "name": text, "uid": text,
            "controller": truth, "blockOwnerDeletion": truth,
        })),
        "managedFields": list(json!({
            "manager": text, "operation": text, "apiVersion": text, "time": text,
            "fieldsType": text, "subresource": text,
            "fieldsV1": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        })),
    }})
}

/// The schema of the field of an object; none when the object has no such field.
pub fn of_field<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let own = schema.get("properties").and_then(|fields| fields.get(key));
    own.or_else(|| schema.get("additionalProperties").filter(|others| others.is_object()))
}

/// The path of a field.
pub fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path of a list's item.
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Makes numbers what they are after kubectl has sent them: `3.0` is sent as `3`, and a whole
/// number that needs more than 64 bits is read as a floating-point number.
pub fn read_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            let float = number.as_f64().unwrap_or_default();
            *value = match format!("{float}").parse::<i64>() {
                Ok(whole) => whole.into(),
                Err(_) => float.into(),
            };
        }
        Value::Array(items) => items.iter_mut().for_each(read_numbers),
        Value::Object(fields) => fields.values_mut().for_each(read_numbers),
        _ => {}
    }
}
