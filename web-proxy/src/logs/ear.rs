//! What running tasks do just now: the newest line of logs that a list of tasks is shown for.
//!
//! It is one more viewer of a log, so nothing is read twice, and it leaves when no list asks any more.
//! Not here: who may know (the log's own right).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crd::log::{Kind, Line};
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::text::Events;
use super::{Logs, TaskReceiver};

/// Logs that are listened to at most, for all lists together.
const MOST: usize = 20;
/// How long it is listened on after a list has asked; lists ask every few seconds.
const HOLDS: Duration = Duration::from_secs(30);

/// Listens to logs.
pub struct Ears {
    logs: Arc<Logs>,
    heard: Mutex<HashMap<String, Heard>>,
}

struct Heard {
    asked: Instant,
    activity: Option<String>,
    /// The phase in which the model was heard last.
    model_in: Option<String>,
}

impl Ears {
    /// Listens to these logs.
    pub fn new(logs: Arc<Logs>) -> Arc<Self> {
        Arc::new(Self { logs, heard: Mutex::default() })
    }

    /// What the task with this UID does, as far as it was heard; it is listened to from now on. It
    /// must be called within a tokio runtime.
    pub fn activity(self: &Arc<Self>, uid: &str, task: Option<TaskReceiver>) -> Option<String> {
        let mut heard = self.lock();
        if let Some(known) = heard.get_mut(uid) {
            known.asked = Instant::now();
            return known.activity.clone();
        }
        let task = task.filter(|_| heard.len() < MOST)?;
        heard.insert(
            uid.to_owned(),
            Heard { asked: Instant::now(), activity: None, model_in: None },
        );
        tokio::spawn(Arc::clone(self).listen(uid.to_owned(), task));
        None
    }

    async fn listen(self: Arc<Self>, uid: String, task: TaskReceiver) {
        let mut stream = std::pin::pin!(self.logs.follow(task, None));
        let mut events = Events::default();
        while self.is_asked(&uid) {
            match timeout(HOLDS, stream.next()).await {
                Ok(Some(bytes)) => events.take(&bytes, |event| self.hear(&uid, event)),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        self.lock().remove(&uid);
    }

    fn is_asked(&self, uid: &str) -> bool {
        self.lock().get(uid).is_some_and(|heard| heard.asked.elapsed() < HOLDS)
    }

    fn hear(&self, uid: &str, event: &str) {
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        let line = data.and_then(|data| serde_json::from_str::<Line>(data).ok());
        let mut heard = self.lock();
        if let (Some(line), Some(heard)) = (line, heard.get_mut(uid)) {
            heard.take(line);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Takes a line. What the phase does beside the model, such as saving its work every now and then,
    /// hides nothing of what the model does.
    fn take(&mut self, line: Line) {
        let Some(activity) = line.activity() else { return };
        match line.note.kind {
            Kind::Tool | Kind::Text => self.model_in = Some(line.phase),
            Kind::Phase if self.model_in.as_ref() == Some(&line.phase) => return,
            _ => {}
        }
        self.activity = Some(activity);
    }
}
