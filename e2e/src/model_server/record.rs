//! What was asked of the model, for tests to look at afterwards. Credentials appear only as
//! their SHA-256, so that a test can compare them and a log cannot leak them.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::conversation::{Conversation, ToolResult};

/// Headers that hold a credential.
const SECRET: [&str; 3] = ["x-api-key", "authorization", "cookie"];

/// One request to the Messages API.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The scenario that the prompt names, registered or not.
    pub scenario: Option<String>,
    /// The step whose turn it was.
    pub step: usize,
    /// The model that was asked for.
    pub model: String,
    /// Whether a stream was wanted.
    pub stream: bool,
    /// The user's texts since the model's last answer.
    pub texts: Vec<String>,
    /// The tool results since the model's last answer.
    pub results: Vec<ToolResult>,
    /// Every header but those with a credential.
    pub headers: BTreeMap<String, String>,
    /// SHA-256, in hex, of each credential by its header; of a bearer token alone.
    pub credentials: BTreeMap<String, String>,
    /// The answer's status; none while there is none, and for ever when nothing was sent.
    pub status: Option<u16>,
}

impl Record {
    /// A request that has just come in.
    pub fn of(conversation: &Conversation, headers: &HeaderMap) -> Self {
        let text = |value: &axum::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let all = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let (secret, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.partition(|(name, _)| SECRET.contains(&name.as_str()));
        let hashed = secret.into_iter().map(|(name, value)| (name, sha256(bare(&value))));
        Self {
            scenario: conversation.scenario().map(str::to_owned),
            step: conversation.step(),
            model: conversation.model.clone(),
            stream: conversation.stream,
            texts: conversation.new_texts(),
            results: conversation.new_results(),
            headers: open,
            credentials: hashed.collect(),
            status: None,
        }
    }
}

/// SHA-256 of a credential in hex, as records show it.
pub fn sha256(credential: &str) -> String {
    format!("{:x}", Sha256::digest(credential))
}

/// A header's value without the word that says it is a bearer token.
pub fn bare(value: &str) -> &str {
    value.strip_prefix("Bearer ").unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_credential_is_only_there_as_its_hash() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer canary".parse().unwrap());
        headers.insert("x-task", "demo/one".parse().unwrap());
        let body = json!({"model": "m", "messages": []});
        let record = Record::of(&serde_json::from_value(body).unwrap(), &headers);
        assert!(!format!("{record:?}").contains("canary"));
        assert_eq!(record.credentials["authorization"], sha256("canary"));
        assert_eq!(record.headers["x-task"], "demo/one");
    }
}
