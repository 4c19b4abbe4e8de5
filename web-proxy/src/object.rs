//! The object that is sent to the apiserver: somebody's own, or a finished task once more.
//!
//! Pure. Not here: rules of the spec, which the apiserver knows and says.

use crd::{ClaudeTask, names};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

/// What makes a body no ClaudeTask for this address: a field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Unfit {
    /// The field, such as `metadata.namespace`; empty for the body as a whole.
    pub field: &'static str,
    /// What is wrong, and the remedy.
    pub message: String,
}

/// The body as a ClaudeTask of this namespace, asked for by `requester`.
///
/// `apiVersion`, `kind` and the namespace may be left out.
///
/// # Errors
/// When they are there and name something else, or the body is no object.
pub fn asked_by(requester: &str, namespace: &str, body: Value) -> Result<Value, Unfit> {
    let unfit = |field, message: &str| Unfit { field, message: message.to_owned() };
    let Value::Object(mut object) = body else {
        return Err(unfit("", "must be a ClaudeTask as a JSON object"));
    };
    let version = format!("{}/{}", names::GROUP, names::VERSION);
    for (field, wanted) in [("apiVersion", version.as_str()), ("kind", names::KIND)] {
        let given = object.entry(field).or_insert_with(|| wanted.into());
        if given != wanted {
            return Err(unfit(field, &format!("must be {wanted}, or left out")));
        }
    }
    let metadata = child(&mut object, "metadata");
    let Some(metadata) = metadata else {
        return Err(unfit("metadata", "must be an object with name or generateName"));
    };
    let given = metadata.entry("namespace").or_insert_with(|| namespace.into());
    if given != namespace {
        let message = format!("must be {namespace}, the one in the address, or left out");
        return Err(unfit("metadata.namespace", &message));
    }
    let Some(annotations) = child(metadata, "annotations") else {
        return Err(unfit("metadata.annotations", "must be an object"));
    };
    annotations.insert(names::ANNOTATION_REQUESTED_BY.to_owned(), requester.into());
    object.remove("status");
    Ok(Value::Object(object))
}

fn child<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    parent.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// A new task like this one, from its checkpoint where it left one and it is known onto what that
/// work belongs.
pub fn again(task: &ClaudeTask) -> Result<Value, serde_json::Error> {
    let mut spec = task.spec.clone();
    spec.cancel = false;
    let result = task.status.as_ref().map(|status| &status.result);
    let checkpoint = result.and_then(|result| result.checkpoint.clone());
    let onto = spec.rebase.onto.clone().or_else(|| spec.repository.reference.clone());
    if let (Some(checkpoint), Some(onto)) = (checkpoint, onto) {
        spec.repository.reference = Some(checkpoint);
        spec.rebase.onto = Some(onto);
    }
    let name = task.name_any();
    Ok(json!({
        "metadata": {
            "generateName": format!("{}-", stem(&name)),
            "annotations": {(names::ANNOTATION_RETRY_OF): name},
        },
        "spec": serde_json::to_value(spec)?,
    }))
}

/// So much of the name that the apiserver keeps it with a `-` behind it.
fn stem(name: &str) -> &str {
    let end = name.len().min(names::GENERATED - 1);
    name[..end].trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out_is_filled_in_and_the_requester_is_the_caller() {
        let body = json!({"metadata": {"name": "a", "annotations": {
            "claudetask.dev/requested-by": "somebody else", "x": "y"}}, "spec": {"prompt": "Do."}});
        let object = asked_by("ana", "team", body).unwrap();
        assert_eq!(object["apiVersion"], "claudetask.dev/v1alpha1");
        assert_eq!(object["kind"], "ClaudeTask");
        assert_eq!(object["metadata"]["namespace"], "team");
        let annotations = json!({"claudetask.dev/requested-by": "ana", "x": "y"});
        assert_eq!(object["metadata"]["annotations"], annotations);
        assert_eq!(object["spec"], json!({"prompt": "Do."}));
    }

    #[test]
    fn what_names_something_else_is_refused_with_its_field() {
        for (body, field) in [
            (json!([]), ""),
            (json!({"kind": "Pod"}), "kind"),
            (json!({"apiVersion": "v1"}), "apiVersion"),
            (json!({"metadata": 1}), "metadata"),
            (json!({"metadata": {"namespace": "kube-system"}}), "metadata.namespace"),
            (json!({"metadata": {"annotations": []}}), "metadata.annotations"),
        ] {
            assert_eq!(asked_by("ana", "team", body).unwrap_err().field, field);
        }
    }

    fn task(reference: Option<&str>, checkpoint: Option<&str>) -> ClaudeTask {
        serde_json::from_value(json!({
            "apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
            "metadata": {"namespace": "team", "name": "fix", "uid": "u"},
            "spec": {"repository": {"url": "https://git.example.com/a.git", "ref": reference},
                "prompt": "Do.", "cancel": true},
            "status": {"result": {"checkpoint": checkpoint}},
        }))
        .unwrap()
    }

    #[test]
    fn a_task_run_again_is_not_cancelled_and_goes_on_from_its_checkpoint() {
        let spec = |object: Value| -> crd::ClaudeTaskSpec {
            serde_json::from_value(object["spec"].clone()).unwrap()
        };
        let object = again(&task(Some("main"), Some("refs/claudetask/u"))).unwrap();
        assert_eq!(object["metadata"]["generateName"], "fix-");
        assert_eq!(object["metadata"]["annotations"]["claudetask.dev/retry-of"], "fix");
        let on = spec(object);
        assert!(!on.cancel);
        assert_eq!(on.repository.reference.as_deref(), Some("refs/claudetask/u"));
        assert_eq!(on.rebase.onto.as_deref(), Some("main"));
        let anew = spec(again(&task(Some("main"), None)).unwrap());
        assert_eq!((anew.repository.reference.as_deref(), anew.rebase.onto), (Some("main"), None));
        let unknown = spec(again(&task(None, Some("refs/claudetask/u"))).unwrap());
        assert_eq!(unknown.repository.reference, None, "onto what is not known");
    }

    #[test]
    fn a_long_name_leaves_room_for_what_the_apiserver_adds() {
        assert_eq!(stem(&"a".repeat(63)).len(), 57);
        assert_eq!(stem(&format!("{}-b", "a".repeat(56))).len(), 56);
    }
}
