//! The CRD's CEL rules, evaluated by kube's validator, with the apiserver's words for what does
//! not hold.
//!
//! Not here: rules about a change (`oldSelf`); a new object has no former state, so the validator
//! leaves them out.

use kube::core::cel::{ErrorKind, ValidationError, Validator};
use serde_json::Value;

use super::fault::Findings;
use super::show;

/// What the apiserver evaluates, and what kube (kube-cel 0.8) has to evaluate for the same result.
const TRANSLATIONS: [(&str, &str); 4] = [
    // `\s` is five ASCII characters for the apiserver (RE2), but all blanks of Unicode for kube. All
    // of ours stand in brackets, where the five can be spelled out.
    (r"\\s", r"\\t\\n\\f\\r "),
    // Kube's comparison overflows at 1e39.
    (".isGreaterThan(quantity('0'))", ".sign() > 0"),
    // Kube takes quantities with blanks around them.
    ("isQuantity(self)", r"isQuantity(self) && !self.matches('\\s')"),
    // Kube skips what follows a duration, takes `1e2h`, and does not know `µs`. A text that is no
    // duration must fail.
    (
        "duration(self)",
        "duration(self.matches('^[-+]?(0|(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|ms|s|m|h))+)$') \
         ? self.replace('µ', 'u') : 'none')",
    ),
];

/// Looks at an object whose values have the schema's types.
pub fn look(found: &mut Findings, own: &Value, object: &Value) {
    let mut schema = own.clone();
    translate(&mut schema);
    let Err(broken) = Validator::new().validate(&schema, object, None) else { return };
    for broken in broken {
        tell(found, &schema, object, &broken);
    }
}

fn tell(found: &mut Findings, schema: &Value, object: &Value, broken: &ValidationError) {
    let path = &broken.field_path;
    let value = at(object, path);
    // The only function of our rules that can fail on a text.
    if broken.kind == ErrorKind::EvaluationError && broken.rule.contains("duration(self") {
        let detail = format!(
            "type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule: {}",
            message(schema, &broken.rule).unwrap_or(&broken.rule)
        );
        return found.invalid(path, &show::type_name(value).into(), &detail);
    }
    // A rule that kube cannot evaluate is told too, since it may be one that does not hold.
    found.broken_rule(path, value, &broken.message);
}

/// The message of the rule, wherever it stands.
fn message<'a>(schema: &'a Value, rule: &str) -> Option<&'a str> {
    match schema {
        Value::Object(fields) if fields.get("rule").is_some_and(|own| own == rule) => {
            fields.get("message")?.as_str()
        }
        Value::Object(fields) => fields.values().find_map(|part| message(part, rule)),
        Value::Array(items) => items.iter().find_map(|part| message(part, rule)),
        _ => None,
    }
}

/// The value at a path of the validator; null when there is none.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let keys = path.split(['.', '[', ']']).filter(|key| !key.is_empty());
    let pointer: String = keys.flat_map(|key| ["/", key]).collect();
    object.pointer(&pointer).unwrap_or(&Value::Null)
}

/// Writes the rules so that kube's validator comes to the apiserver's result. Where a rule of ours
/// changes, its part here has to be looked at again; the end-to-end tests compare the two.
fn translate(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(rule)) = fields.get_mut("rule") {
                for (apiserver, kube) in TRANSLATIONS {
                    *rule = rule.replace(apiserver, kube);
                }
            }
            fields.values_mut().for_each(translate);
        }
        Value::Array(items) => items.iter_mut().for_each(translate),
        _ => {}
    }
}
