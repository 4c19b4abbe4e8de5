//! One running operator: the real passes, with caches that are fed from the history of the store.
//!
//! Not here: what the apiserver answers ([`crate::apiserver`]) and when anything happens
//! ([`crate::world`]).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request as Http, Response};
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher::Event;
use operator::children::{Children, TaskKey};
use operator::controller::{Context, Error, turn};
use operator::observe::Caches;
use operator::view::{JobView, PodView};
use operator::watches::Guarded;
use serde::Deserialize;
use serde_json::Value;
use tower_test::mock::{Handle, SendResponse, pair};

use crate::apiserver::{Answer, Request};
use crate::store::{Change, Kind, Object, Store};
use crate::time;

type Ended = Result<Option<Duration>, Error>;
type Pass = Pin<Box<dyn Future<Output = Ended>>>;

/// A request that waits for its answer.
pub struct Call {
    pub request: Request,
    answer: SendResponse<Response<Body>>,
}

impl Call {
    pub fn answer(self, (code, object): &Answer) {
        let body = Body::from(serde_json::to_vec(object).unwrap());
        self.answer.send_response(Response::builder().status(*code).body(body).unwrap());
    }

    pub fn lose(self) {
        self.answer.send_error("the connection was reset");
    }
}

/// An operator.
pub struct Process {
    context: Arc<Context>,
    client: Client,
    requests: Handle<Http<Body>, Response<Body>>,
    pass: Option<Pass>,
    pub call: Option<Call>,
    task: Option<Guarded>,
    /// Changes that were delivered.
    pub position: usize,
    /// How far its clock is from the world's.
    pub skew: i64,
    /// Something changed for the task.
    pub wanted: bool,
    /// When it wanted to look again.
    pub due: Option<i64>,
    /// When its watches begin anew.
    pub relists_at: Option<i64>,
    /// So many of the next events are lost.
    pub drops: usize,
    /// So many of the next pairs of events come in the wrong order.
    pub swaps: usize,
}

impl Process {
    /// A fresh one that lists what the store held after `position` changes.
    pub fn start(store: &Store, position: usize) -> Self {
        let (client, requests) = pair();
        let caches = Arc::new(Caches::default());
        let settings = crate::settings::settings();
        let context = Arc::new(Context { caches, settings, clock: time::now });
        let mut process = Self {
            context,
            client: Client::new(client, "default"),
            requests,
            pass: None,
            call: None,
            task: None,
            position,
            skew: 0,
            wanted: false,
            due: None,
            relists_at: None,
            drops: 0,
            swaps: 0,
        };
        process.list(store, position);
        process
    }

    /// All watches begin anew with a list of what the store held after `position` changes.
    pub fn list(&mut self, store: &Store, position: usize) {
        let objects = store.after(position);
        let of = |kind| objects.iter().filter(move |(of, _)| *of == kind).map(|(_, object)| object);
        let caches = Arc::clone(&self.context.caches);
        let task = of(Kind::Task).next();
        if task.is_none() {
            self.forget();
        }
        self.task = task.map(read);
        self.relist(&caches.jobs, of(Kind::Job));
        self.relist(&caches.pods, of(Kind::Pod));
        self.wanted = self.task.is_some();
        self.position = position;
        self.relists_at = None;
        self.drops = 0;
        self.swaps = 0;
    }

    fn relist<'a, K>(&mut self, index: &Children<K>, objects: impl Iterator<Item = &'a Object>)
    where
        K: kube::Resource + for<'de> Deserialize<'de>,
    {
        self.feed(index, Event::Init);
        for object in objects {
            self.feed(index, Event::InitApply(read(object)));
        }
        self.feed(index, Event::InitDone);
    }

    fn feed<K: kube::Resource>(&mut self, index: &Children<K>, event: Event<K>) {
        for key in index.apply(event) {
            if self.key().as_ref() == Some(&key) {
                self.wanted = true;
            } else {
                index.forget(&key);
            }
        }
    }

    fn key(&self) -> Option<TaskKey> {
        TaskKey::of_task(kube::Resource::meta(self.task.as_ref()?))
    }

    fn forget(&mut self) {
        if let Some(key) = self.key() {
            self.context.caches.forget(&key);
        }
        self.task = None;
    }

    /// The next event; true when there was one.
    pub fn deliver(&mut self, store: &Store) {
        let Some(change) = store.history.get(self.position) else { return };
        self.position += 1;
        if self.drops > 0 {
            self.drops -= 1;
            return;
        }
        if self.swaps > 0
            && let Some(later) = store.history.get(self.position)
        {
            self.swaps -= 1;
            self.position += 1;
            self.take(later);
        }
        self.take(change);
    }

    fn take(&mut self, Change { kind, object, gone }: &Change) {
        let caches = Arc::clone(&self.context.caches);
        match kind {
            Kind::Task if *gone => self.forget(),
            Kind::Task => {
                self.task = Some(read(object));
                self.wanted = true;
            }
            Kind::Job => self.feed(&caches.jobs, event::<JobView>(object, *gone)),
            Kind::Pod => self.feed(&caches.pods, event::<PodView>(object, *gone)),
        }
    }

    pub fn is_busy(&self) -> bool {
        self.pass.is_some()
    }

    /// True when a pass may begin.
    pub fn is_due(&self, now: i64) -> bool {
        let wanted = self.wanted || self.due.is_some_and(|due| due <= now + self.skew);
        self.task.is_some() && !self.is_busy() && wanted
    }

    /// The moment in the world's time at which something happens by itself.
    pub fn next(&self) -> Option<i64> {
        let due = self.due.filter(|_| self.task.is_some()).map(|due| due - self.skew);
        [due, self.relists_at].into_iter().flatten().min()
    }

    /// Begins a pass.
    pub fn begin(&mut self) {
        let (client, context) = (self.client.clone(), Arc::clone(&self.context));
        let Some(task) = self.task.clone() else { return };
        self.wanted = false;
        self.due = None;
        self.pass = Some(Box::pin(async move { turn(&client, &task, &context).await }));
    }

    /// Runs until the pass asks the apiserver or ends; true when it has ended well.
    pub async fn settle(&mut self, now: i64) -> bool {
        let Some(pass) = &mut self.pass else { return false };
        time::set(now + self.skew);
        let ended = tokio::select! {
            biased;
            request = self.requests.next_request() => {
                let (request, answer) = request.unwrap();
                self.call = Some(Call { request: parse(request).await, answer });
                return false;
            }
            ended = pass => ended,
        };
        self.pass = None;
        let well = ended.is_ok();
        let pause = ended.unwrap_or_else(|_| {
            let uid = self.key().map(|key| key.uid).unwrap_or_default();
            Some(self.context.caches.ledger.failed(&uid))
        });
        let pause = pause.and_then(|pause| i64::try_from(pause.as_millis()).ok());
        self.due = pause.map(|pause| now + self.skew + pause);
        well
    }
}

fn event<K: for<'de> Deserialize<'de>>(object: &Object, gone: bool) -> Event<K> {
    if gone { Event::Delete(read(object)) } else { Event::Apply(read(object)) }
}

fn read<K: for<'de> Deserialize<'de>>(object: &Object) -> K {
    K::deserialize(&**object).unwrap()
}

async fn parse(request: Http<Body>) -> Request {
    let (head, body) = request.into_parts();
    let body = body.collect_bytes().await.unwrap();
    Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }
}
