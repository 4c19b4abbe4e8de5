//! Which tasks of a list are shown: what its query asks for.
//!
//! Not here: which tasks the caller may see.

use std::sync::Arc;

use crd::status::ConditionStatus;
use crd::{ClaudeTask, Reason};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::page::state::State;
use crate::page::{facts, format};

/// The requester of tasks that name none.
pub const NOBODY: &str = "-";

/// What is asked for, as it stands in the query; an empty text asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// A state such as `running` or `failed`, or a display phase such as `Pushing`.
    pub phase: String,
    /// Namespace of the task.
    pub namespace: String,
    /// Who asked for it; [`NOBODY`] for tasks that do not say.
    pub requester: String,
    /// Words that all occur in its name, namespace, repository, branch, requester, prompt or
    /// verdict, whatever their case.
    pub text: String,
    /// Address of the repository.
    pub repository: String,
    /// Reason of the verdict, such as `VerificationFailed`.
    pub verdict: String,
    /// Day of the verdict in UTC, such as `2026-01-31`.
    pub day: String,
    /// First day of the verdict in UTC.
    pub since: String,
    /// `any` for tasks whose rebase had conflicts, `resolved` or `unresolved` for some of them.
    pub conflicts: String,
}

impl Filter {
    /// The tasks that it keeps, in the order in which they came.
    pub fn apply(&self, tasks: &[Arc<ClaudeTask>]) -> Vec<Arc<ClaudeTask>> {
        tasks.iter().filter(|task| self.keeps(task)).cloned().collect()
    }

    /// True for a task that has all that is asked for.
    pub fn keeps(&self, task: &ClaudeTask) -> bool {
        let exactly = |asked: &str, has: &str| asked.is_empty() || asked == has;
        exactly(&self.namespace, facts::namespace(task))
            && exactly(&self.requester, facts::requester(task).unwrap_or(NOBODY))
            && exactly(&self.repository, &task.spec.repository.url)
            && exactly(&self.verdict, facts::reason(task).map_or("", Reason::as_str))
            && self.keeps_phase(task)
            && self.keeps_day(task)
            && self.keeps_conflicts(task)
            && self.keeps_text(task)
    }

