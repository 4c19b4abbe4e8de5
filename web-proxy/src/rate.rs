//! How many requests each user may make.
//!
//! Who a request is from is only known after the apiserver was asked, so this is no layer around the
//! routes: it is asked where the caller becomes known ([`crate::app::Who`]). Not here: what is asked
//! to know them ([`crate::identity::review`], which has a rate of its own).

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Users of whom is remembered at most, besides those of the last moment.
const MOST: usize = 10_000;

/// Requests of each user.
pub struct Rate {
    users: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Rate {
    /// So many requests a second over time, and so many at once.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::of(Quota::per_second(per_second).allow_burst(burst))
    }

    fn of(quota: Quota) -> Self {
        Self { users: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts a request of this user.
    ///
    /// # Errors
    /// The time to wait, when it is one too many.
    pub fn count(&self, user: &str) -> Result<(), Duration> {
        if self.users.len() > MOST {
            self.users.retain_recent();
        }
        let counted = self.users.check_key(&user.to_owned());
        counted.map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::Quota;

    use super::Rate;

    #[test]
    fn one_users_haste_is_nobody_elses_wait() {
        let hour = Duration::from_hours(1);
        let two = NonZeroU32::new(2).unwrap();
        let rate = Rate::of(Quota::with_period(hour).unwrap().allow_burst(two));
        assert_eq!([rate.count("ana"), rate.count("ana")], [Ok(()); 2]);
        let wait = rate.count("ana").unwrap_err();
        assert!(wait > hour / 2 && wait <= hour, "{wait:?}");
        assert_eq!(rate.count("ben"), Ok(()));
    }
}
