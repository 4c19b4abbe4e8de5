//! What one can do with a task: each a form, those that destroy something behind a question.
//!
//! Not here: whether the apiserver lets the caller do it.

use crd::ClaudeTask;
use maud::{Markup, html};

use crate::page::{Rights, facts, marks};

/// A question before something that cannot be taken back.
struct Question<'a> {
    verb: &'a str,
    action: &'a str,
    says: &'a str,
    keep: &'a str,
}

/// The actions that the caller has and that the task's state leaves.
pub fn actions(task: &ClaudeTask, rights: Rights) -> Markup {
    let finished = facts::is_finished(task);
    let href = facts::href(task);
    html! {
        div.actions {
            @if !finished {
                button.quiet type="button" aria-pressed="false" hidden
                    data-notify={ (facts::namespace(task)) "/" (facts::name(task)) } { "Notify me" }
            }
            @if rights.retry {
                form method="post" action={ (href) "/retry" } {
                    button type="submit" { "Run again" }
                }
            }
            @if rights.cancel && !finished && !task.spec.cancel {
                (ask(task, &Question {
                    verb: "Cancel",
                    action: "cancel",
                    says: "Claude ends its turn, the work so far is saved to the checkpoint, and nothing \
                        is pushed unless it already was. It cannot be taken back.",
                    keep: "Keep it running",
                }))
            }
            @if rights.delete {
                (ask(task, &Question {
                    verb: "Delete",
                    action: "delete",
                    says: "The object goes, and with it its Job, Pod and log. What was pushed stays.",
                    keep: "Keep it",
                }))
            }
        }
    }
}

/// A question that opens without the script too; the script shows it as a dialog.
fn ask(task: &ClaudeTask, question: &Question<'_>) -> Markup {
    let Question { verb, action, says, keep } = question;
    let id = format!("ask-{action}");
    html! {
        details.ask {
            summary.button.danger { (verb) "…" }
            div.question role="group" aria-labelledby=(id) {
                p #(id) {
                    strong { (verb) " " (facts::name(task)) "?" }
                    " In namespace " (facts::namespace(task)) "."
                }
                p { (says) }
                form method="post" action={ (facts::href(task)) "/" (action) } {
                    button.danger type="submit" { (verb) " " (facts::name(task)) }
                    button.quiet type="button" data-close hidden { (keep) }
                }
            }
        }
    }
}

/// A ref with the work so far, where there is one.
pub fn checkpoint(task: &ClaudeTask) -> Option<Markup> {
    let checkpoint = facts::result(task)?.checkpoint.as_deref()?;
    Some(html! { p { "The work so far is on " (marks::copyable(checkpoint, "the checkpoint")) } })
}
