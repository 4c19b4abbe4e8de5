//! All tasks that the caller may watch, live, as server-sent events.
//!
//! A viewer who falls behind, whose token ends, or whose rights change is cut off; the browser
//! comes back and begins anew with a snapshot. Not here: the watch itself ([`crate::tasks`]).

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use crd::ClaudeTask;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::access::Deed;
use crate::app::{App, Who};
use crate::caller::Caller;
use crate::error::Error;
use crate::streams::{CHECK, Open};
use crate::tasks::Change;

/// How often an idle stream says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);

/// Watch all tasks of the namespaces in which one may: `snapshot` with `items` first, then `applied`
/// with a task and `deleted` with its `namespace`, `name` and `uid`.
#[utoipa::path(
    get,
    path = "/api/v1/tasks/watch",
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream"),
        (status = "4XX", description = "It cannot be done", body = Error),
    ),
    extensions(("x-requires" = json!(["watch claudetasks.claudetask.dev"])), ("x-filtered" = json!(true))),
)]
pub async fn watch(
    State(app): State<App>,
    Who(caller): Who,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let open = app.open_stream(&caller.user)?;
    let (all, changes) = app.tasks.follow();
    let allowed = app.namespaces(&caller.user, Deed::WatchTasks).await?;
    let visible = all.iter().filter(|task| allowed.contains(&namespace_of(task)));
    let items = visible.map(|task| &**task).collect();
    let first = Event::default().event("snapshot").json_data(Snapshot { items })?;
    let first = stream::iter([Event::default().retry(RETRY), first]);
    let mut check = interval(CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let view = View { app, caller, changes, allowed, check, _open: open };
    let events = first.chain(stream::unfold(view, View::next)).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("")))
}

/// What is there when a viewer comes.
#[derive(Serialize)]
struct Snapshot<'a> {
    items: Vec<&'a ClaudeTask>,
}

/// Which task is gone.
#[derive(Serialize)]
struct Gone<'a> {
    namespace: &'a str,
    name: String,
    uid: Option<String>,
}

struct View {
    app: App,
    caller: Caller,
    changes: Receiver<Change>,
    /// Namespaces that the viewer has been shown.
    allowed: BTreeSet<String>,
    check: Interval,
    _open: Open,
}

impl View {
    /// The next event; none when the stream is cut off.
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            let change = tokio::select! {
                _ = self.check.tick() => {
                    if !self.still_allowed().await {
                        return None;
                    }
                    continue;
                }
                change = self.changes.recv() => change.ok()?,
            };
            if self.may_see(&namespace_of(change.task())).await? {
                return Some((event(&change)?, self));
            }
        }
    }

    /// Whether the caller is who they were and may see what they saw, no more and no less.
    async fn still_allowed(&self) -> bool {
        self.app.gate.holds(&self.caller, Timestamp::now()).await
            && match self.app.namespaces(&self.caller.user, Deed::WatchTasks).await {
                // A namespace whose last task is gone is neither gained nor lost.
                Ok(now) => now.is_subset(&self.allowed) && self.lost_none(&now),
                Err(_) => false,
            }
    }

    fn lost_none(&self, now: &BTreeSet<String>) -> bool {
        let with_tasks = self.app.tasks.namespaces();
        self.allowed.intersection(&with_tasks).all(|namespace| now.contains(namespace))
    }

    /// Whether tasks of this namespace may be shown; none when nobody can say.
    async fn may_see(&mut self, namespace: &str) -> Option<bool> {
        let may = self.app.access.may(&self.caller.user, Deed::WatchTasks, namespace, None);
        let may = may.await.ok()?;
        if may {
            self.allowed.insert(namespace.to_owned());
        }
        Some(may)
    }
}

fn namespace_of(task: &ClaudeTask) -> String {
    task.namespace().unwrap_or_default()
}

/// None when the task cannot be written as JSON.
fn event(change: &Change) -> Option<Event> {
    let event = Event::default();
    let event = match change {
        Change::Applied(task) => event.event("applied").json_data(&**task),
        Change::Deleted(task) => {
            let namespace = &namespace_of(task);
            event.event("deleted").json_data(Gone {
                namespace,
                name: task.name_any(),
                uid: task.uid(),
            })
        }
    };
    event.ok()
}
