//! What a caller may do: the apiserver's answers to `SubjectAccessReviews`, kept for ten seconds.
//!
//! Not here: who the caller is ([`crate::identity`]); and writes, which the apiserver authorises
//! itself, since they are made as the caller.

use crate::caller::User;
use crate::kept::Kept;
use crd::names;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};

/// Answers that are kept at most.
const MOST: usize = 20_000;

/// In place of a namespace: all of them at once.
pub const EVERYWHERE: &str = "";

/// What is done to what; the namespace is asked for beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// See the tasks of a namespace.
    ListTasks,
    /// See one task.
    GetTask,
    /// See the tasks of a namespace change.
    WatchTasks,
    /// Create a task.
    CreateTask,
    /// Change a task, such as to cancel it.
    PatchTask,
    /// Delete a task.
    DeleteTask,
    /// Read the log of a Pod.
    ReadLog,
}

impl Deed {
    /// Verb, API group, resource and subresource, as RBAC names them.
    pub const fn attributes(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ListTasks => ("list", names::GROUP, names::PLURAL, ""),
            Self::GetTask => ("get", names::GROUP, names::PLURAL, ""),
            Self::WatchTasks => ("watch", names::GROUP, names::PLURAL, ""),
            Self::CreateTask => ("create", names::GROUP, names::PLURAL, ""),
            Self::PatchTask => ("patch", names::GROUP, names::PLURAL, ""),
            Self::DeleteTask => ("delete", names::GROUP, names::PLURAL, ""),
            Self::ReadLog => ("get", "", "pods", "log"),
        }
    }

    fn resource(self, namespace: &str, name: Option<&str>) -> ResourceAttributes {
        let (verb, group, resource, subresource) = self.attributes();
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ResourceAttributes {
            verb: set(verb),
            group: set(group),
            resource: set(resource),
            subresource: set(subresource),
            namespace: set(namespace),
            name: name.map(str::to_owned),
            ..ResourceAttributes::default()
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Question {
    user: User,
    deed: Deed,
    namespace: String,
    name: Option<String>,
}

/// The apiserver could not say what the caller may do.
#[derive(Debug, thiserror::Error)]
#[error("asking the apiserver what the caller may do")]
pub struct Unanswered(#[source] kube::Error);

/// Asks the apiserver what callers may do.
pub struct Access {
    reviews: Api<SubjectAccessReview>,
    answers: Kept<Question, bool>,
}

impl Access {
    /// Asks through this client, which may create `SubjectAccessReviews`.
    pub fn new(client: Client) -> Self {
        Self { reviews: Api::all(client), answers: Kept::new(MOST) }
    }

    /// Whether the user may do this in the namespace: to the object of that name, or to all.
    ///
    /// # Errors
    /// When the apiserver does not answer; nothing is allowed then.
    pub async fn may(
        &self,
        user: &User,
        deed: Deed,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<bool, Unanswered> {
        let question = Question {
            user: user.clone(),
            deed,
            namespace: namespace.to_owned(),
            name: name.map(str::to_owned),
        };
        if let Some(answer) = self.answers.get(&question) {
            return Ok(answer);
        }
        let review = review(user, deed.resource(namespace, name));
        let said =
            self.reviews.create(&PostParams::default(), &review).await.map_err(Unanswered)?;
        let answer = said.status.is_some_and(|status| status.allowed);
        self.answers.keep(question, answer);
        Ok(answer)
    }
}

fn review(user: &User, resource: ResourceAttributes) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.name.clone()),
            uid: user.uid.clone(),
            groups: Some(user.groups.clone()),
            extra: Some(user.extra.clone()),
            resource_attributes: Some(resource),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::service_fn;

    use super::*;

    /// Allows what is done by `ana` in the group `team`, and counts the questions.
    fn scripted(asked: Arc<AtomicUsize>) -> Access {
        let service = service_fn(move |request: Request<Body>| {
            asked.fetch_add(1, Ordering::SeqCst);
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut review: Value = serde_json::from_slice(&body).unwrap();
                let spec = &review["spec"];
                let allowed = spec["user"] == "ana" && spec["groups"] == json!(["team"]);
                review["status"] = json!({"allowed": allowed});
                Ok::<_, std::io::Error>(Response::new(Body::from(
                    serde_json::to_vec(&review).unwrap(),
                )))
            }
        });
        Access::new(Client::new(service, "default"))
    }

    fn ana(group: &str) -> User {
        User { name: "ana".into(), groups: vec![group.into()], ..User::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_ten_seconds_a_refusal_too_and_for_that_caller_alone() {
        let asked = Arc::new(AtomicUsize::new(0));
        let access = scripted(Arc::clone(&asked));
        let may = async |user: &User| access.may(user, Deed::GetTask, "team", None).await.unwrap();
        assert!(may(&ana("team")).await && may(&ana("team")).await);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(!may(&ana("other")).await && !may(&ana("other")).await);
        assert_eq!(asked.load(Ordering::SeqCst), 2, "the groups belong to the question");
        tokio::time::advance(crate::kept::HOLDS).await;
        assert!(may(&ana("team")).await);
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn reading_a_log_is_asked_as_rbac_names_it() {
        let asked = Deed::ReadLog.resource("team", None);
        assert_eq!(asked.resource.as_deref(), Some("pods"));
        assert_eq!(asked.subresource.as_deref(), Some("log"));
        assert_eq!((asked.verb.as_deref(), asked.group), (Some("get"), None));
    }
}
