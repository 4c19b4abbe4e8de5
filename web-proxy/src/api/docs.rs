//! The page that describes the API, from the OpenAPI document and nothing else.
//!
//! Not here: the document ([`super::document`]).

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::document::document;
use crate::page::{self, Shell};

/// Serves the page; what stands in it is no secret, so nobody signs in for it.
pub async fn show() -> Markup {
    let shell = Shell { user: None, may_create: false, can_sign_out: false, now: Timestamp::now() };
    let document = serde_json::to_value(document()).unwrap_or_default();
    page::sheet(&shell, "The API", &body(&document))
}

fn body(document: &Value) -> Markup {
    let paths = document["paths"].as_object();
    html! {
        p { (text(&document["info"]["description"])) }
        p {
            "The whole description, for programs: " a href="/api/openapi.json" { "openapi.json" } ". "
            "The object itself is described by " code { "kubectl explain claudetask" } "."
        }
        @for (path, item) in paths.into_iter().flatten() {
            @for (method, operation) in item.as_object().into_iter().flatten() {
                section {
                    h2 { code { (method.to_uppercase()) " " (path) } }
                    p { (text(&operation["summary"])) }
                    @if !operation["description"].is_null() { p { (text(&operation["description"])) } }
                    p.hint {
                        "Needs: "
                        (list(&operation["x-requires"]))
                        @if operation["x-filtered"] == true { "; what is not allowed is left out" }
                    }
                }
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> String {
    let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{body, document};

    #[test]
    fn it_shows_each_operation_with_what_it_needs() {
        let page = body(&serde_json::to_value(document()).unwrap()).into_string();
        for part in [
            "POST /api/v1/namespaces/{namespace}/tasks/{name}/retry",
            "Run a task again",
            "Needs: get claudetasks.claudetask.dev, create claudetasks.claudetask.dev",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
