use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

/// The time limit for answering a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Instant);

impl Patience {
    pub(super) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Waits for a future, but only until the limit.
    pub(super) async fn within<T>(self, future: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.0, future).await.ok()
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
