//! A guard: the CRD may use no part of the schema language that the code does not know.
//!
//! Not here: what the code makes of the parts that it knows.

use serde_json::Value;

/// Keywords that mean something to the code, or to nobody.
const KNOWN: &[&str] = &[
    "type",
    "properties",
    "required",
    "items",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "additionalProperties",
    "nullable",
    "x-kubernetes-validations",
    "description",
    "title",
    "format",
];
/// Formats that the apiserver does not look at (`apiserver/validation/formats.go`).
const IDLE_FORMATS: [&str; 3] = ["uint32", "uint64", "int64"];
const TYPES: [&str; 5] = ["object", "array", "string", "integer", "boolean"];

#[test]
fn the_crd_uses_nothing_that_validation_does_not_know() {
    let schema = crd::manifest::schema().unwrap();
    let (mut spec, mut status) = (schema.clone(), schema["properties"]["status"].clone());
    spec["properties"].as_object_mut().unwrap().remove("status");
    // A status is never looked at but for unknown fields.
    let of_status = ["x-kubernetes-list-type", "x-kubernetes-list-map-keys"];
    visit(&mut spec, &mut |node| known(node, &[], &IDLE_FORMATS));
    visit(&mut status, &mut |node| {
        known(node, &of_status, &[&IDLE_FORMATS[..], &["date-time"]].concat());
    });
}

fn visit(schema: &mut Value, look: &mut impl FnMut(&Value)) {
    look(schema);
    let node = schema.as_object_mut().unwrap();
    let fields = node.get_mut("properties").and_then(Value::as_object_mut);
    fields.into_iter().flat_map(|fields| fields.values_mut()).for_each(|field| visit(field, look));
    for keyword in ["items", "additionalProperties"] {
        node.get_mut(keyword).into_iter().for_each(|part| visit(part, look));
    }
}

fn known(node: &Value, more: &[&str], formats: &[&str]) {
    for (keyword, value) in node.as_object().unwrap() {
        assert!([KNOWN, more].concat().contains(&keyword.as_str()), "unknown keyword {keyword}");
        match keyword.as_str() {
            "type" => assert!(TYPES.contains(&value.as_str().unwrap()), "type {value}"),
            "format" => assert!(formats.contains(&value.as_str().unwrap()), "format {value}"),
            "x-kubernetes-validations" => value.as_array().unwrap().iter().for_each(known_rule),
            _ => {}
        }
    }
}

/// A rule's parts; and blanks in patterns stand in brackets, where they can be spelled out.
fn known_rule(rule: &Value) {
    let text = rule["rule"].as_str().unwrap();
    for part in rule.as_object().unwrap().keys() {
        let of_creation = ["rule", "message"].contains(&part.as_str());
        assert!(of_creation || text.contains("oldSelf"), "{part} in {text}");
    }
    for (at, _) in text.match_indices(r"\\s") {
        let before = text[..at].replace(r"\\[", "").replace(r"\\]", "");
        assert!(before.rfind('[') > before.rfind(']'), "{text}");
    }
    assert!(!text.contains("timestamp(") && !text.contains("int("), "may fail: {text}");
}
