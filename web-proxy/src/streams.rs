//! How many streams each caller has open.
//!
//! Not here: what flows in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often it is asked whether the caller of an open stream may still see what it shows.
pub const CHECK: Duration = Duration::from_secs(10);

/// Counts open streams.
pub struct Streams {
    most: usize,
    open: Mutex<HashMap<String, usize>>,
}

/// One open stream; it counts until this is dropped.
pub struct Open {
    streams: Arc<Streams>,
    user: String,
}

impl Streams {
    /// At most so many for each user.
    pub fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// Streams that one user may have open.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Opens one for this user; none when they have too many.
    pub fn open(self: &Arc<Self>, user: &str) -> Option<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Open { streams: Arc::clone(self), user: user.to_owned() })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_stream_makes_room_for_another_of_that_user() {
        let streams = Arc::new(Streams::new(2));
        let first = streams.open("ana").unwrap();
        let _second = streams.open("ana").unwrap();
        assert!(streams.open("ana").is_none());
        assert!(streams.open("ben").is_some());
        drop(first);
        assert!(streams.open("ana").is_some());
        assert_eq!(streams.open.lock().unwrap().len(), 1);
    }
}
