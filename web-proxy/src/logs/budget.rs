//! Memory that all buffers take together.
//!
//! Not here: what is dropped when it is too much ([`super::Logs::relieve`], [`super::buffer`]).

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count of bytes with a limit.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// Nothing is used yet.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// Says that a buffer of `before` bytes has `after` bytes now.
    pub fn resize(&self, before: usize, after: usize) {
        self.used.fetch_add(after, Ordering::Relaxed);
        self.used.fetch_sub(before, Ordering::Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// True when more is used than is allowed.
    pub fn is_over(&self) -> bool {
        self.used() > self.limit
    }

    /// What a buffer of `own` bytes may have, so that all together stay within the limit.
    pub fn share(&self, own: usize) -> usize {
        (self.limit + own).saturating_sub(self.used())
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn the_one_that_grows_pays() {
        let budget = Budget::new(100);
        budget.resize(0, 60);
        budget.resize(0, 30);
        assert_eq!((budget.share(30), budget.is_over()), (40, false));
        budget.resize(30, 50);
        assert_eq!((budget.share(50), budget.is_over()), (40, true));
        budget.resize(60, 0);
        assert_eq!((budget.used(), budget.is_over()), (50, false));
    }
}
