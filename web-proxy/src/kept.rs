//! Answers of the apiserver that are kept for a moment, refusals too.
//!
//! Not here: the questions ([`crate::access`], [`crate::identity::review`]).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer holds.
pub const HOLDS: Duration = Duration::from_secs(10);

/// Answers by their questions.
pub struct Kept<Q, A> {
    most: usize,
    answers: Mutex<HashMap<Q, Answer<A>>>,
}

struct Answer<A> {
    since: Instant,
    answer: A,
}

impl<A> Answer<A> {
    fn holds(&self) -> bool {
        self.since.elapsed() < HOLDS
    }
}

impl<Q: Eq + Hash, A: Clone> Kept<Q, A> {
    /// Keeps at most so many; beyond it new ones are not kept while the old ones hold.
    pub fn new(most: usize) -> Self {
        Self { most, answers: Mutex::default() }
    }

    /// The answer, while it holds.
    pub fn get(&self, question: &Q) -> Option<A> {
        let answers = self.lock();
        answers.get(question).filter(|kept| kept.holds()).map(|kept| kept.answer.clone())
    }

    /// The answer of last time, which may hold no longer.
    pub fn last(&self, question: &Q) -> Option<A> {
        self.lock().get(question).map(|kept| kept.answer.clone())
    }

    /// Keeps the answer that was given now.
    pub fn keep(&self, question: Q, answer: A) {
        let mut answers = self.lock();
        if answers.len() >= self.most {
            answers.retain(|_, kept| kept.holds());
        }
        if answers.len() < self.most {
            answers.insert(question, Answer { since: Instant::now(), answer });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Q, Answer<A>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{HOLDS, Kept};

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_in_time_and_number() {
        let kept = Kept::new(2);
        for question in 1..=3 {
            kept.keep(question, question * 10);
        }
        assert_eq!([1, 2, 3].map(|question| kept.get(&question)), [Some(10), Some(20), None]);
        tokio::time::advance(HOLDS).await;
        assert_eq!((kept.get(&1), kept.last(&1)), (None, Some(10)));
        kept.keep(3, 30);
        assert_eq!(kept.get(&3), Some(30));
    }
}
