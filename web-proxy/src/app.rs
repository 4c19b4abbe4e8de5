//! What all handlers share: the apiserver, the tasks, who asks, and what they may.
//!
//! Not here: how any of it works.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use crd::ClaudeTask;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::access::{Access, Deed, EVERYWHERE, Unanswered};
use crate::apiserver::Apiserver;
use crate::caller::{Caller, User};
use crate::error::Error;
use crate::identity::Gate;
use crate::logs::Logs;
use crate::logs::ear::Ears;
use crate::patience::Peer;
use crate::rate::Rate;
use crate::streams::{Open, Streams};
use crate::tasks::Tasks;

/// Questions about rights that one request has open at once.
const AT_ONCE: usize = 16;

/// What all handlers share.
#[derive(Clone)]
pub struct App {
    /// The apiserver, as the proxy or as a caller.
    pub apiserver: Apiserver,
    /// All tasks as they are now.
    pub tasks: Tasks,
    /// Who asks.
    pub gate: Arc<Gate>,
    /// What they may do.
    pub access: Arc<Access>,
    /// Logs that somebody follows.
    pub logs: Arc<Logs>,
    /// What running tasks do, where a list is shown.
    pub ears: Arc<Ears>,
    /// Open streams.
    pub streams: Arc<Streams>,
    /// Requests of each user.
    pub rate: Arc<Rate>,
}

impl App {
    /// The namespaces, of those with tasks, in which the user may do this.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn namespaces(
        &self,
        user: &User,
        deed: Deed,
    ) -> Result<BTreeSet<String>, Unanswered> {
        let asked = stream::iter(self.tasks.namespaces()).map(|namespace| async move {
            let may = self.access.may(user, deed, &namespace, None).await?;
            Ok(may.then_some(namespace))
        });
        asked.buffer_unordered(AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await
    }

    /// All tasks that the user may list.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn visible(&self, user: &User) -> Result<Vec<Arc<ClaudeTask>>, Unanswered> {
        let allowed = self.namespaces(user, Deed::ListTasks).await?;
        let all = self.tasks.all().into_iter();
        Ok(all.filter(|task| allowed.contains(&task.namespace().unwrap_or_default())).collect())
    }

    /// The namespaces in which the user may create tasks: of those with tasks, and their own if they
    /// are a service account.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn to_create_in(&self, user: &User) -> Result<BTreeSet<String>, Unanswered> {
        let mut allowed = self.namespaces(user, Deed::CreateTask).await?;
        if let Some(own) = user.own_namespace()
            && self.access.may(user, Deed::CreateTask, own, None).await?
        {
            allowed.insert(own.to_owned());
        }
        Ok(allowed)
    }

    /// Whether the user may create tasks, as far as one can know without asking for every namespace.
    /// Whoever sees no task at all may have come to make the first one.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn may_create(&self, user: &User) -> Result<bool, Unanswered> {
        Ok(!self.to_create_in(user).await?.is_empty()
            || self.access.may(user, Deed::CreateTask, EVERYWHERE, None).await?
            || user.own_namespace().is_none()
                && self.namespaces(user, Deed::ListTasks).await?.is_empty())
    }

    /// What those of these tasks do that run, by UID, where the user may read their logs.
    ///
    /// # Errors
    /// When the apiserver does not answer.
    pub async fn activities(
        &self,
        user: &User,
        tasks: &[Arc<ClaudeTask>],
    ) -> Result<HashMap<String, String>, Unanswered> {
        let mut activities = HashMap::new();
        for task in tasks.iter().filter(|task| runs(task)) {
            let (namespace, name) = (task.namespace().unwrap_or_default(), task.name_any());
            let uid = task.uid().unwrap_or_default();
            if self.access.may(user, Deed::ReadLog, &namespace, None).await? {
                let receiver = self.tasks.follow_one(&namespace, &name);
                let activity = self.ears.activity(&uid, receiver);
                activities.extend(activity.map(|activity| (uid, activity)));
            }
        }
        Ok(activities)
    }

    /// Counts one more open stream of the user.
    ///
    /// # Errors
    /// When they have as many as one may.
    pub fn open_stream(&self, user: &User) -> Result<Open, Error> {
        let open = self.streams.open(&user.name);
        open.ok_or_else(|| Error::too_many_streams(self.streams.most()))
    }

    /// Errs unless the user may do this.
    ///
    /// # Errors
    /// `Forbidden`, or when the apiserver does not answer.
    pub async fn demand(
        &self,
        user: &User,
        deed: Deed,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<(), Error> {
        if self.access.may(user, deed, namespace, name).await? {
            return Ok(());
        }
        let (verb, _, resource, subresource) = deed.attributes();
        let slash = if subresource.is_empty() { "" } else { "/" };
        Err(Error::forbidden(verb, &format!("{resource}{slash}{subresource}"), namespace))
    }
}

/// Whether a Pod of the task works.
fn runs(task: &ClaudeTask) -> bool {
    let status = task.status.as_ref();
    status.is_some_and(|status| status.pod_name.is_some() && !status.is_finished())
}

/// The caller of a request; a request without one is refused.
#[derive(Debug, Clone)]
pub struct Who(pub Caller);

impl FromRequestParts<App> for Who {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.0);
        let caller = app.gate.caller(&parts.headers, peer, Timestamp::now()).await?;
        let caller = caller.ok_or_else(Error::unauthorized)?;
        app.rate.count(&caller.user.name).map_err(Error::too_many_requests)?;
        Ok(Self(caller))
    }
}
