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
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        ),
        Kind::Prose => {
            // Browsers send the lines of a text area with CR and LF.
            let text = typed.replace("\r\n", "\n");
            Node::Text(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
    })
}
