//! Virtual time, in milliseconds from the beginning; nothing here looks at a real clock.
//!
//! The operator is given [`now`] as its clock. A world runs on one thread, so that each has its
//! own. Not here: who moves the time on ([`crate::world`]).

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// A moment of virtual time as the world writes it down.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::constant(1_767_225_600, 0) + SignedDuration::from_millis(millis)
}

/// The moment as milliseconds.
pub fn millis(at: Timestamp) -> i64 {
    at.as_millisecond() - self::at(0).as_millisecond()
}

/// Sets the clock of the operator that is about to work.
pub fn set(millis: i64) {
    NOW.set(millis);
}

/// The operator's clock.
pub fn now() -> Timestamp {
    at(NOW.get())
}
