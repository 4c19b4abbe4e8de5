//! The figures of the history, from the tasks alone.
//!
//! A task counts on the day of its verdict, in UTC. Not here: how they are drawn
//! ([`super::chart`], [`super::tables`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use crd::{ClaudeTask, Usd};
use jiff::{SignedDuration, Timestamp};

use crate::page::list::{Filter, NOBODY};
use crate::page::state::State;
use crate::page::{facts, format};

/// All figures of some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The first day.
    pub since: String,
    /// Tasks that ended in these days.
    pub count: usize,
    /// What they cost.
    pub cost: Usd,
    /// Each day and its figures, the first one first.
    pub days: Vec<(String, Sum)>,
    /// Each repository, the busiest first.
    pub repositories: Vec<Group>,
    /// Each requester, the busiest first.
    pub requesters: Vec<Group>,
}

/// Tasks that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What is shown of it.
    pub label: String,
    /// The list of its tasks, days not yet asked for.
    pub list: Filter,
    /// Its figures.
    pub sum: Sum,
}

/// Figures of some tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sum {
    /// Tasks that did what they were for.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that somebody stopped.
    pub cancelled: u64,
    /// What they cost.
    pub cost: Usd,
    /// Tasks whose conflicts were resolved.
    pub resolved: u64,
    /// Tasks whose conflicts were not resolved.
    pub unresolved: u64,
    /// How long each took that ever started, in seconds, the shortest first.
    durations: Vec<u64>,
}

impl Figures {
    /// The figures of the last `days`, the day of `now` included.
    pub fn of(tasks: &[Arc<ClaudeTask>], days: u16, now: Timestamp) -> Self {
        let dates: Vec<_> = (0..i64::from(days))
            .rev()
            .filter_map(|back| now.checked_sub(SignedDuration::from_hours(24 * back)).ok())
            .map(format::day)
            .collect();
        let mut by_day: BTreeMap<_, _> =
            dates.iter().map(|date| (date.as_str(), Vec::new())).collect();
        let mut ended: Vec<&ClaudeTask> = Vec::new();
        for task in tasks {
            let day = facts::finished_at(task).map(format::day);
            if let Some(of_day) = day.and_then(|day| by_day.get_mut(day.as_str())) {
                of_day.push(&**task);
                ended.push(task);
            }
        }
        let all = Sum::of(&ended, now);
        Self {
            since: dates.first().cloned().unwrap_or_default(),
            count: ended.len(),
            cost: all.cost,
            days: by_day.into_iter().map(|(day, of)| (day.to_owned(), Sum::of(&of, now))).collect(),
            repositories: groups(&ended, now, |task| {
                let repository = task.spec.repository.url.clone();
                (facts::repository(task), Filter { repository, ..Filter::default() })
            }),
            requesters: groups(&ended, now, |task| {
                let label = facts::requester(task).unwrap_or_default().to_owned();
                let requester = facts::requester(task).unwrap_or(NOBODY).to_owned();
                (label, Filter { requester, ..Filter::default() })
            }),
        }
    }
}

impl Figures {
    /// The list of all tasks that are counted.
    pub fn list(&self) -> Filter {
        Filter { since: self.since.clone(), ..Filter::default() }
    }
}

impl Sum {
    /// Sums up finished tasks.
    fn of(tasks: &[&ClaudeTask], now: Timestamp) -> Self {
        let mut sum = Self::default();
        for task in tasks {
            match State::of(task) {
                State::Succeeded => sum.succeeded += 1,
                State::Cancelled => sum.cancelled += 1,
                _ => sum.failed += 1,
            }
            sum.cost = sum.cost + facts::cost(task);
            match facts::conflicts(task) {
                Some(conflicts) if conflicts.resolved_by.is_some() => sum.resolved += 1,
                Some(_) => sum.unresolved += 1,
                None => {}
            }
            let took = facts::duration(task, now).map(|took| took.as_secs());
            sum.durations.extend(took.map(|seconds| u64::try_from(seconds).unwrap_or(0)));
        }
        sum.durations.sort_unstable();
        sum
    }

    /// Number of tasks.
    pub const fn count(&self) -> u64 {
        self.succeeded + self.failed + self.cancelled
    }

    /// Tasks whose rebase had conflicts.
    pub const fn conflicts(&self) -> u64 {
        self.resolved + self.unresolved
    }

