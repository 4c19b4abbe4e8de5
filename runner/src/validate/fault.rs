//! A fault, and the apiserver's classes of them: what each says, and whether the CEL rules are
//! looked at in spite of it.
//!
//! Wordings are those of `k8s.io/apimachinery/pkg/util/validation/field` 0.35. Not here: what is
//! a fault.

use std::fmt;

use serde_json::Value;

use super::show;

/// The path that the apiserver prints for the object as a whole.
const WHOLE: &str = "<nil>";

/// What is wrong with one field, as the apiserver's `causes` list gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Fault {
    /// The field, such as `spec.verify[0]`; `<nil>` for the object as a whole.
    pub path: String,
    /// What is wrong with it, with the value where the apiserver repeats it.
    pub message: String,
}

impl Fault {
    /// A fault of the object as a whole.
    pub(super) fn whole(message: impl fmt::Display) -> Self {
        Self { path: WHOLE.to_owned(), message: message.to_string() }
    }
}

/// All that was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: Vec<Fault>,
    blocked: bool,
}

impl Findings {
    /// The value is malformed.
    pub fn invalid(&mut self, path: &str, value: &Value, detail: &str) {
        self.add(path, format!("Invalid value: {}: {detail}", show::value(value)));
    }

    /// A CEL rule does not hold; lists and objects are not repeated.
    pub fn broken_rule(&mut self, path: &str, value: &Value, detail: &str) {
        match value {
            Value::Array(_) | Value::Object(_) => {
                self.add(path, format!("Invalid value: {detail}"));
            }
            scalar => self.invalid(path, scalar, detail),
        }
    }

    /// The value has another type than the schema wants.
    pub fn wrong_type(&mut self, path: &str, wanted: &str, value: &Value) {
        let given = show::type_name(value);
        let detail = format!("{path} in body must be of type {wanted}: \"{given}\"");
        self.invalid(path, &given.into(), &detail);
        self.blocked = true;
    }

    /// The value is missing.
    pub fn required(&mut self, path: &str, detail: &str) {
        let colon = if detail.is_empty() { "" } else { ": " };
        self.add(path, format!("Required value{colon}{detail}"));
        self.blocked = true;
    }

    /// The value is none of those that are allowed.
    pub fn unsupported(&mut self, path: &str, value: &Value, allowed: &[Value]) {
        let allowed: Vec<_> = allowed.iter().map(show::value).collect();
        let given = show::value(value);
        self.add(
            path,
            format!("Unsupported value: {given}: supported values: {}", allowed.join(", ")),
        );
        self.blocked = true;
    }

    /// The text is longer than `most`; the apiserver counts characters and says bytes.
    pub fn too_long(&mut self, path: &str, most: u64) {
        let unit = if most == 1 { "byte" } else { "bytes" };
        self.add(path, format!("Too long: may not be more than {most} {unit}"));
        self.blocked = true;
    }

    /// The list has more than `most` items.
    pub fn too_many(&mut self, path: &str, count: usize, most: u64) {
        let unit = if most == 1 { "item" } else { "items" };
        self.add(path, format!("Too many: {count}: must have at most {most} {unit}"));
        self.blocked = true;
    }

    /// True when CEL rules would meet values that they are not made for. The apiserver does not
    /// look at them then, and says so; so does this.
    pub fn block_rules(&mut self) -> bool {
        if self.blocked {
            self.faults.push(Fault::whole(
                "Invalid value: null: some validation rules were not checked because the object \
                 was invalid; correct the existing errors to complete validation",
            ));
        }
        self.blocked
    }

    /// Adds a fault with these very words.
    pub fn add(&mut self, path: &str, message: String) {
        let path = if path.is_empty() { WHOLE } else { path };
        self.faults.push(Fault { path: path.to_owned(), message });
    }

    /// What was found.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Fine when nothing was found.
    pub fn into_result(self) -> Result<(), Vec<Fault>> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}
