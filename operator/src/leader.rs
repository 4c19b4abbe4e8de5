//! Which of several operators works: the one that holds a Lease.
//!
//! It saves refused writes and nothing else: two that work at the same time do no harm, so a holder
//! that cannot reach the apiserver for a while need not be certain that it is still one. Not here:
//! what is done with the work ([`crate::controller`]).

use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError, LeaseParams};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Time to give the Lease back before the process ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// A place in the queue for the Lease, or the Lease itself.
#[derive(Debug)]
pub struct Candidacy {
    holds: watch::Receiver<bool>,
    keeper: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

impl Candidacy {
    /// Asks for the Lease `name` in the client's own namespace, as `identity`, the Pod's name. A
    /// holder that is not heard of for `seconds` (at least 3) has lost it.
    ///
    /// # Errors
    /// When the Lease can neither be read nor made.
    pub async fn stand(
        client: Client,
        name: &str,
        identity: &str,
        seconds: u64,
    ) -> Result<Self, LeaseManagerError> {
        let seconds = seconds.max(3);
        let namespace = client.default_namespace().to_owned();
        let manager = LeaseManagerBuilder::new(client, name)
            .with_namespace(namespace)
            .with_parameters(LeaseParams::new(identity, seconds, seconds / 3))
            .build()
            .await?;
        let (holds, keeper) = manager.watch().await;
        Ok(Self { holds, keeper })
    }

    /// Resolves when the Lease is held; false when it never will be.
    pub async fn won(&self) -> bool {
        self.holds.clone().wait_for(|held| *held).await.is_ok()
    }

    /// Resolves when the Lease is not held any more.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut holds = self.holds.clone();
        async move {
            // An error means that nobody renews the Lease any more.
            let _ = holds.wait_for(|held| !held).await;
        }
    }

    /// Gives the Lease back, so that the next one need not wait for its end.
    pub async fn resign(self) {
        drop(self.holds);
        match timeout(FAREWELL, self.keeper).await {
            Ok(Ok(Ok(_))) => {}
            Ok(Ok(Err(error))) => {
                tracing::warn!(error = crd::errors::chain(&error), "the Lease was not given back");
            }
            Ok(Err(_)) | Err(_) => tracing::warn!("the Lease was not given back in time"),
        }
    }
}
