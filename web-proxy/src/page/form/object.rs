//! The object that the form's values make, and its YAML.
//!
//! It holds what was filled in and nothing else: a default that the form wrote down would not
//! follow the operator's. Not here: the values ([`super::fields`]).

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Fields;
use super::inputs::{self, Kind};
use crate::page::facts;

/// Most characters that a name may begin with when the apiserver appends five and a dash.
const LONGEST_PREFIX: usize = 50;

/// A value of the object; maps keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Text(String),
    Number(i64),
    List(Vec<String>),
    Map(Vec<(&'static str, Node)>),
}

impl Fields {
    /// The `ClaudeTask` that these values make.
    pub fn object(&self) -> Value {
        serde_json::to_value(self.tree()).unwrap_or_default()
    }

    /// The same as YAML, in the order of the object.
    pub fn yaml(&self) -> String {
        serde_saphyr::to_string(&self.tree()).unwrap_or_default()
    }

    /// The beginning of the name that the apiserver is to choose; none when a name was given.
    pub fn generate_name(&self) -> Option<String> {
        if !self.name.trim().is_empty() {
            return None;
        }
        let short = facts::short(self.url.trim()).to_lowercase();
        let last = short.rsplit('/').next().unwrap_or_default();
        let name = last.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let name: String = name.trim_matches('-').chars().take(LONGEST_PREFIX).collect();
        let name = name.trim_end_matches('-');
        Some(format!("{}-", if name.is_empty() { "task" } else { name }))
    }

    fn tree(&self) -> Node {
        let mut root = Node::Map(vec![
            ("apiVersion", Node::Text(format!("{}/{}", crd::names::GROUP, crd::names::VERSION))),
            ("kind", Node::Text(crd::names::KIND.to_owned())),
        ]);
        if let Some(start) = self.generate_name() {
            root.put(&["metadata", "generateName"], Node::Text(start));
        }
        for input in inputs::all() {
            let Some(value) = value(input.kind, self.get(input.key)) else { continue };
            let (top, rest) = match input.key {
                "name" | "namespace" => ("metadata", input.key),
                key => ("spec", key),
            };
            let name = matches!(input.kind, Kind::Secret).then_some("name");
            let path: Vec<_> = [top].into_iter().chain(rest.split('.')).chain(name).collect();
            root.put(&path, value);
        }
        root
    }
}

impl Node {
    /// Puts a value at this path, with the maps that lead to it.
    fn put(&mut self, path: &[&'static str], value: Self) {
        let (Self::Map(entries), [key, rest @ ..]) = (&mut *self, path) else {
            *self = value;
            return;
        };
        let place = entries.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            entries.push((key, Self::Map(Vec::new())));
            entries.len() - 1
        });
        entries[place].1.put_below(rest, value);
    }

    fn put_below(&mut self, path: &[&'static str], value: Self) {
        if path.is_empty() { *self = value } else { self.put(path, value) }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::List(lines) => lines.serialize(serializer),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// What a text stands for; nothing when it is blank.
fn value(kind: Kind, typed: &str) -> Option<Node> {
    let text = typed.trim();
    if text.is_empty() {
        return None;
    }
    Some(match kind {
        Kind::Line | Kind::Secret | Kind::Choice(_) => Node::Text(text.to_owned()),
        // What is no number goes as it is: the apiserver says what is wrong with it.
        Kind::Number => text.parse().map_or_else(|_| Node::Text(text.to_owned()), Node::Number),
        Kind::Lines => Node::List(
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        Kind::Prose => {
            // Browsers send the lines of a text area with CR and LF.
            let text = typed.replace("\r\n", "\n");
            Node::Text(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Fields;

    fn fields(values: Value) -> Fields {
        serde_json::from_value(values).unwrap()
    }

    /// The value at `path` when `typed` stands in the input `key`.
    fn made(key: &str, typed: &str, path: &str) -> Option<Value> {
        fields(json!({key: typed})).object().pointer(path).cloned()
    }

    #[test]
    fn what_was_left_empty_is_left_out() {
        assert_eq!(
            fields(json!({"verify": "\r\n", "name": " ", "claude.maxTurns": ""})).object(),
            json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
                "metadata": {"generateName": "task-"}})
        );
    }

    #[test]
    fn each_value_gets_the_form_that_its_field_has() {
        let secret = json!({"name": "git"});
        let disk = "environment.resources.limits.ephemeral-storage";
        for (key, typed, path, value) in [
            (
                "repository.url",
                " https://x/a.git ",
                "/spec/repository/url",
                json!("https://x/a.git"),
            ),
            ("repository.credentialsSecret", "git", "/spec/repository/credentialsSecret", secret),
            ("prompt", "one\r\n\r\n two\r\n", "/spec/prompt", json!("one\n\n two")),
            ("prompt", "one\n\n", "/spec/prompt", json!("one\n")),
            ("verify", "a b\r\n\r\n  c \r\n", "/spec/verify", json!(["a b", "c"])),
            ("rebase.maxRounds", "5", "/spec/rebase/maxRounds", json!(5)),
            ("claude.maxTurns", "many", "/spec/claude/maxTurns", json!("many")),
            ("retries", "-1", "/spec/retries", json!(-1)),
            ("retries", "1.5", "/spec/retries", json!("1.5")),
            ("claude.maxBudgetUSD", "2", "/spec/claude/maxBudgetUSD", json!("2")),
            (disk, "5Gi", "/spec/environment/resources/limits/ephemeral-storage", json!("5Gi")),
            ("push.author.name", "Bot", "/spec/push", json!({"author": {"name": "Bot"}})),
            ("name", "a", "/metadata", json!({"name": "a"})),
            ("namespace", "b", "/metadata/namespace", json!("b")),
        ] {
            assert_eq!(made(key, typed, path), Some(value), "{key}");
        }
    }

    #[test]
    fn a_name_that_nobody_gave_begins_like_the_repository() {
        for (url, name) in [
            ("", "task-"),
            ("https://git.example.com/acme/shop.git", "shop-"),
            ("git@git.example.com:acme/My_Shop.git/", "my-shop-"),
            ("https://git.example.com/acme/...", "task-"),
            (&format!("https://x/{}", "a".repeat(80)), &format!("{}-", "a".repeat(50))),
        ] {
            let fields = Fields { url: url.to_owned(), ..Fields::default() };
            assert_eq!(fields.generate_name().as_deref(), Some(name), "{url}");
        }
        assert_eq!(Fields { name: "a".to_owned(), ..Fields::default() }.generate_name(), None);
    }

    #[test]
    fn the_yaml_reads_as_the_object_whatever_was_typed() {
        let prompt = "First: this\r\n\r\n- then that\r\n  # and 'this' \"too\"";
        let long = "word ".repeat(60);
        let odd = [
            "yes",
            "12:30:45",
            "0x10",
            "1e3",
            "null",
            "~",
            "- a",
            "a: b",
            "#",
            "a\tb",
            "\u{2028}x",
        ];
        for text in odd.into_iter().chain([prompt, long.as_str()]) {
            let fields =
                fields(json!({"prompt": text, "verify": text, "claude.maxBudgetUSD": "2"}));
            let yaml = fields.yaml();
            assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), fields.object(), "{yaml}");
        }
    }

    #[test]
    fn the_yaml_has_the_order_of_the_object() {
        let yaml = fields(json!({
            "retries": "2", "timeout": "1h", "verify": "x", "prompt": "x", "claude.model": "m",
            "repository.url": "https://x/a/b.git", "repository.ref": "main", "name": "a",
        }))
        .yaml();
        let keys: Vec<_> =
            yaml.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
        let order = "apiVersion kind metadata name spec repository url ref prompt verify claude model timeout retries";
        assert_eq!(keys.join(" "), order);
    }

    #[test]
    fn an_object_that_is_filled_in_is_one_that_the_crd_reads() {
        let object = fields(json!({
            "name": "a", "repository.url": "https://x/a/b.git", "prompt": "x", "rebase.commits": "Squash",
            "rebase.scope": "Anywhere", "rebase.conflicts": "Fail", "rebase.maxRounds": "2",
            "push.author.name": "A", "push.author.email": "a@b", "push.options": "a\nb",
            "claude.credentialsSecret": "c", "claude.model": "m", "claude.fallbackModel": "n",
            "claude.maxTurns": "4", "claude.maxBudgetUSD": "0.5", "environment.setup": "s",
            "environment.resources.requests.cpu": "1", "timeout": "90m", "retries": "1",
            "ttlAfterFinished": "1h",
        }))
        .object();
        let task: crd::ClaudeTask = serde_json::from_value(object).unwrap();
        assert_eq!(task.spec.push.options, ["a", "b"]);
        assert_eq!(task.spec.claude.max_turns, Some(4));
    }
}
