//! Waiting for a condition with a deadline, the only way in which tests wait.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How long after one look the next one comes.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks `check` again and again until it has an answer; an error when `limit` has passed, saying
/// `what` was waited for, or when `check` fails.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut check: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = check().await? {
            return Ok(answer);
        }
        if begin.elapsed() > limit {
            bail!("waited {limit:?} in vain for {what}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
