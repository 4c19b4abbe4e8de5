//! Rules that make the server misbehave: hold a request, refuse it, or lie about it.
//!
//! A rule waits for matching requests and is used up after `times` of them. This module only
//! keeps the rules and says what they want of a request; serving it that way happens elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::request::{Call, GitRequest};

/// What to do with which requests.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The call it is for.
    pub call: Call,
    /// Only this repository (`acme/shop`); every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Only this account; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only pushes that move this ref (`refs/heads/main`); every request when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "ref")]
    pub reference: Option<String>,
    /// How many matching requests pass untouched first.
    #[serde(default)]
    pub skip: u32,
    /// How many matching requests it then applies to; default 1.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub action: Action,
}

/// What happens to a request that a rule matches.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Action {
    /// Waits, before git has seen anything of it, until the rule is deleted.
    HoldRequest,
    /// Git does its work; the finished answer waits until the rule is deleted.
    HoldResponse,
    /// The pre-receive hook refuses the push with this message.
    Refuse {
        /// What the pusher reads after `remote:`.
        message: String,
    },
    /// Git sees nothing; the answer is this status.
    AnswerInstead {
        /// The HTTP status.
        status: u16,
    },
    /// Git does its work, so a push has happened; the answer is this status all the same.
    AnswerAfter {
        /// The HTTP status.
        status: u16,
    },
}

/// A rule as the admin interface shows it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RuleState {
    /// Names the rule until it is deleted.
    pub id: u64,
    /// The rule.
    pub rule: Rule,
    /// Matching requests so far, skipped ones included.
    pub matched: u32,
    /// Requests that it holds right now.
    pub holding: usize,
}

/// What the rules want of one request.
#[derive(Debug, Default)]
pub struct Plan {
    /// Wait for each of these before git starts.
    pub before: Vec<Hold>,
    /// Answer with this and leave git alone.
    pub instead: Option<u16>,
    /// Let the hook refuse with this.
    pub refuse: Option<String>,
    /// Wait for each of these when git has finished.
    pub after: Vec<Hold>,
    /// Answer with this when git has finished.
    pub answer: Option<u16>,
}

/// One request's place at a rule that holds it; counted as held while it waits.
#[derive(Debug)]
pub struct Hold(Weak<watch::Sender<()>>);

/// The rules in force, in the order in which they were made.
#[derive(Default)]
pub struct Rules {
    next: u64,
    armed: BTreeMap<u64, Armed>,
}

struct Armed {
    rule: Rule,
    matched: u32,
    /// Dropping it lets go of every hold; its receivers are the requests that wait.
    release: Arc<watch::Sender<()>>,
}

impl Rule {
    /// A rule for the next `call` to one repository.
    pub fn next(call: Call, repo: &str, action: Action) -> Self {
        Self {
            call,
            repo: Some(repo.to_owned()),
            user: None,
            reference: None,
            skip: 0,
            times: 1,
            action,
        }
    }

    /// The same, for one account's requests only.
    #[must_use]
    pub fn by(self, user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..self }
    }

    /// The same, for pushes that move this ref only.
    #[must_use]
    pub fn of_ref(self, reference: &str) -> Self {
        Self { reference: Some(reference.to_owned()), ..self }
    }

    fn matches(&self, request: &GitRequest, user: &str) -> bool {
        self.call == request.call
            && self.repo.as_ref().is_none_or(|repo| *repo == request.repo)
            && self.user.as_ref().is_none_or(|name| name == user)
            && self.reference.as_ref().is_none_or(|name| request.refs.contains(name))
    }
}

impl Hold {
    /// Returns when the rule is deleted.
    pub async fn released(self) {
        let waiting = self.0.upgrade().map(|release| release.subscribe());
        let Some(mut waiting) = waiting else { return };
        // Nothing is ever sent: the error that the sender is gone is the signal.
        while waiting.changed().await.is_ok() {}
    }
}

impl Rules {
    /// Puts a rule in force and names it.
    pub fn add(&mut self, rule: Rule) -> u64 {
        self.next += 1;
        self.armed.insert(
            self.next,
            Armed { rule, matched: 0, release: Arc::new(watch::Sender::new(())) },
        );
        self.next
    }

    /// Ends a rule and lets go of what it holds; false when there is no such rule.
    pub fn remove(&mut self, id: u64) -> bool {
        self.armed.remove(&id).is_some()
    }

