//! The live and ready endpoints.
//!
//! Not here: metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

const STARTING: u8 = 0;
const STANDING_BY: u8 = 1;
const WORKING: u8 = 2;

/// How far the program is.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Says that another operator works, and that this one would take over.
    pub fn set_standing_by(&self) {
        self.0.store(STANDING_BY, Ordering::Relaxed);
    }

    /// Says that the caches are being filled.
    pub fn set_starting(&self) {
        self.0.store(STARTING, Ordering::Relaxed);
    }

    /// Says that work has begun.
    pub fn set_working(&self) {
        self.0.store(WORKING, Ordering::Relaxed);
    }
}

/// `/livez` answers 200 while the process runs, `/readyz` once it works or stands by.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    match readiness.0.load(Ordering::Relaxed) {
        WORKING => (StatusCode::OK, "works"),
        STANDING_BY => (StatusCode::OK, "stands by"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "caches are being filled"),
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::State;

    use super::{Readiness, ready};

    #[tokio::test]
    async fn it_is_ready_when_it_works_or_stands_by() {
        let readiness = Readiness::default();
        let answer = async || ready(State(readiness.clone())).await.0.as_u16();
        assert_eq!(answer().await, 503);
        readiness.set_standing_by();
        assert_eq!(answer().await, 200);
        readiness.set_starting();
        assert_eq!(answer().await, 503);
        readiness.set_working();
        assert_eq!(answer().await, 200);
    }
}
