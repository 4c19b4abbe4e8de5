//! The form that makes a task: its fields, what was said about them, and the object as YAML.
//!
//! Not here: rules of the fields, which the apiserver knows, and sending.

use maud::{Markup, html};

use super::{Place, Shell, frame, marks};
use crate::field::Field;

mod draw;
mod errors;
mod fields;
pub mod inputs;
mod object;

use errors::Placed;
pub use fields::Fields;
use inputs::{GROUPS, Group};

/// What was said about the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// They were not sent yet.
    Nothing,
    /// The apiserver would take them; nothing was created.
    Checked,
    /// They were refused.
    Errors(Vec<Field>),
}

/// The form, filled in with `fields`; `namespaces` are offered to choose from.
pub fn form(shell: &Shell, fields: &Fields, namespaces: &[String], said: &Said) -> Markup {
    let placed = Placed::of(said);
    let body = html! {
        h1 { "New task" }
        (answer(said, &placed))
        div.columns.form {
            form #task-form method="post" action="/new" data-yaml="/new/yaml" {
                @for group in GROUPS { (grouped(group, fields, &placed)) }
                datalist #namespaces { @for namespace in namespaces { option value=(namespace) {} } }
                div.send {
                    button type="submit" name="do" value="check" { "Check" }
                    button.primary type="submit" name="do" value="create" { "Create" }
                    a href=(fields.href()) data-bookmark { "Link to this form as filled in" }
                }
            }
            (preview(fields))
        }
    };
    frame(shell, "New task", Place::New, &body)
}

/// What the apiserver said, on top; what it says of a field stands there.
fn answer(said: &Said, placed: &Placed<'_>) -> Markup {
    html! {
        @match said {
            Said::Nothing => {}
            Said::Checked => {
                p.notice.good role="status" {
                    span.shape aria-hidden="true" { "●" }
                    " The apiserver would take this task. Nothing was created yet."
                }
            }
            Said::Errors(_) => {
                div.notice.bad role="alert" tabindex="-1" autofocus {
                    p {
                        span.shape aria-hidden="true" { "✕" }
                        " The apiserver does not take this task. Nothing was created."
                    }
                    ul {
                        @for error in &placed.elsewhere {
                            li {
                                @if !error.field.is_empty() { code { (error.field) } " " }
                                (error.message)
                            }
                        }
                        @for input in placed.inputs() {
                            li { a href={ "#" (input.id()) } { (input.label) } }
                        }
                    }
                }
            }
        }
    }
}

/// A group of inputs; a folded one is open when it holds a value or an error.
fn grouped(group: &Group, fields: &Fields, placed: &Placed<'_>) -> Markup {
    let inputs = html! {
        div.inputs {
            @for input in group.inputs { (draw::input(input, fields.get(input.key), &placed.of_input(input))) }
        }
    };
    let in_use = group.inputs.iter().any(|input| {
        !fields.get(input.key).trim().is_empty() || !placed.of_input(input).is_empty()
    });
    html! {
        @match group.folded {
            None => { fieldset { legend { (group.title) } (inputs) } }
            Some(defaults) => {
                details.group open[in_use] {
                    summary { strong { (group.title) } " " span.dim { (defaults) } }
                    fieldset { legend.unseen { (group.title) } (inputs) }
                }
            }
        }
    }
}

/// The object as it is sent, and the same by kubectl.
fn preview(fields: &Fields) -> Markup {
    let yaml = fields.yaml();
    // An object whose name is chosen by the apiserver cannot be applied, only created.
    let verb = if fields.generate_name().is_some() { "create" } else { "apply" };
    html! {
        section.preview aria-labelledby="preview" {
            h2 #preview { "As it will be sent" }
            div.code {
                (marks::copy(&yaml, "the YAML"))
                pre #yaml tabindex="0" role="region" aria-label="The object as YAML" { code { (yaml) } }
            }
            p.hint { "The same with kubectl, from a file " code { "task.yaml" } " with this content:" }
            pre.command tabindex="0" { code #kubectl { "kubectl " (verb) " -f task.yaml" } }
        }
    }
}
