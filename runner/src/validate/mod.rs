//! Checks a ClaudeTask without a cluster: the faults are those that the apiserver of Kubernetes
//! 1.35 names for `kubectl create --validate=strict`, in its words.
//!
//! The way of the data is the apiserver's own: unknown fields are refused ([`unknown`]), nulls
//! dropped and defaults set ([`defaults`]), then [`metadata`], the schema's bounds ([`structure`])
//! and its CEL rules ([`rules`]) are looked at. Schema and rules are the CRD's, so nothing of the
//! spec is repeated here. Not here: reading files ([`crate::local`]), and what only a cluster
//! knows: whether the namespace exists and who may create.

mod defaults;
mod fault;
mod metadata;
mod rules;
mod schema;
mod show;
mod structure;
mod unknown;

pub use fault::Fault;

use crd::{ClaudeTask, names};
use fault::Findings;
use serde_json::{Map, Value};

/// The task with all defaults set, and without a status, as the apiserver would store it.
///
/// # Errors
/// Every fault that the apiserver would name, in its order where it has one.
pub fn check(object: &Value) -> Result<ClaudeTask, Vec<Fault>> {
    let own = crd::manifest::schema().map_err(|error| vec![Fault::whole(error)])?;
    let schema = schema::of_object(&own);
    let mut object = decode(&schema, object)?;
    defaults::fill(&schema, &mut object);
    // A new object has no status, whatever was sent.
    object.as_object_mut().map(|fields| fields.remove("status"));
    let mut found = Findings::default();
    metadata::look(&mut found, &object["metadata"]);
    structure::look(&mut found, &schema, &object, "");
    if !found.block_rules() {
        rules::look(&mut found, &own, &metadata::named(&object));
    }
    found.into_result()?;
    serde_json::from_value(object).map_err(|error| vec![Fault::whole(error)])
}

/// The object as the apiserver reads it before it looks at values; what cannot be read ends the
/// check, so its faults stand alone.
fn decode(schema: &Value, object: &Value) -> Result<Value, Vec<Fault>> {
    let mut object = object.clone();
    schema::read_numbers(&mut object);
    let mut found = Findings::default();
    let Value::Object(fields) = &mut object else {
        found.wrong_type("", "object", &object);
        return Err(found.into_faults());
    };
    identity(&mut found, fields);
    found.into_result()?;
    fields.entry("metadata").or_insert(Value::Null);
    if fields["metadata"].is_null() {
        fields["metadata"] = Value::Object(Map::new());
    }
    defaults::drop_nulls(&schema["properties"]["metadata"], &mut fields["metadata"]);
    let mut found = Findings::default();
    structure::look(&mut found, &schema["properties"]["metadata"], &fields["metadata"], "metadata");
    found.into_result()?;
    let faults = unknown::faults(schema, &object);
    if !faults.is_empty() {
        return Err(faults);
    }
    defaults::drop_nulls(schema, &mut object);
    Ok(object)
}

/// Looks at what says that this is a ClaudeTask at all.
fn identity(found: &mut Findings, fields: &Map<String, Value>) {
    let version = format!("{}/{}", names::GROUP, names::VERSION);
    for (field, wanted) in [("kind", names::KIND), ("apiVersion", &version)] {
        let given = fields.get(field).cloned().unwrap_or_else(|| "".into());
        if given != wanted {
            found.invalid(field, &given, &format!("must be {wanted}"));
        }
    }
}
