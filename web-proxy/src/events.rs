//! What Kubernetes tells of a task in events, read as the caller.
//!
//! Not here: what they look like ([`crate::page::task`]).

use std::time::Duration;

use crd::errors::chain;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use tokio::time::timeout;

use crate::app::App;
use crate::caller::Caller;
use crate::page::task::EventRow;

/// Events that are shown at most: the newest.
const MOST: usize = 50;
/// How long the page waits for them.
const LIMIT: Duration = Duration::from_secs(3);

/// The events of the object with this UID, of the core API, which the cluster's role `view` may read:
/// oldest first. None when the caller may not see them, or the apiserver does not tell: a page is
/// shown without them.
pub async fn of(app: &App, caller: &Caller, namespace: &str, uid: &str) -> Option<Vec<EventRow>> {
    let client = app.apiserver.as_caller(caller).ok()?;
    let events: Api<Event> = Api::namespaced(client, namespace);
    let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
    match timeout(LIMIT, events.list(&about)).await {
        Ok(Ok(found)) => Some(newest(found.items.iter().map(row).collect())),
        Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => None,
        Err(_) => {
            tracing::warn!("the events of a task were not read in time");
            None
        }
        Ok(Err(error)) => {
            tracing::warn!(error = chain(&error), "the events of a task could not be read");
            None
        }
    }
}

fn newest(mut rows: Vec<EventRow>) -> Vec<EventRow> {
    rows.sort_by_key(|row| row.at);
    rows.split_off(rows.len().saturating_sub(MOST))
}

/// An event has its last time where whoever wrote it put it.
fn row(event: &Event) -> EventRow {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let series = series.map(|time| time.0);
    let old = event.last_timestamp.as_ref().map(|time| time.0);
    let new = event.event_time.as_ref().map(|time| time.0);
    let made = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    EventRow {
        at: series.or(new).or(old).or(made).unwrap_or(Timestamp::UNIX_EPOCH),
        kind: text(&event.type_),
        reason: text(&event.reason),
        note: text(&event.message),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event;
    use serde_json::json;

    use super::{MOST, newest, row};

    #[test]
    fn the_newest_events_are_shown_oldest_first() {
        let event = |minute: usize| -> Event {
            serde_json::from_value(json!({
                "eventTime": format!("2026-01-01T00:{minute:02}:00.000000Z"),
                "type": "Normal", "reason": "Started", "message": format!("{minute}"),
                "metadata": {}, "involvedObject": {},
            }))
            .unwrap()
        };
        let rows = newest((0..59).rev().map(|minute| row(&event(minute))).collect());
        assert_eq!(rows.len(), MOST);
        assert_eq!((rows[0].note.as_str(), rows[MOST - 1].note.as_str()), ("9", "58"));
        assert_eq!(rows[0].reason, "Started");
    }
}
