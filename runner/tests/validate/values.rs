//! Bounds of the schema and CEL rules.
//!
//! Not here: metadata.

use serde_json::json;

use super::{NOT_CHECKED, expect};

const NOT_A_DURATION: &str = "spec.timeout: Invalid value: \"string\": type conversion error from \
    'string' to 'google.protobuf.Duration' evaluating rule: must be at least 1m";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn bounds_of_the_schema_are_told_in_the_apiservers_words() {
    let integer = "~: Invalid value: \"number\": ~ in body must be of type integer: \"number\"";
    let text = "~: Invalid value: \"integer\": ~ in body must be of type string: \"integer\"";
    expect(&[
        (
            "/spec/retries",
            json!(-1),
            &["~: Invalid value: -1: ~ in body should be greater than or equal to 0"],
        ),
        (
            "/spec/rebase/maxRounds",
            json!(11),
            &["~: Invalid value: 11: ~ in body should be less than or equal to 10"],
        ),
        ("/spec/rebase/maxRounds", json!(2.5), &[integer, NOT_CHECKED]),
        (
            "/spec/rebase/maxRounds",
            json!(9_223_372_036_854_775_808_u64),
            &[
                integer,
                "~: Invalid value: 9.223372036854776e+18: ~ in body should be less than or equal to 10",
                NOT_CHECKED,
            ],
        ),
        ("/spec/rebase/maxRounds", json!(3.0), &[]),
        (
            "/spec/rebase/scope",
            json!("all"),
            &[
                "~: Unsupported value: \"all\": supported values: \"TaskFiles\", \"Anywhere\"",
                NOT_CHECKED,
            ],
        ),
        (
            "/spec/rebase/scope",
            json!(5),
            &[
                text,
                "~: Unsupported value: 5: supported values: \"TaskFiles\", \"Anywhere\"",
                NOT_CHECKED,
            ],
        ),
        (
            "/spec/cancel",
            json!("yes"),
            &[
                "~: Invalid value: \"string\": ~ in body must be of type boolean: \"string\"",
                NOT_CHECKED,
            ],
        ),
        (
            "/spec/push/author/name",
            json!("a".repeat(101)),
            &["~: Too long: may not be more than 100 bytes", NOT_CHECKED],
        ),
        (
            "/spec/verify",
            json!(vec!["a"; 17]),
            &["~: Too many: 17: must have at most 16 items", NOT_CHECKED],
        ),
        ("/spec/repository", json!({}), &["~.url: Required value", NOT_CHECKED]),
        (
            "/spec",
            json!({}),
            &["~.prompt: Required value", "~.repository: Required value", NOT_CHECKED],
        ),
        (
            "/spec/claude/maxBudgetUSD",
            json!("01"),
            &[
                "~: Invalid value: \"01\": ~ in body should match '^(0|[1-9][0-9]{0,5})(\\.[0-9]{1,6})?$'",
            ],
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn rules_are_looked_at_unless_a_type_or_a_size_is_wrong() {
    let pattern = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$";
    let unmatched =
        |text: &str| format!("~: Invalid value: \"{text}\": ~ in body should match '{pattern}'");
    let too_short = "must be at least 1m";
    expect(&[
        ("/spec/timeout", json!("59s"), &[&format!("~: Invalid value: \"59s\": {too_short}")]),
        ("/spec/timeout", json!("abc"), &[&unmatched("abc"), NOT_A_DURATION]),
        ("/spec/timeout", json!("1h "), &[&unmatched("1h "), NOT_A_DURATION]),
        ("/spec/timeout", json!("1.5h"), &[&unmatched("1.5h")]),
        (
            "/spec/timeout",
            json!("1µs"),
            &[&unmatched("1µs"), &format!("~: Invalid value: \"1µs\": {too_short}")],
        ),
        (
            "/spec/timeout",
            json!("5"),
            &["~: Invalid value: \"5\": ~ in body should be at least 2 chars long", NOT_A_DURATION],
        ),
        (
            "/spec/prompt",
            json!(" \n\t "),
            &["~: Invalid value: \" \\n\\t \": must say something: it is blank"],
        ),
        ("/spec/prompt", json!("\u{a0}"), &[]),
        (
            "/spec/push/options",
            json!(["a\nb"]),
            &["~: Invalid value: each option must be one line that is not blank"],
        ),
        (
            "/spec/repository/url",
            json!("git@github.com:acme/shop.git"),
            &[
                "spec.repository: Invalid value: an ssh address needs credentialsSecret: a Secret with ssh-privatekey and known_hosts",
            ],
        ),
        ("/spec/environment/resources/limits/memory", json!("1e100"), &[]),
        (
            "/spec/environment/resources/limits/memory",
            json!("1 "),
            &["~: Invalid value: \"1 \": must be a quantity above 0, such as 500m or 1Gi"],
        ),
    ]);
}
