//! The form that makes a task: its fields, what was said about them, and the object as YAML.
//!
//! Not here: rules of the fields, which the apiserver knows, and sending.

use maud::{Markup, html};

use super::{Place, Shell, frame};

mod fields;
pub mod inputs;
mod object;

pub use fields::Fields;

/// What the apiserver says of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `spec.repository.url`; empty for the object as a whole.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What was said about the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// They were not sent yet.
    Nothing,
    /// The apiserver would take them; nothing was created.
    Checked,
    /// They were refused.
    Errors(Vec<FieldError>),
}

/// The form, filled in with `fields`; `namespaces` are offered to choose from.
pub fn form(shell: &Shell, fields: &Fields, namespaces: &[String], said: &Said) -> Markup {
    let _ = (namespaces, said);
    let body = html! {
        h1 { "New task" }
        pre { (fields.yaml()) }
    };
    frame(shell, "New task", Place::New, &body)
}
