//! The description of the API: OpenAPI, made from the handlers, with the CRD's own schema.
//!
//! Not here: the handlers.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::Json;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::{OpenApi as Document, RefOr};
use utoipa::{OpenApi, PartialSchema, ToSchema};

/// A ClaudeTask, as the CRD describes it.
#[derive(Debug, Serialize)]
pub struct Task;

/// Tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskList {
    /// The tasks.
    #[schema(value_type = Vec<Task>)]
    items: (),
}

impl PartialSchema for Task {
    fn schema() -> RefOr<Schema> {
        let own = crd::manifest::schema().ok();
        let schema = own.and_then(|own| serde_json::from_value::<Schema>(own).ok());
        schema.unwrap_or_else(|| ObjectBuilder::new().build().into()).into()
    }
}

impl ToSchema for Task {
    fn name() -> Cow<'static, str> {
        "ClaudeTask".into()
    }
}

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(info(
    title = "ClaudeTask",
    description = "Create, watch and cancel ClaudeTasks with the rights that one has in the cluster. \
        Programs send a Kubernetes bearer token as `Authorization: Bearer`. `x-requires` names what \
        RBAC must allow; where `x-filtered` is true, what is not allowed is left out instead."
))]
pub struct Head;

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    utoipa_axum::router::OpenApiRouter::with_openapi(Head::openapi())
        .merge(super::routes())
        .into_openapi()
});

/// The whole description, made when it is first asked for.
pub fn document() -> &'static Document {
    &DOCUMENT
}

/// Serves it.
pub async fn show() -> Json<&'static Document> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::document;

    /// The committed copy; `UPDATE=1 cargo test -p web-proxy` rewrites it.
    #[test]
    fn the_committed_description_is_that_of_the_code() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        // As a value first, whose keys are in order: extensions are a hash map.
        let made = serde_json::to_value(document()).unwrap();
        let made = format!("{made:#}\n");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(kept, made, "UPDATE=1 cargo test -p web-proxy rewrites openapi.json");
    }

    #[test]
    fn it_has_every_route_with_what_it_requires_and_the_crds_fields() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations: Vec<_> =
            paths.values().flat_map(|path| path.as_object().unwrap()).collect();
        assert_eq!(operations.len(), 8);
        assert!(operations.iter().all(|(_, operation)| operation["x-requires"].is_array()));
        let task = &document["components"]["schemas"]["ClaudeTask"]["properties"];
        assert!(task["spec"]["properties"]["prompt"].is_object(), "{task}");
    }
}
