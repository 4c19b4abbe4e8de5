//! The schema's own bounds: types, required fields, lengths, ranges, patterns, allowed values.
//!
//! Wordings and order are those of `k8s.io/kube-openapi/pkg/validation`, which validates custom
//! resources; the formats for numbers (`uint32` and the like) mean nothing to it. A keyword that
//! is not here fails a test as soon as the CRD uses it. Not here: CEL rules ([`super::rules`]).

use regex::Regex;
use serde_json::{Number, Value};

use super::fault::Findings;
use super::schema::{child, item, of_field};
use super::show;

/// Looks at a value and at all that it holds.
pub fn look(found: &mut Findings, schema: &Value, value: &Value, path: &str) {
    if let Some(wanted) = schema["type"].as_str().filter(|wanted| *wanted != show::type_name(value))
    {
        found.wrong_type(path, wanted, value);
    }
    // All of this is looked at in spite of a wrong type, as the apiserver does.
    match value {
        Value::String(text) => look_at_text(found, schema, text, path),
        Value::Number(number) => look_at_number(found, schema, number, path),
        Value::Array(items) => look_at_list(found, schema, items, path),
        _ => {}
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.unsupported(path, value, allowed);
    }
    if let Value::Object(fields) = value {
        for (key, value) in fields {
            if let Some(schema) = of_field(schema, key) {
                look(found, schema, value, &child(path, key));
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for key in required.filter_map(Value::as_str).filter(|key| !fields.contains_key(*key)) {
            found.required(&child(path, key), "");
        }
    }
}

/// Only the first of a text's faults is told.
fn look_at_text(found: &mut Findings, schema: &Value, text: &str, path: &str) {
    let length = count(text.chars().count());
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        return found.too_long(path, most);
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        return found.invalid(path, &text.into(), &detail);
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        // A pattern that cannot be read refuses everything.
        if !Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text)) {
            let detail = format!("{path} in body should match '{pattern}'");
            found.invalid(path, &text.into(), &detail);
        }
    }
}

fn look_at_number(found: &mut Findings, schema: &Value, number: &Number, path: &str) {
    let value = number.as_f64().unwrap_or_default();
    if let Some(least) = schema["minimum"].as_f64().filter(|least| value < *least) {
        tell_bound(found, number, path, "greater", least);
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|most| value > *most) {
        tell_bound(found, number, path, "less", most);
    }
}

fn tell_bound(found: &mut Findings, number: &Number, path: &str, side: &str, bound: f64) {
    let bound = if number.is_f64() { show::float(bound) } else { format!("{bound:.0}") };
    let detail = format!("{path} in body should be {side} than or equal to {bound}");
    found.invalid(path, &number.clone().into(), &detail);
}

fn look_at_list(found: &mut Findings, schema: &Value, items: &[Value], path: &str) {
    for (index, value) in items.iter().enumerate() {
        look(found, &schema["items"], value, &item(path, index));
    }
    let length = count(items.len());
    if let Some(least) = schema["minItems"].as_u64().filter(|least| length < *least) {
        let detail = format!("{path} in body should have at least {least} items");
        found.invalid(path, &length.into(), &detail);
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| length > *most) {
        found.too_many(path, items.len(), most);
    }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