    /// Ends every rule.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// Counts a request against every rule that matches and says what they want together.
    pub fn plan(&mut self, request: &GitRequest, user: &str) -> Plan {
        let mut plan = Plan::default();
        for armed in self.armed.values_mut().filter(|armed| armed.rule.matches(request, user)) {
            armed.matched += 1;
            let last = armed.rule.skip.saturating_add(armed.rule.times);
            if armed.matched > armed.rule.skip && armed.matched <= last {
                plan.include(armed);
            }
        }
        plan
    }

    /// Every rule and how it stands.
    pub fn states(&self) -> Vec<RuleState> {
        let state = |(id, armed): (&u64, &Armed)| RuleState {
            id: *id,
            rule: armed.rule.clone(),
            matched: armed.matched,
            holding: armed.release.receiver_count(),
        };
        self.armed.iter().map(state).collect()
    }
}

impl Plan {
    fn include(&mut self, armed: &Armed) {
        match &armed.rule.action {
            Action::HoldRequest => self.before.push(Hold(Arc::downgrade(&armed.release))),
            Action::HoldResponse => self.after.push(Hold(Arc::downgrade(&armed.release))),
            Action::Refuse { message } => self.refuse = Some(message.clone()),
            Action::AnswerInstead { status } => self.instead = Some(*status),
            Action::AnswerAfter { status } => self.answer = Some(*status),
        }
    }

    /// Whether git's answer must be complete before anything of it is sent.
    pub fn needs_whole_answer(&self) -> bool {
        !self.after.is_empty() || self.answer.is_some()
    }
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push() -> GitRequest {
        GitRequest {
            repo: "acme/shop".to_owned(),
            call: Call::Push,
            refs: vec!["refs/heads/main".to_owned()],
        }
    }

    fn answers(rules: &mut Rules, user: &str) -> Option<u16> {
        rules.plan(&push(), user).instead
    }

    #[test]
    fn a_rule_skips_then_applies_then_is_used_up() {
        let mut rules = Rules::default();
        let action = Action::AnswerInstead { status: 503 };
        rules.add(Rule { skip: 1, times: 2, ..Rule::next(Call::Push, "acme/shop", action) });
        let seen: Vec<_> = (0..4).map(|_| answers(&mut rules, "writer")).collect();
        assert_eq!(seen, [None, Some(503), Some(503), None]);
    }

    #[test]
    fn a_rule_for_another_account_repository_ref_or_call_does_not_apply() {
        let mut rules = Rules::default();
        let action = Action::AnswerInstead { status: 503 };
        rules.add(Rule::next(Call::Push, "acme/shop", action.clone()).by("bot"));
        rules.add(Rule::next(Call::Push, "acme/other", action.clone()));
        rules.add(Rule::next(Call::Push, "acme/shop", action.clone()).of_ref("refs/heads/other"));
        rules.add(Rule::next(Call::Fetch, "acme/shop", action));
        assert_eq!(answers(&mut rules, "writer"), None);
        assert_eq!(answers(&mut rules, "bot"), Some(503));
    }

    #[tokio::test]
    async fn a_request_is_counted_as_held_only_while_it_waits() {
        let mut rules = Rules::default();
        rules.add(Rule::next(Call::Push, "acme/shop", Action::HoldResponse));
        let hold = rules.plan(&push(), "writer").after.remove(0);
        assert_eq!(rules.states()[0].holding, 0);
        let waiting = tokio::spawn(hold.released());
        tokio::task::yield_now().await;
        assert_eq!(rules.states()[0].holding, 1);
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(rules.states()[0].holding, 0);
    }

    #[tokio::test]
    async fn deleting_the_rule_lets_go_of_requests_that_wait_and_of_those_to_come() {
        let mut rules = Rules::default();
        let rule = Rule::next(Call::Push, "acme/shop", Action::HoldRequest);
        let id = rules.add(Rule { times: 2, ..rule });
        let early = tokio::spawn(rules.plan(&push(), "writer").before.remove(0).released());
        let late = rules.plan(&push(), "writer").before.remove(0);
        tokio::task::yield_now().await;
        assert!(rules.remove(id));
        early.await.unwrap();
        late.released().await;
    }

    #[test]
    fn rules_for_the_same_request_add_up() {
        let mut rules = Rules::default();
        rules.add(Rule::next(Call::Push, "acme/shop", Action::HoldRequest));
        rules.add(Rule::next(Call::Push, "acme/shop", Action::AnswerAfter { status: 500 }));
        let plan = rules.plan(&push(), "writer");
        assert_eq!((plan.before.len(), plan.answer), (1, Some(500)));
    }
}
