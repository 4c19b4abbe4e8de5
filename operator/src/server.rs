//! The live and ready endpoints.
//!
//! Not here: metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// Whether the caches are filled and work has begun.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that work has begun.
    pub fn set_ready(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `/livez` answers 200 while the process runs, `/readyz` once it works.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "caches are being filled")
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::State;

    use super::{Readiness, ready};

    #[tokio::test]
    async fn it_is_ready_only_after_work_has_begun() {
        let readiness = Readiness::default();
        assert_eq!(ready(State(readiness.clone())).await.0, 503);
        readiness.set_ready();
        assert_eq!(ready(State(readiness)).await.0, 200);
    }
}
