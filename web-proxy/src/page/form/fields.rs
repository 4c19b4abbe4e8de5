//! The values of the form, all of them as typed.
//!
//! Not here: the object that they make ([`super::object`]).

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $name:ident $key:literal,)+) => {
        /// The values of the form. Their names in a form or a query are paths of the spec; an empty
        /// text is a field that is left out.
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Fields { $($(#[doc = $doc])+ #[serde(rename = $key)] pub $name: String,)+ }

        impl Fields {
            /// Name and value of each, in the order of the object.
            pub fn entries(&self) -> Vec<(&'static str, &str)> {
                vec![$(($key, self.$name.as_str()),)+]
            }
        }
    };
}

fields! {
    /// Namespace of the task.
    namespace "namespace",
    /// Name of the task; empty lets the apiserver choose one.
    name "name",
    /// Address of the repository.
    url "repository.url",
    /// From where the work starts.
    reference "repository.ref",
    /// Secret with the git credentials.
    git_secret "repository.credentialsSecret",
    /// What Claude Code is to do.
    prompt "prompt",
    /// Branch onto which the change is rebased.
    onto "rebase.onto",
    /// `Preserve` or `Squash`.
    commits "rebase.commits",
    /// `Resolve` or `Fail`.
    conflicts "rebase.conflicts",
    /// Agent turns for one resolution.
    max_rounds "rebase.maxRounds",
    /// `TaskFiles` or `Anywhere`.
    scope "rebase.scope",
    /// Branch to push.
    branch "push.branch",
    /// Name of the author.
    author_name "push.author.name",
    /// Mail address of the author.
    author_email "push.author.email",
    /// Options of the push, one a line.
    options "push.options",
    /// Commands that must succeed, one a line.
    verify "verify",
    /// Secret with the model credentials.
    model_secret "claude.credentialsSecret",
    /// Model id.
    model "claude.model",
    /// Model id for when the first is overloaded.
    fallback_model "claude.fallbackModel",
    /// Most model requests in one start.
    max_turns "claude.maxTurns",
    /// Most money in US dollars.
    max_budget "claude.maxBudgetUSD",
    /// Commands before Claude starts, one a line.
    setup "environment.setup",
    /// CPU that the node must have free.
    request_cpu "environment.resources.requests.cpu",
    /// Memory that the node must have free.
    request_memory "environment.resources.requests.memory",
    /// Disk that the node must have free.
    request_storage "environment.resources.requests.ephemeral-storage",
    /// Most CPU.
    limit_cpu "environment.resources.limits.cpu",
    /// Most memory.
    limit_memory "environment.resources.limits.memory",
    /// Most disk.
    limit_storage "environment.resources.limits.ephemeral-storage",
    /// Time from the beginning to the verdict.
    timeout "timeout",
    /// New attempts after Claude failed.
    retries "retries",
    /// Time after the verdict until the task is deleted.
    ttl "ttlAfterFinished",
}

impl Fields {
    /// The value with this name; empty where there is none.
    pub fn get(&self, key: &str) -> &str {
        self.entries().into_iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }

    /// Address of the form filled in with these values.
    pub fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.entries().into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { "/new".to_owned() } else { format!("/new?{query}") }
    }
}
