//! What two plays of one scenario must have in common: their finished statuses without names and
//! times, which no two runs share.
//!
//! Not here: comparing two of them ([`super::alike`]).

use crd::ClaudeTask;
use kube::ResourceExt;
use serde_json::{Map, Value, json};

/// Fields that are gone: times, and names of objects that only a cluster has.
const GONE: [&str; 7] =
    ["deadline", "finishedAt", "jobName", "lastTransitionTime", "podName", "resumeAt", "startedAt"];
/// The form of a UUID, in which `h` is any hexadecimal digit.
const UUID: &str = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
/// The form of a point in time, in which `0` is any digit, up to the seconds.
const TIME: &str = "0000-00-00T00:00:00";
/// Digits of a commit's full id, and of its short form in messages.
const COMMIT: usize = 40;
const SHORT: usize = 12;

/// A text that differs between two places, and what stands for it in both.
pub type Name = (String, String);

/// The statuses by the tasks' names, with `names` replaced, ids numbered in the order in which
/// they come, and times removed.
pub fn normal_form(tasks: &[ClaudeTask], names: &[Name]) -> anyhow::Result<Value> {
    let mut names = names.to_vec();
    // A name can be part of a longer one.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut all = Map::new();
    for task in tasks {
        let mut status = serde_json::to_value(&task.status)?;
        relate(&mut status, task.metadata.generation.unwrap_or_default());
        all.insert(task.name_any(), status);
    }
    let mut all = Value::Object(all);
    strip(&mut all);
    texts(&mut all, &mut |text| replace(text, &names));
    let mut ids = Vec::new();
    texts(&mut all, &mut |text| {
        pieces(text).into_iter().map(|piece| piece.token(&mut ids)).collect()
    });
    Ok(all)
}

/// Removes the fields that are gone, at every depth.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !GONE.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Replaces the number of a generation by how far it is behind the newest: a cancel makes a new one
/// where it is a change of the object, which an interrupt is not.
fn relate(value: &mut Value, newest: i64) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match field.as_i64() {
            Some(number) if name == "observedGeneration" => *field = json!(newest - number),
            _ => relate(field, newest),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| relate(item, newest)),
        _ => {}
    }
}

/// Puts what `change` makes of it in place of every text.
fn texts(value: &mut Value, change: &mut impl FnMut(&str) -> String) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| texts(field, change)),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
        Value::String(text) => *value = json!(change(text)),
        _ => {}
    }
}

fn replace(text: &str, names: &[Name]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, token)| text.replace(name, token))
}

/// A part of a text.
enum Piece<'a> {
    /// What is the same everywhere.
    Plain(&'a str),
    /// A UUID, or a commit in either form.
    Id(&'a str),
    /// A point in time.
    Time,
}

impl Piece<'_> {
    /// What stands for it; `ids` are those before it in the order in which they came, and a commit
    /// is known by its short form.
    fn token(&self, ids: &mut Vec<String>) -> String {
        match self {
            Self::Plain(text) => (*text).to_owned(),
            Self::Time => "TIME".to_owned(),
            Self::Id(id) => {
                let key = if id.len() == COMMIT { &id[..SHORT] } else { id };
                let place = ids.iter().position(|known| known == key).unwrap_or_else(|| {
                    ids.push(key.to_owned());
                    ids.len() - 1
                });
                format!("ID-{}", place + 1)
            }
        }
    }
}

/// The parts of a text in order.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut place) = (0, 0);
    while let Some(rest) = text.get(place..).filter(|rest| !rest.is_empty()) {
        if let Some((piece, length)) = special(rest) {
            pieces.push(Piece::Plain(&text[plain..place]));
            pieces.push(piece);
            place += length;
            plain = place;
        } else {
            place += word(rest).max(rest.chars().next().map_or(1, char::len_utf8));
        }
    }
    pieces.push(Piece::Plain(&text[plain..]));
    pieces
}

/// The UUID, commit or time that the text begins with, and its length.
fn special(text: &str) -> Option<(Piece<'_>, usize)> {
    if has_form(text, UUID) {
        return Some((Piece::Id(&text[..UUID.len()]), UUID.len()));
    }
    if has_form(text, TIME) {
        let more = text[TIME.len()..].find(|c: char| !(c.is_ascii_digit() || ".Z".contains(c)));
        return Some((Piece::Time, more.map_or(text.len(), |more| TIME.len() + more)));
    }
    let length = word(text);
    let commit = [COMMIT, SHORT].contains(&length) && text[..length].bytes().all(is_hex);
    commit.then(|| (Piece::Id(&text[..length]), length))
}

