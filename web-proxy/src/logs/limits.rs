//! What the log streams may take: memory, time, length.
//!
//! Not here: how many viewers one person may have (the routes).

use std::time::Duration;

/// All limits; the defaults are those of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept of one container's log; older ones are dropped.
    pub container: usize,
    /// Bytes kept of all logs; those that nobody views go first.
    pub total: usize,
    /// Bytes handed to a viewer at once, about.
    pub chunk: usize,
    /// Bytes of one line; the rest is cut.
    pub line: usize,
    /// Time in which new lines are gathered before viewers are woken.
    pub batch: Duration,
    /// Time after which a quiet stream shows that it is alive.
    pub beat: Duration,
    /// Time for which a viewer may take nothing while there is more.
    pub patience: Duration,
    /// Time for which a log is kept that nobody views.
    pub grace: Duration,
    /// Time between looks at the Pods of a task while a viewer waits for another container.
    pub look: Duration,
    /// First pause before a log that broke off is opened again; it doubles up to 16 times.
    pub pause: Duration,
    /// Time after which a quiet upstream is asked whether it still follows.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            container: 16 << 20,
            total: 256 << 20,
            chunk: 64 << 10,
            line: 64 << 10,
            batch: Duration::from_millis(50),
            beat: Duration::from_secs(15),
            patience: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            look: Duration::from_secs(1),
            pause: Duration::from_millis(500),
            silence: Duration::from_mins(1),
        }
    }
}