    /// The same without what is asked of state and verdict: what figures are counted over.
    #[must_use]
    pub fn whole_state(&self) -> Self {
        let (phase, verdict, day) = (String::new(), String::new(), String::new());
        Self { phase, verdict, day, ..self.clone() }
    }

    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Address of the list with this filter.
    pub fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.entries().into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }

    /// Name and value of each thing that can be asked for.
    pub fn entries(&self) -> [(&'static str, &str); 9] {
        [
            ("phase", &self.phase),
            ("namespace", &self.namespace),
            ("requester", &self.requester),
            ("text", &self.text),
            ("repository", &self.repository),
            ("verdict", &self.verdict),
            ("day", &self.day),
            ("since", &self.since),
            ("conflicts", &self.conflicts),
        ]
    }

    fn keeps_phase(&self, task: &ClaudeTask) -> bool {
        let shown = task.status.as_ref().and_then(|status| status.phase);
        self.phase.is_empty()
            || State::of(task).word().eq_ignore_ascii_case(&self.phase)
            || shown.is_some_and(|phase| phase.as_str().eq_ignore_ascii_case(&self.phase))
    }

    fn keeps_day(&self, task: &ClaudeTask) -> bool {
        if self.day.is_empty() && self.since.is_empty() {
            return true;
        }
        // Days are written so that their order is that of their texts.
        facts::finished_at(task).map(format::day).is_some_and(|day| {
            (self.day.is_empty() || day == self.day) && (self.since.is_empty() || day >= self.since)
        })
    }

    fn keeps_conflicts(&self, task: &ClaudeTask) -> bool {
        let conflicts = facts::conflicts(task);
        let resolved = conflicts.is_some_and(|conflicts| conflicts.resolved_by.is_some());
        match self.conflicts.as_str() {
            "" => true,
            "resolved" => resolved,
            "unresolved" => conflicts.is_some() && !resolved,
            _ => conflicts.is_some(),
        }
    }

    fn keeps_text(&self, task: &ClaudeTask) -> bool {
        if self.text.trim().is_empty() {
            return true;
        }
        let verdict = facts::verdict(task);
        let finished = verdict.filter(|verdict| verdict.status != ConditionStatus::Unknown);
        let haystack = [
            facts::name(task),
            facts::namespace(task),
            &task.spec.repository.url,
            facts::start(task),
            &task.push_branch(),
            facts::requester(task).unwrap_or_default(),
            &task.spec.prompt,
            finished.map_or("", |verdict| &verdict.reason),
            verdict.map_or("", |verdict| &verdict.message),
        ]
        .join("\n")
        .to_lowercase();
        self.text.to_lowercase().split_whitespace().all(|word| haystack.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::Filter;
    use crate::page::samples;

    fn kept(query: &serde_json::Value) -> String {
        let mut api = samples::failed("api");
        api.metadata.namespace = Some("infra".to_owned());
        api.metadata.annotations = None;
        api.spec.repository.url = "git@git.example.com:acme/api.git".to_owned();
        let tasks: Vec<_> = [
            samples::fresh("fresh"),
            samples::running("running"),
            samples::waiting("waiting"),
            samples::pushed("pushed"),
            api,
            samples::cancelled("cancelled"),
        ]
        .into_iter()
        .map(Arc::new)
        .collect();
        let filter: Filter = serde_json::from_value(query.clone()).unwrap();
        let names: Vec<_> =
            filter.apply(&tasks).iter().filter_map(|task| task.metadata.name.clone()).collect();
        names.join(" ")
    }

    #[test]
    fn only_what_has_all_that_is_asked_for_is_kept() {
        for (query, names) in [
            (json!({}), "fresh running waiting pushed api cancelled"),
            (json!({"phase": "", "text": " "}), "fresh running waiting pushed api cancelled"),
            (json!({"phase": "running"}), "running"),
            (json!({"phase": "Pending"}), "fresh"),
            (json!({"phase": "nonsense"}), ""),
            (json!({"namespace": "infra"}), "api"),
            (json!({"requester": "ana"}), "fresh running waiting pushed cancelled"),
            (json!({"requester": "-"}), "api"),
            (json!({"text": "SHOP login"}), "fresh running waiting pushed cancelled"),
            (json!({"text": "cargo"}), "api"),
            (json!({"text": "shop cargo"}), ""),
            (json!({"repository": "git@git.example.com:acme/api.git"}), "api"),
            (json!({"verdict": "Pushed"}), "pushed"),
            (json!({"verdict": "RateLimited"}), ""),
            (json!({"day": "2026-03-10"}), "pushed api"),
            (json!({"since": "2026-03-09"}), "pushed api cancelled"),
            (json!({"day": "2026-03-10", "phase": "failed"}), "api"),
            (json!({"conflicts": "any"}), "pushed"),
            (json!({"conflicts": "resolved"}), "pushed"),
            (json!({"conflicts": "unresolved"}), ""),
            (json!({"unknown": "x"}), "fresh running waiting pushed api cancelled"),
        ] {
            assert_eq!(kept(&query), names, "{query}");
        }
    }

    #[test]
    fn an_address_leads_to_the_same_list() {
        let filter = Filter {
            text: "a&b=c #ü".to_owned(),
            repository: "https://git.example.com/x?y".to_owned(),
            ..Filter::default()
        };
        let href = filter.href();
        let query = href.strip_prefix("/?").unwrap();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let object: serde_json::Map<_, _> =
            pairs.map(|(key, value)| (key.into_owned(), value.into())).collect();
        assert_eq!(serde_json::from_value::<Filter>(object.into()).unwrap(), filter);
        assert_eq!(Filter::default().href(), "/");
    }
}
