//! What the apiserver asks of the metadata of any object in a namespace.
//!
//! Wordings are those of `k8s.io/apimachinery/pkg/{api,util}/validation` 0.35. Not here: types and
//! unknown fields of metadata, which are a schema's matter like those of the spec; owners and
//! managed fields, which nobody writes by hand.

use crd::names;
use serde_json::{Map, Value};

use super::fault::Findings;

/// Most bytes of all annotations together.
const ANNOTATIONS: u64 = 256 * 1024;

/// Looks at the metadata; their fields have the right types.
pub fn look(found: &mut Findings, metadata: &Value) {
    if let Some(prefix) = text(metadata, "generateName") {
        let faults = subdomain_faults(&without_dash(prefix), "characters");
        tell(found, "metadata.generateName", prefix, faults);
    }
    match name(metadata) {
        Some(name) => tell(found, "metadata.name", &name, subdomain_faults(&name, "characters")),
        None => found.required("metadata.name", "name or generateName is required"),
    }
    if let Some(namespace) = text(metadata, "namespace") {
        tell(found, "metadata.namespace", namespace, label_faults(namespace));
    }
    look_at_labels(found, metadata);
    look_at_annotations(found, metadata);
    for finalizer in metadata["finalizers"].as_array().into_iter().flatten() {
        let finalizer = finalizer.as_str().unwrap_or_default();
        tell(found, "metadata.finalizers", finalizer, key_faults(finalizer));
    }
}

/// The object with a name that the apiserver could have generated, if it has none of its own.
pub fn named(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(name) = name(&object["metadata"]) {
        object["metadata"]["name"] = name.into();
    }
    object
}

fn look_at_labels(found: &mut Findings, metadata: &Value) {
    for (key, value) in texts(metadata, "labels") {
        tell(found, "metadata.labels", key, key_faults(key));
        let mut faults = too_long(value, 63, "bytes");
        if !value.is_empty() && !is_label_text(value) {
            faults.push(
                "a valid label must be an empty string or consist of alphanumeric characters, \
                 '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
                 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
                 '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                    .to_owned(),
            );
        }
        tell(found, "metadata.labels", value, faults);
    }
}

fn look_at_annotations(found: &mut Findings, metadata: &Value) {
    let mut size = 0;
    for (key, value) in texts(metadata, "annotations") {
        tell(found, "metadata.annotations", key, key_faults(&key.to_lowercase()));
        size += key.len() + value.len();
    }
    if u64::try_from(size).is_ok_and(|size| size > ANNOTATIONS) {
        found.too_long("metadata.annotations", ANNOTATIONS);
    }
}

fn tell(found: &mut Findings, path: &str, value: &str, faults: Vec<String>) {
    for fault in faults {
        found.invalid(path, &value.into(), &fault);
    }
}

/// The name, or one as the apiserver makes it: it cuts the prefix and adds five characters.
fn name(metadata: &Value) -> Option<String> {
    let generated = || {
        let prefix = names::kept_of_generated(text(metadata, "generateName")?);
        Some(prefix + "xxxxx")
    };
    text(metadata, "name").map(str::to_owned).or_else(generated)
}

/// A field that is there and not empty.
fn text<'a>(metadata: &'a Value, field: &str) -> Option<&'a str> {
    metadata[field].as_str().filter(|text| !text.is_empty())
}

fn texts<'a>(metadata: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a str)> {
    let fields = metadata[field].as_object().map(Map::iter).into_iter().flatten();
    fields.map(|(key, value)| (key, value.as_str().unwrap_or_default()))
}

/// A prefix may end with a dash, since more is added; the apiserver looks at it like this.
fn without_dash(prefix: &str) -> String {
    let mut characters: Vec<char> = prefix.chars().collect();
    if characters.len() > 1 && characters.last() == Some(&'-') {
        characters.truncate(characters.len() - 2);
        characters.push('a');
    }
    characters.into_iter().collect()
}

fn subdomain_faults(name: &str, unit: &str) -> Vec<String> {
    let mut faults = too_long(name, 253, unit);
    if !is_subdomain(name) {
        faults.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    faults
}

fn label_faults(name: &str) -> Vec<String> {
    let mut faults = too_long(name, 63, "characters");
    if name.contains('.') && is_subdomain(name) {
        faults.push("must not contain dots".to_owned());
    } else if !names::is_label(name) {
        faults.push(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
             '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    faults
}

/// The key of a label or annotation, and the name of a finalizer: `[PREFIX/]NAME`.
fn key_faults(key: &str) -> Vec<String> {
    let rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
                regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, name)| (Some(p), name));
    if name.contains('/') {
        return vec![format!(
            "a valid label key {rule} with an optional DNS subdomain prefix and '/' (e.g. \
             'example.com/MyName')"
        )];
    }
    let mut faults = match prefix {
        Some("") => vec!["prefix part must be non-empty".to_owned()],
        Some(prefix) => subdomain_faults(prefix, "bytes")
            .iter()
            .map(|fault| format!("prefix part {fault}"))
            .collect(),
        None => Vec::new(),
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    }
    faults.extend(too_long(name, 63, "bytes").iter().map(|fault| format!("name part {fault}")));
    if !is_label_text(name) {
        faults.push(format!("name part {rule}"));
    }
    faults
}

/// The limit is one of bytes, whatever the apiserver calls them.
fn too_long(text: &str, most: usize, unit: &str) -> Vec<String> {
    let fault = || format!("must be no more than {most} {unit}");
    (text.len() > most).then(fault).into_iter().collect()
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(names::is_label)
}

fn is_label_text(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().copied().all(inner) && outer(bytes.first()) && outer(bytes.last())
}
