//! One input with its label, its hint and what is wrong with it.
//!
//! Not here: which inputs there are ([`super::inputs`]).

use maud::{Markup, html};

use super::inputs::{Input, Kind};

/// What the parts of an input have in common.
struct Drawn<'a> {
    input: &'a Input,
    value: &'a str,
    id: String,
    described_by: Option<String>,
    invalid: Option<&'static str>,
}

/// An input with this value and these errors.
pub fn input(input: &Input, value: &str, errors: &[&str]) -> Markup {
    let id = input.id();
    let (hint, error) = (format!("{id}-hint"), format!("{id}-error"));
    let parts: Vec<_> = [(&hint, !input.hint.is_empty()), (&error, !errors.is_empty())]
        .into_iter()
        .filter_map(|(id, there)| there.then_some(id.as_str()))
        .collect();
    let drawn = Drawn {
        input,
        value,
        described_by: (!parts.is_empty()).then(|| parts.join(" ")),
        invalid: (!errors.is_empty()).then_some("true"),
        id: id.clone(),
    };
    let wide = matches!(input.kind, Kind::Prose | Kind::Lines) || input.key == "repository.url";
    html! {
        div.input.wide[wide] {
            label for=(id) { (input.label) }
            (control(&drawn))
            @if !input.hint.is_empty() { p.hint #(hint) { (input.hint) } }
            @if !errors.is_empty() {
                p.error #(error) {
                    span.shape aria-hidden="true" { "✕" } " " (errors.join(" "))
                }
            }
        }
    }
}

fn control(drawn: &Drawn<'_>) -> Markup {
    match drawn.input.kind {
        Kind::Prose => area(drawn, 6),
        Kind::Lines => area(drawn, 3),
        Kind::Choice(values) => choice(drawn, values),
        Kind::Line | Kind::Secret | Kind::Number => line(drawn),
    }
}

fn line(drawn: &Drawn<'_>) -> Markup {
    let Drawn { input, value, id, described_by, invalid } = drawn;
    let list = (input.key == "namespace").then_some("namespaces");
    // No input of type number: what is typed reaches the apiserver, which says what is wrong.
    let mode = (input.kind == Kind::Number).then_some("numeric");
    html! {
        input #(id) name=(input.key) value=(value) placeholder=(input.placeholder) list=[list]
            inputmode=[mode] aria-describedby=[described_by.as_ref()] aria-invalid=[*invalid]
            autocomplete="off" autocapitalize="off" spellcheck="false";
    }
}

fn area(drawn: &Drawn<'_>, rows: u8) -> Markup {
    let Drawn { input, value, id, described_by, invalid } = drawn;
    let spellcheck = if input.kind == Kind::Prose { "true" } else { "false" };
    html! {
        textarea #(id) name=(input.key) rows=(rows) placeholder=(input.placeholder)
            aria-describedby=[described_by.as_ref()] aria-invalid=[*invalid] spellcheck=(spellcheck) {
            // A browser drops the first line break.
            @if value.starts_with('\n') { "\n" }
            (value)
        }
    }
}

fn choice(drawn: &Drawn<'_>, values: &[&str]) -> Markup {
    let Drawn { input, value, id, described_by, invalid } = drawn;
    let unknown = !value.is_empty() && !values.contains(value);
    html! {
        select #(id) name=(input.key) aria-describedby=[described_by.as_ref()] aria-invalid=[*invalid] {
            option value="" { (values.first().copied().unwrap_or_default()) " (default)" }
            @for known in values { option value=(known) selected[known == value] { (known) } }
            @if unknown { option value=(value) selected { (value) } }
        }
    }
}
