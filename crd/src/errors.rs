//! An error with its causes as one line, for the log.
//!
//! Not here: what a task's author is told ([`crate::reason`]).

/// The error and its causes, outermost first.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
