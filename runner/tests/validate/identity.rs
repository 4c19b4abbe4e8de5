//! What makes an object this object: kind, version, name, labels.
//!
//! The apiserver names no field when a value in `metadata` has a wrong type; here it is named as
//! one of the spec would be. Not here: the spec.

use serde_json::{Value, json};

use super::{NOT_CHECKED, expect, faults};

const NOT_A_LABEL: &str = "<nil>: Invalid value: metadata.name must be a DNS label: at most 63 lower case letters, digits and `-`";

#[test]
fn a_name_is_asked_for_as_of_any_object() {
    let required = "metadata.name: Required value: name or generateName is required";
    let subdomain = |field: &str, value: &str| {
        format!(
            "metadata.{field}: Invalid value: \"{value}\": a lowercase RFC 1123 subdomain must consist of \
             lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
             character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
    };
    let both = json!({"generateName": "Fix-", "name": "ok"});
    expect(&[
        ("/metadata", Value::Null, &[required, NOT_CHECKED]),
        ("/metadata/name", json!(""), &[required, NOT_CHECKED]),
        ("/metadata/name", json!("a_b"), &[&subdomain("name", "a_b"), NOT_A_LABEL]),
        ("/metadata/name", json!("a.b"), &[NOT_A_LABEL]),
        ("/metadata", both, &[&subdomain("generateName", "Fix-")]),
        ("/metadata", json!({"generateName": "a.b-"}), &[NOT_A_LABEL]),
        ("/metadata", json!({"generateName": "a".repeat(80)}), &[]),
        (
            "/metadata/name",
            json!(5),
            &["~: Invalid value: \"integer\": ~ in body must be of type string: \"integer\""],
        ),
    ]);
}

#[test]
fn labels_are_looked_at_as_of_any_object() {
    let key = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
        alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
        '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let value = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
        start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
        validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    expect(&[
        ("/metadata/labels", json!({"a b": "c"}), &[&format!("~: Invalid value: \"a b\": {key}")]),
        (
            "/metadata/labels",
            json!({"a": "c d"}),
            &[&format!("~: Invalid value: \"c d\": {value}")],
        ),
        ("/metadata/labels", json!({"example.com/a_b": ""}), &[]),
        (
            "/metadata/annotations",
            json!({"a b": "c d"}),
            &[&format!("~: Invalid value: \"a b\": {key}")],
        ),
        ("/metadata/finalizers", json!(["a b"]), &[&format!("~: Invalid value: \"a b\": {key}")]),
    ]);
}

#[test]
fn what_is_no_claude_task_is_refused_for_that_alone() {
    expect(&[
        ("/kind", json!("ClaudeTas"), &["~: Invalid value: \"ClaudeTas\": must be ClaudeTask"]),
        (
            "/apiVersion",
            json!("v1"),
            &["~: Invalid value: \"v1\": must be claudetask.dev/v1alpha1"],
        ),
    ]);
    assert_eq!(faults(&json!({})).len(), 2);
    assert_eq!(faults(&json!([])).len(), 1);
}
