//! What the apiserver changes before it looks at values: nulls go, defaults come.
//!
//! Follows `pkg/apiserver/schema/defaulting` of `k8s.io/apiextensions-apiserver` 0.35. Not here:
//! nulls in lists, which stay and are refused for their type.

use serde_json::Value;

use super::schema::of_field;

/// Removes fields that are null, unless a default takes their place or the schema allows it.
pub fn drop_nulls(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let Some(schema) = of_field(schema, key) else { return true };
                let goes = value.is_null() && !is_nullable(schema) && schema["default"].is_null();
                drop_nulls(schema, value);
                !goes
            });
        }
        Value::Array(items) => {
            for item in items {
                drop_nulls(&schema["items"], item);
            }
        }
        _ => {}
    }
}

/// Sets what is missing, or null, to its default; then the same within, so a default may itself
/// leave the rest to defaults.
pub fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let known = schema["properties"].as_object().into_iter().flatten();
            for (key, schema) in known.filter(|(_, schema)| !schema["default"].is_null()) {
                let field = fields.entry(key).or_insert(Value::Null);
                if field.is_null() && !is_nullable(schema) {
                    field.clone_from(&schema["default"]);
                }
            }
            for (key, value) in fields {
                if let Some(schema) = of_field(schema, key) {
                    fill(schema, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(&schema["items"], item)),
        _ => {}
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["nullable"] == true
}
