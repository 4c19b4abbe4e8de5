//! Reads YAML files with ClaudeTasks, and the Secrets that they name.
//!
//! Not here: whether a task is valid ([`crate::validate`]), and which Secret belongs to which task.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crd::names;
use serde_json::Value;
use serde_saphyr::{UserMessageFormatter, from_multiple_with_options, options};

/// Secrets by name, each with its values by key.
pub type Secrets = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What files hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifests {
    /// ClaudeTasks as they were written, in their order; also documents that do not say what they
    /// are.
    pub tasks: Vec<Value>,
    /// Secrets, decoded.
    pub secrets: Secrets,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is no YAML, or has a key twice.
    #[error("is no YAML: {}", .0.without_snippet().render_with_formatter(&UserMessageFormatter))]
    Yaml(#[from] serde_saphyr::Error),
    /// There is an object in it that no task needs.
    #[error("kind {0} does not belong here: only ClaudeTask and Secret do")]
    OtherKind(String),
    /// A Secret has no name.
    #[error("a Secret has no metadata.name")]
    NamelessSecret,
    /// A value of a Secret is no text, or no base64 in `data`.
    #[error("Secret {name}: {field}.{key} must be {wanted}")]
    SecretValue {
        /// The Secret's name.
        name: String,
        /// `data` or `stringData`.
        field: &'static str,
        /// The value's key.
        key: String,
        /// What it must be.
        wanted: &'static str,
    },
}

/// Reads one file of any number of YAML documents; `-` is standard input.
///
/// # Errors
/// When it cannot be read, or holds anything but ClaudeTasks and Secrets.
pub fn read(file: &Path) -> Result<Manifests, Error> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file)?;
    }
    parse(&text)
}

/// The same for the content of a file.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Manifests, Error> {
    let mut manifests = Manifests::default();
    // Like kubectl, which reads YAML 1.1.
    let options = options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = from_multiple_with_options(text, options)?;
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        match document["kind"].as_str().filter(|kind| !kind.is_empty()) {
            Some("Secret") => {
                let (name, values) = secret(&document)?;
                manifests.secrets.insert(name, values);
            }
            Some(kind) if kind != names::KIND => return Err(Error::OtherKind(kind.to_owned())),
            _ => manifests.tasks.push(document),
        }
    }
    Ok(manifests)
}

/// Name and values of a Secret; as in the apiserver, `stringData` wins over `data`.
fn secret(document: &Value) -> Result<(String, BTreeMap<String, Vec<u8>>), Error> {
    let name = document["metadata"]["name"].as_str().ok_or(Error::NamelessSecret)?;
    let mut values = BTreeMap::new();
    for (field, wanted, decode) in [
        ("data", "base64", from_base64 as fn(&str) -> Option<Vec<u8>>),
        ("stringData", "a text", |text| Some(text.as_bytes().to_vec())),
    ] {
        for (key, value) in document[field].as_object().into_iter().flatten() {
            let value = value.as_str().and_then(decode).ok_or_else(|| Error::SecretValue {
                name: name.to_owned(),
                field,
                key: key.clone(),
                wanted,
            })?;
            values.insert(key.clone(), value);
        }
    }
    Ok((name.to_owned(), values))
}

/// The apiserver skips line breaks, which long values often have.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.replace(['\r', '\n'], "")).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tasks_and_secrets_of_several_documents_are_told_apart() {
        let text = "# one\nkind: ClaudeTask\nspec: {prompt: a}\n---\nkind: Secret\n\
            metadata: {name: git}\ndata:\n  token: |\n    c2Vj\n    cmV0\n  both: YQ==\n\
            stringData: {both: b}\n---\n---\nkind: ClaudeTask\nspec: {prompt: c}\n";
        let found = parse(text).unwrap();
        let prompts: Vec<_> = found.tasks.iter().map(|task| &task["spec"]["prompt"]).collect();
        assert_eq!(prompts, ["a", "c"]);
        let values = [("both", "b"), ("token", "secret")];
        let values = values.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
        assert_eq!(found.secrets, [("git".to_owned(), values.into())].into());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, says) in [
            ("kind: Pod\n", "kind Pod does not belong here"),
            ("a: [\n", "is no YAML"),
            ("kind: ClaudeTask\nkind: ClaudeTask\n", "is no YAML"),
            ("kind: Secret\n", "no metadata.name"),
            (
                "kind: Secret\nmetadata: {name: s}\ndata: {k: '%'}\n",
                "Secret s: data.k must be base64",
            ),
            (
                "kind: Secret\nmetadata: {name: s}\nstringData: {k: 5}\n",
                "stringData.k must be a text",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn words_and_numbers_mean_what_they_mean_to_kubectl() {
        let found = parse("kind: ClaudeTask\na: yes\nb: 'off'\nc: Off\nd: 010\n").unwrap();
        let task = &found.tasks[0];
        let found = ["a", "b", "c", "d"].map(|key| task[key].clone());
        assert_eq!(found, [json!(true), json!("off"), json!(false), json!(8)]);
    }
}
