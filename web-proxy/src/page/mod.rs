//! The pages: pure functions from plain values to HTML, and the files that they load.
//!
//! Every text is escaped by the template, and no page has an inline script or style, since the
//! content security policy forbids both. Not here: handlers, clients, clocks, and who may do what.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

pub mod assets;
pub mod facts;
pub mod form;
pub mod format;
pub mod history;
pub mod list;
pub mod marks;
pub mod state;
pub mod task;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use assets::asset;

/// What frames each page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// Name of the caller; none before they signed in.
    pub user: Option<String>,
    /// True where the caller may create tasks in some namespace.
    pub may_create: bool,
    /// True where the session is a cookie that can be taken back.
    pub can_sign_out: bool,
    /// The time that durations and "3 min ago" are counted to.
    pub now: Timestamp,
}

/// What the caller may do with a task; what is not allowed is not on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each right is one, and all can be had together")]
pub struct Rights {
    /// Stop it.
    pub cancel: bool,
    /// Create a new task from it.
    pub retry: bool,
    /// Delete it.
    pub delete: bool,
    /// Read the log of its Pods.
    pub logs: bool,
}

/// The place of a page in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    List,
    History,
    New,
    Elsewhere,
}

/// The page on which one signs in with a token; `error` says why the last one was refused.
pub fn login(shell: &Shell, error: Option<&str>) -> Markup {
    let body = html! {
        section.sheet {
            h1 { "Sign in" }
            @if let Some(error) = error {
                p.notice.bad #login-error role="alert" { span.shape aria-hidden="true" { "✕" } " " (error) }
            }
            form method="post" action="/login" {
                label for="token" { "Bearer token" }
                input #token name="token" type="password" autocomplete="current-password" required
                    spellcheck="false" autofocus aria-describedby="token-hint"
                    aria-invalid=[error.map(|_| "true")];
                p.hint #token-hint {
                    "A Kubernetes bearer token. What you may see and do here is what this token may in the "
                    "cluster. One for a service account is printed by:"
                }
                pre.command tabindex="0" { code { "kubectl create token NAME --namespace NAMESPACE" } }
                button.primary type="submit" { "Sign in" }
            }
        }
    };
    frame(shell, "Sign in", Place::Elsewhere, &body)
}

/// The page on which one signs in through the identity provider.
pub fn login_oidc(shell: &Shell, error: Option<&str>) -> Markup {
    let body = html! {
        section.sheet {
            h1 { "Sign in" }
            @if let Some(error) = error {
                p.notice.bad role="alert" { span.shape aria-hidden="true" { "✕" } " " (error) }
            }
            p { "Your identity provider asks who you are; what you may see and do here is what you may in the cluster." }
            p { a.button.primary href="/login/start" { "Sign in" } }
        }
    };
    frame(shell, "Sign in", Place::Elsewhere, &body)
}

/// The page of whom the authenticating proxy in front does not name.
pub fn login_header(shell: &Shell) -> Markup {
    let text = "Whoever comes here is named by the proxy in front of these pages, and your request came \
        without such a name. Use the address that you were given, or ask those who run it.";
    message(shell, "Sign in", text)
}

/// The page after the identity provider's, from which the browser goes on by itself. A redirect would
/// still count as the provider's doing, with which browsers send no cookie of the session.
pub fn signed_in(shell: &Shell) -> Markup {
    let body = html! {
        section.sheet {
            h1 { "Signed in" }
            meta http-equiv="refresh" content="0;url=/";
            p { a.button.primary href="/" { "All tasks" } }
        }
    };
    frame(shell, "Signed in", Place::Elsewhere, &body)
}

/// A page that only says something, such as that a task is not there.
pub fn message(shell: &Shell, title: &str, text: &str) -> Markup {
    let body = html! {
        section.sheet {
            h1 { (title) }
            p { (text) }
            p { a href="/" { "All tasks" } }
        }
    };
    frame(shell, title, Place::Elsewhere, &body)
}

/// A page of text under this title.
pub fn sheet(shell: &Shell, title: &str, body: &Markup) -> Markup {
    let body = html! { h1 { (title) } (body) };
    frame(shell, title, Place::Elsewhere, &body)
}

/// The document around the `body` of a page.
fn frame(shell: &Shell, title: &str, place: Place, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-now=(shell.now) {
            head {
                meta charset="utf-8";
                title { (title) " · ClaudeTask" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::address("style.css"));
                script src=(assets::address("theme.js")) {}
                script src=(assets::address("script.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(shell, place))
                main #main tabindex="-1" { (body) }
            }
        }
    }
}

fn header(shell: &Shell, place: Place) -> Markup {
    let link = |to: Place, href: &str, label: &str| {
        html! { a href=(href) aria-current=[(to == place).then_some("page")] { (label) } }
    };
    html! {
        header.masthead {
            a.brand href="/" { "ClaudeTask" }
            @if shell.user.is_some() {
                nav aria-label="Pages" {
                    (link(Place::List, "/", "List"))
                    (link(Place::History, "/history", "History"))
                    @if shell.may_create { (link(Place::New, "/new", "+ New task")) }
                }
            }
            div.who {
                span.connection #watch role="status" {}
                button.quiet #theme type="button" hidden {
                    span aria-hidden="true" { "◐ " } span.unseen { "Theme: " } span.chosen {}
                }
                @if let Some(user) = &shell.user { span.user title=(user) { (user) } }
                @if shell.can_sign_out {
                    form method="post" action="/logout" { button.quiet type="submit" { "Sign out" } }
                }
            }
        }
    }
}
