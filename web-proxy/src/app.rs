//! What all handlers share: the apiserver, the tasks, who asks, and what they may.
//!
//! Not here: how any of it works.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use crd::ClaudeTask;
use jiff::Timestamp;
use kube::ResourceExt;

use crate::access::{Access, Deed, Unanswered};
use crate::api::error::Error;
use crate::apiserver::Apiserver;
use crate::caller::{Caller, User};
use crate::identity::Gate;
use crate::logs::Logs;
use crate::streams::{Open, Streams};
use crate::tasks::Tasks;

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
    /// Open streams.
    pub streams: Arc<Streams>,
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
        let mut allowed = BTreeSet::new();
        for namespace in self.tasks.namespaces() {
            if self.access.may(user, deed, &namespace, None).await? {
                allowed.insert(namespace);
            }
        }
        Ok(allowed)
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

/// The caller of a request; a request without one is refused.
#[derive(Debug, Clone)]
pub struct Who(pub Caller);

impl FromRequestParts<App> for Who {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = app.gate.caller(&parts.headers, Timestamp::now()).await?;
        caller.map(Self).ok_or_else(Error::unauthorized)
    }
}