fn has_form(text: &str, form: &str) -> bool {
    text.len() >= form.len()
        && text.bytes().zip(form.bytes()).all(|(found, form)| match form {
            b'h' => is_hex(found),
            b'0' => found.is_ascii_digit(),
            _ => found == form,
        })
}

const fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Length of the letters and digits that the text begins with.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use crd::ClaudeTask;
    use serde_json::{Value, json};

    use super::{Name, normal_form};

    fn task(name: &str, status: Value) -> ClaudeTask {
        let spec = json!({"repository": {"url": "http://git/a.git"}, "prompt": "x", "claude": {}});
        let mut task = ClaudeTask::new(name, serde_json::from_value(spec).unwrap());
        task.status = Some(serde_json::from_value(status).unwrap());
        task
    }

    fn form(status: Value, names: &[(&str, &str)]) -> Value {
        let names: Vec<Name> =
            names.iter().map(|(name, token)| ((*name).into(), (*token).into())).collect();
        normal_form(&[task("one", status)], &names).unwrap()["one"].take()
    }

    fn message(text: &str) -> String {
        let phases = json!([{"name": "Run", "state": "Failed", "message": text}]);
        let form = form(json!({"phases": phases}), &[]);
        form["phases"][0]["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn times_and_the_names_of_objects_are_gone_at_every_depth() {
        let time = "2026-01-01T00:00:00Z";
        let status = json!({
            "attempt": 1, "jobName": "j", "podName": "p", "startedAt": time, "finishedAt": time,
            "deadline": time, "resumeAt": time,
            "phases": [{"name": "Run", "state": "Failed", "startedAt": time, "finishedAt": time}],
            "conditions": [{"type": "Stalled", "status": "True", "reason": "Lost", "message": "",
                "lastTransitionTime": time}],
            "attempts": [{"number": 1, "jobName": "j", "startedAt": time, "reason": "Lost"}],
        });
        let expected = json!({
            "attempt": 1,
            "phases": [{"name": "Run", "state": "Failed"}],
            "conditions": [{"type": "Stalled", "status": "True", "reason": "Lost", "message": ""}],
            "attempts": [{"number": 1, "reason": "Lost"}],
        });
        assert_eq!(form(status, &[]), expected);
    }

    #[test]
    fn a_status_of_the_newest_generation_is_that_whatever_its_number() {
        let generation = |newest: i64, observed: i64| {
            let mut task = task("one", json!({"observedGeneration": observed}));
            task.metadata.generation = Some(newest);
            normal_form(&[task], &[]).unwrap()["one"].take()
        };
        assert_eq!(generation(1, 1), generation(2, 2));
        assert_ne!(generation(2, 1), generation(2, 2));
    }

    #[test]
    fn the_short_form_of_a_commit_is_the_same_as_its_long_one_wherever_it_stands() {
        let (a, b) = ("0123456789abcdef0123456789abcdef01234567", "f".repeat(40));
        let status = json!({
            "phases": [{"name": "Run", "state": "Failed", "message": format!("{}, then {b}.", &a[..12])}],
            "result": {"commit": a, "startCommit": b},
        });
        let form = form(status, &[]);
        let result = &form["result"];
        assert_eq!(form["phases"][0]["message"], "ID-1, then ID-2.");
        assert_eq!((&result["commit"], &result["startCommit"]), (&json!("ID-1"), &json!("ID-2")));
    }

    #[test]
    fn equal_uuids_are_equal_and_others_are_not() {
        let (a, b) =
            ("7c0de000-1111-4222-8333-444455556666", "7c0de000-1111-4222-8333-444455556667");
        let status = json!({"sessionID": b, "result": {"checkpoint": format!("refs/claudetask/{a}"),
            "summary": format!("{a} {b}")}});
        let form = form(status, &[]);
        let result = &form["result"];
        assert_eq!(result["checkpoint"], "refs/claudetask/ID-1");
        assert_eq!((&result["summary"], &form["sessionID"]), (&json!("ID-1 ID-2"), &json!("ID-2")));
    }

    #[test]
    fn times_in_messages_are_all_the_same_and_other_words_stay() {
        assert_eq!(message("until 2026-01-01T00:00:00.5Z, then"), "until TIME, then");
        for text in ["deadbeef", "0123456789abcdef", "größer – 12 MiB", "facade cafe, 2026-01-01"]
        {
            assert_eq!(message(text), text);
        }
    }

    #[test]
    fn the_longest_name_is_replaced_first() {
        let names = [("run-1", "SITE"), ("10.0.0.1", "git"), ("run-1-local", "SITE")];
        let status = json!({"result": {"summary": "run-1-local at 10.0.0.1, run-1"}});
        assert_eq!(form(status, &names)["result"]["summary"], "SITE at git, SITE");
    }
}
