//! Runs the loop: one pass of observe → decide → act for each task for which something changed.
//!
//! Not here: any decision. A pass never sleeps; it asks to be called again.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crd::errors::chain;
use crd::{ClaudeTask, ClaudeTaskStatus};
use futures::{FutureExt, StreamExt, pin_mut};
use jiff::Timestamp;
use kube::runtime::controller::Action as Requeue;
use kube::runtime::{Config, applier};
use kube::{Client, Resource};

use crate::act::{self, Outcome, act};
use crate::children::TaskKey;
use crate::config::Settings;
use crate::decide::decide;
use crate::observe::{self, Caches, Freshness, observe};
use crate::server::Readiness;
use crate::unreadable;
use crate::view::Refusal;
use crate::watches::{Guarded, Watches};

/// Shortest pause before a task is looked at again.
const SHORTEST: Duration = Duration::from_millis(50);
/// Longest pause; timers have a limit, and times to live may be longer.
const LONGEST: Duration = Duration::from_hours(24);

/// Everything that a pass uses.
#[derive(Debug)]
pub struct Context {
    /// Jobs, Pods, and what this process did lately.
    pub caches: Arc<Caches>,
    /// Settings.
    pub settings: Settings,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// A pass that failed; it is tried again after a pause.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("reading the task's objects")]
    Observe(#[source] kube::Error),
    /// Doing failed.
    #[error(transparent)]
    Act(#[from] act::Failed),
    /// The verdict on an object that cannot be read could not be written.
    #[error("refusing an object that cannot be read")]
    Unreadable(#[source] kube::Error),
    /// A pass panicked: a bug.
    #[error("the pass panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// Works until `stop` resolves; passes that are under way are finished.
pub async fn run(
    client: Client,
    settings: Settings,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.shared();
    let mut watches = Watches::start(&client);
    tokio::select! {
        () = watches.listed() => {}
        () = stop.clone() => return,
    }
    readiness.set_working();
    tracing::info!(tasks = watches.tasks.len(), "caches are filled");
    let config = Config::default().concurrency(settings.workers);
    let context = Arc::new(Context { caches: watches.caches, settings, clock: Timestamp::now });
    let passes = applier(
        move |task, context| spawned(client.clone(), task, context).boxed(),
        |task, error, context: Arc<Context>| pause(&task, error, &context),
        context,
        watches.tasks,
        watches.requests.map(Ok::<_, Infallible>).take_until(stop),
        config,
    );
    pin_mut!(passes);
    while passes.next().await.is_some() {}
}

/// A pass as a task of its own: all cores are used, and a panic ends only this pass.
async fn spawned(
    client: Client,
    task: Arc<Guarded>,
    context: Arc<Context>,
) -> Result<Requeue, Error> {
    let running = tokio::spawn(async move { pass(&client, &task, &context).await });
    running.await.unwrap_or_else(|panic| Err(Error::Panicked(panic)))
}

/// One pass over one task.
pub async fn pass(client: &Client, task: &Guarded, context: &Context) -> Result<Requeue, Error> {
    let pause = turn(client, task, context).await?;
    Ok(pause.map_or_else(Requeue::await_change, Requeue::requeue))
}

/// One pass over one task; returns after what pause to look again if nothing changes before.
pub async fn turn(
    client: &Client,
    task: &Guarded,
    context: &Context,
) -> Result<Option<Duration>, Error> {
    let Some(key) = TaskKey::of_task(task.meta()) else { return Ok(None) };
    let pause = match &task.0 {
        Err(invalid) => {
            let now = (context.clock)();
            unreadable::refuse(client, &key, invalid, now).await.map_err(Error::Unreadable)?;
            context.caches.ledger.succeeded(&key.uid);
            None
        }
        Ok(task) if is_finished(task) => {
            context.caches.forget(&key);
            let (outcome, wake) = round(client, task, context, Freshness::Cached, None).await?;
            next_pass(&outcome, wake, &key, context)
        }
        Ok(task) => unfinished(client, task, &key, context).await?,
    };
    Ok(pause)
}

fn is_finished(task: &ClaudeTask) -> bool {
    task.status.as_ref().is_some_and(ClaudeTaskStatus::is_finished)
}

async fn unfinished(
    client: &Client,
    task: &ClaudeTask,
    key: &TaskKey,
    context: &Context,
) -> Result<Option<Duration>, Error> {
    let mut task = context.caches.ledger.newest(task.clone());
    if observe::is_unknown(&context.caches, &task, key) {
        // It may be about to get a Job: what a cache says of it is not enough for that.
        match observe::live_task(client, key).await.map_err(Error::Observe)? {
            Some(live) => task = live,
            None => return Ok(None),
        }
    }
    let (outcome, wake) = match round(client, &task, context, Freshness::Cached, None).await? {
        (Outcome::JobExists, _) => round(client, &task, context, Freshness::Live, None).await?,
        (Outcome::JobRefused(refusal), _) => {
            round(client, &task, context, Freshness::Cached, Some(refusal)).await?
        }
        done => done,
    };
    Ok(next_pass(&outcome, wake, key, context))
}

/// After what pause the task is looked at again, after a round that ended so. A cache that stands
/// still is not believed twice a second: as long as rounds come to nothing, pauses grow.
fn next_pass(
    outcome: &Outcome,
    wake: Option<Timestamp>,
    key: &TaskKey,
    context: &Context,
) -> Option<Duration> {
    if *outcome != Outcome::Done {
        return Some(context.caches.ledger.failed(&key.uid));
    }
    context.caches.ledger.succeeded(&key.uid);
    let pause = Duration::try_from(wake?.duration_since((context.clock)()));
    Some(pause.unwrap_or_default().clamp(SHORTEST, LONGEST))
}

/// Observe, decide, act: once.
async fn round(
    client: &Client,
    task: &ClaudeTask,
    context: &Context,
    freshness: Freshness,
    refusal: Option<Refusal>,
) -> Result<(Outcome, Option<Timestamp>), Error> {
    let now = (context.clock)();
    let mut seen =
        observe(client, &context.caches, task, freshness, now).await.map_err(Error::Observe)?;
    seen.refusal = refusal;
    let decision = decide(task, &seen, &context.settings, now);
    let outcome = act(client, &context.caches.ledger, task, &decision.actions, now).await?;
    Ok((outcome, decision.wake))
}

fn pause(task: &Guarded, error: &Error, context: &Context) -> Requeue {
    let meta = task.meta();
    let pause = context.caches.ledger.failed(meta.uid.as_deref().unwrap_or_default());
    tracing::warn!(
        namespace = meta.namespace,
        task = meta.name,
        error = chain(error),
        ?pause,
        "a pass failed"
    );
    Requeue::requeue(pause)
}