    /// The seconds within which so many hundredths of the tasks ended (nearest rank); none where
    /// none started.
    pub fn percentile(&self, hundredths: usize) -> Option<u64> {
        let rank = (self.durations.len() * hundredths).div_ceil(100);
        self.durations.get(rank.saturating_sub(1)).copied()
    }
}

/// Tasks with the same label and list, the most tasks first.
fn groups(
    tasks: &[&ClaudeTask],
    now: Timestamp,
    of: impl Fn(&ClaudeTask) -> (String, Filter),
) -> Vec<Group> {
    let mut known: BTreeMap<String, (String, Filter, Vec<&ClaudeTask>)> = BTreeMap::new();
    for task in tasks {
        let (label, list) = of(task);
        known.entry(list.href()).or_insert_with(|| (label, list, Vec::new())).2.push(task);
    }
    let mut groups: Vec<_> = known
        .into_values()
        .map(|(label, list, tasks)| Group { label, list, sum: Sum::of(&tasks, now) })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.sum.count()));
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Figures, Sum};
    use crate::page::samples;

    fn edited(
        mut task: crd::ClaudeTask,
        end: &str,
        requester: Option<&str>,
    ) -> Arc<crd::ClaudeTask> {
        let status = task.status.as_mut().unwrap();
        status.finished_at = Some(end.parse().unwrap());
        status.started_at =
            Some(end.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_mins(10));
        let annotations = task.metadata.annotations.as_mut().unwrap();
        annotations.clear();
        annotations.extend(
            requester.map(|name| (crd::names::ANNOTATION_REQUESTED_BY.into(), name.into())),
        );
        Arc::new(task)
    }

    #[test]
    fn a_task_counts_on_the_day_of_its_verdict_and_for_its_repository_and_requester() {
        let other = json!({"spec": {"repository": {"url": "git@git.example.com:acme/api.git"}}});
        let mut api = samples::failed("d");
        api.spec.repository = serde_json::from_value(other["spec"]["repository"].clone()).unwrap();
        let tasks = [
            edited(samples::pushed("a"), "2026-03-10T11:00:00Z", Some("ana")),
            edited(samples::pushed("b"), "2026-03-09T23:59:59Z", Some("ana")),
            edited(samples::cancelled("c"), "2026-03-04T00:00:00Z", Some("bo")),
            edited(api, "2026-03-10T00:00:00Z", None),
            edited(samples::pushed("too-old"), "2026-03-03T23:59:59Z", Some("ana")),
            Arc::new(samples::running("not-yet")),
        ];
        let figures = Figures::of(&tasks, 7, samples::now());
        assert_eq!((figures.since.as_str(), figures.count), ("2026-03-04", 4));
        assert_eq!(figures.cost, "3.12".parse().unwrap());
        let of_day = |day: &str| {
            let (_, sum) = figures.days.iter().find(|(known, _)| known == day).unwrap();
            (sum.succeeded, sum.failed, sum.cancelled, sum.resolved, sum.percentile(50))
        };
        assert_eq!(figures.days.len(), 7);
        assert_eq!(of_day("2026-03-10"), (1, 1, 0, 1, Some(600)));
        assert_eq!(of_day("2026-03-09"), (1, 0, 0, 1, Some(600)));
        assert_eq!(of_day("2026-03-04"), (0, 0, 1, 0, Some(600)));
        assert_eq!(of_day("2026-03-05"), (0, 0, 0, 0, None));
        let groups = |groups: &[super::Group]| -> Vec<(String, u64)> {
            groups.iter().map(|group| (group.label.clone(), group.sum.count())).collect()
        };
        assert_eq!(
            groups(&figures.repositories),
            [("acme/shop".into(), 3), ("acme/api".into(), 1)]
        );
        assert_eq!(groups(&figures.requesters)[0], ("ana".into(), 2));
    }

    #[test]
    fn percentiles_are_durations_that_occurred() {
        let of = |durations: &[u64]| Sum { durations: durations.to_vec(), ..Sum::default() };
        assert_eq!(of(&[]).percentile(50), None);
        assert_eq!(of(&[7]).percentile(90), Some(7));
        assert_eq!(of(&[1, 2, 3, 4]).percentile(50), Some(2));
        assert_eq!(of(&(1..=100).collect::<Vec<_>>()).percentile(90), Some(90));
    }
}
