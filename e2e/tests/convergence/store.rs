//! What an apiserver stores, and its history, from which watches are fed.
//!
//! Not here: requests ([`crate::apiserver`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// The kinds that the operator watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Task,
    Job,
    Pod,
}

/// An object as stored.
pub type Object = Arc<Value>;

/// One change.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: Kind,
    pub object: Object,
    pub gone: bool,
}

/// All objects of one namespace.
#[derive(Debug, Default)]
pub struct Store {
    objects: BTreeMap<(Kind, String), Object>,
    /// Every change since the beginning.
    pub history: Vec<Change>,
    version: u64,
}

impl Store {
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Object> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(move |((of, _), _)| *of == kind).map(|(_, object)| object)
    }

    /// Stores an object under its name with a new version; it is told only if it says something
    /// new.
    pub fn put(&mut self, kind: Kind, mut object: Value) -> Object {
        let name = name(&object).to_owned();
        if let Some(known) = self.get(kind, &name) {
            object["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"].clone();
            if **known == object {
                return Arc::clone(known);
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        self.history.push(Change { kind, object: Arc::clone(&object), gone: false });
        self.objects.insert((kind, name), Arc::clone(&object));
        object
    }

    /// Changes an object in place, if it is there.
    pub fn change(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        if let Some(object) = self.get(kind, name) {
            let mut object = (**object).clone();
            change(&mut object);
            self.put(kind, object);
        }
    }

    pub fn remove(&mut self, kind: Kind, name: &str) {
        if let Some(object) = self.objects.remove(&(kind, name.to_owned())) {
            self.version += 1;
            let mut last = (*object).clone();
            last["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.history.push(Change { kind, object: Arc::new(last), gone: true });
        }
    }

    /// The objects after so many changes.
    pub fn after(&self, changes: usize) -> Vec<(Kind, Object)> {
        let mut objects = BTreeMap::new();
        for change in self.history.iter().take(changes) {
            let key = (change.kind, name(&change.object).to_owned());
            if change.gone {
                objects.remove(&key);
            } else {
                objects.insert(key, Arc::clone(&change.object));
            }
        }
        objects.into_iter().map(|((kind, _), object)| (kind, object)).collect()
    }
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub fn is_leaving(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// UID of the owner that controls the object.
pub fn owner(object: &Value) -> &str {
    object["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap_or_default()
}
