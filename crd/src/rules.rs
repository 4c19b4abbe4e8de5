//! CEL rules of the schema that are used at more than one field, each with what to do instead.
//!
//! Ref names follow `git check-ref-format`, and may not begin with `-`, which git would take for
//! an option. Not here: rules of a single field, which stand beside it in [`crate::spec`].

use kube::core::cel::{Message, Reason, Rule};

/// The field cannot change after creation. The rule sits on the spec, because one on an optional
/// field does not see it added or removed.
pub fn immutable(field: &str) -> Rule {
    Rule::new(format!(
        "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    ))
    .message(Message::Message(format!("{field} cannot change: a ClaudeTask runs once; create a new one instead")))
    .field_path(format!(".{field}"))
    .reason(Reason::FieldValueForbidden)
}

/// The value is a ref name that git accepts.
pub fn ref_name() -> Rule {
    Rule::new(
        r"self.matches('^[^-/.~^:?*\\[\\\\\\s\\x00-\\x1f\\x7f][^~^:?*\\[\\\\\\s\\x00-\\x1f\\x7f]*$') && !self.matches('[.][.]|@[{]|//|/[.]|/$|[.]$|[.]lock$|[.]lock/|^@$')",
    )
    .message("is no git ref name: see `git check-ref-format`; it may not begin with `-` either")
}

/// The value is the name of an object such as a Secret.
pub fn object_name() -> Rule {
    Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("must be the name of a Secret: lower case letters, digits, `-` and `.`")
}

/// Every value of a list of strings has something to say and stays on one line.
pub fn one_line_each(what: &str) -> Rule {
    Rule::new(r"self.all(line, line.matches('^[^\\x00-\\x1f\\x7f]*[^\\s\\x00-\\x1f\\x7f][^\\x00-\\x1f\\x7f]*$'))")
        .message(Message::Message(format!("each {what} must be one line that is not blank")))
}
