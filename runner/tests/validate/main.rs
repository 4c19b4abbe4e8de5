//! Validation without a cluster: faults as the apiserver of Kubernetes 1.35 was seen to name them.
//!
//! Not here: the comparison with a real apiserver; the end-to-end scenarios make it.

#![allow(clippy::unwrap_used)]

mod identity;
mod known;
mod values;

use runner::validate::{Fault, check};
use serde_json::{Value, json};

const NOT_CHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked \
    because the object was invalid; correct the existing errors to complete validation";

fn task() -> Value {
    json!({
        "apiVersion": "claudetask.dev/v1alpha1",
        "kind": "ClaudeTask",
        "metadata": {"name": "login-validation"},
        "spec": {
            "repository": {"url": "https://git.example.com/acme/shop.git"},
            "prompt": "Add input validation.",
        }
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut task = task();
    let mut at = &mut task;
    for part in pointer.split('/').skip(1) {
        at = &mut at[part];
    }
    *at = value;
    task
}

fn faults(object: &Value) -> Vec<String> {
    let found = check(object).err().unwrap_or_default();
    found.iter().map(Fault::to_string).collect()
}

/// Asserts these faults for each value; the value's own path is left out of them.
fn expect(table: &[(&str, Value, &[&str])]) {
    for (pointer, value, expected) in table {
        let path = pointer[1..].replace('/', ".");
        let own = |fault: &&str| match fault.strip_prefix('~') {
            Some(rest) => format!("{path}{}", rest.replace('~', &path)),
            None => (*fault).to_owned(),
        };
        let expected: Vec<_> = expected.iter().map(own).collect();
        assert_eq!(faults(&with(pointer, value.clone())), expected, "{pointer} = {value}");
    }
}

#[test]
fn defaults_are_set_as_the_apiserver_sets_them() {
    let spec = check(&task()).unwrap().spec;
    assert_eq!((spec.rebase.max_rounds, spec.retries, spec.cancel), (3, 0, false));
    assert_eq!(spec.push.author.name, "Claude");
    let half = check(&with("/spec/push", json!({"author": {"name": "Ana"}}))).unwrap().spec;
    assert_eq!(half.push.author.email, "noreply@anthropic.com");
}

#[test]
fn a_null_is_as_good_as_nothing_but_in_a_list() {
    let nulls = json!({"commits": null, "maxRounds": null, "onto": null});
    for (pointer, value) in [
        ("/spec/rebase", Value::Null),
        ("/spec/rebase", nulls),
        ("/spec/verify", Value::Null),
        ("/metadata/labels", Value::Null),
        ("/metadata/creationTimestamp", Value::Null),
        ("/status", json!({"phase": 5})),
    ] {
        let with_null = check(&with(pointer, value)).unwrap();
        assert_eq!(with_null, check(&task()).unwrap(), "{pointer}");
    }
    expect(&[
        ("/spec/prompt", Value::Null, &["~: Required value", NOT_CHECKED]),
        ("/spec", Value::Null, &["~: Required value", NOT_CHECKED]),
        (
            "/spec/verify",
            json!(["a", null]),
            &[
                "~[1]: Invalid value: \"null\": ~[1] in body must be of type string: \"null\"",
                NOT_CHECKED,
            ],
        ),
    ]);
}

#[test]
fn an_unknown_field_stands_alone() {
    let mut task = with("/spec/promt", json!("a typo"));
    task["spec"]["push"] = json!({"x": 1, "author": {"zz": {"yy": 1}}});
    task["spec"]["verify"] = json!([{"a": 1}]);
    task["metadata"]["foo"] = json!(null);
    task["status"] = json!({"nothing": 1});
    let unknown = [
        "metadata.foo",
        "spec.promt",
        "spec.push.author.zz",
        "spec.push.x",
        "spec.verify[0].a",
        "status.nothing",
    ];
    assert_eq!(faults(&task), unknown.map(|path| format!("{path}: unknown field \"{path}\"")));
}
