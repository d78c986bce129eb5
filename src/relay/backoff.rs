use std::time::Duration;

use crate::base::random::{SplitMix64, seed};

/// Delays between attempts. They double up to a limit; of each, between half and all is waited, at random, so
/// that the nodes of a service do not retry all at once.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// Starts again with the shortest delay.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Waits for the next delay.
    pub(super) async fn wait(&mut self) {
        let whole = self.0;
        self.0 = (whole * 2).min(LAST);
        tokio::time::sleep(spread(whole / 2, whole / 2)).await;
    }
}

/// Returns a random time between `least` and `least + window`.
pub(super) fn spread(least: Duration, window: Duration) -> Duration {
    least.saturating_add(SplitMix64::new(seed()).below(window))
}

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(5);

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;
    use tokio::time::Instant;

    async fn waits(backoff: &mut Backoff) -> Duration {
        let begun = Instant::now();
        backoff.wait().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_and_begin_again() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            waits(&mut backoff).await;
        }
        assert!(waits(&mut backoff).await >= LAST / 2);
        backoff.reset();
        assert!(waits(&mut backoff).await <= FIRST + Duration::from_millis(1));
    }
}
