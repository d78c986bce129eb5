use std::time::Duration;

use crate::base::random::{SplitMix64, seed};

/// Times to wait between attempts: twice as long each time up to a limit, and of that between half and all at random,
/// so that the nodes of a service do not come all at once.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// Begins again with the shortest time.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Waits for the next time.
    pub(super) async fn wait(&mut self) {
        let whole = self.0;
        self.0 = (whole * 2).min(LAST);
        tokio::time::sleep(spread(whole / 2, whole / 2)).await;
    }
}

/// Returns a time between `least` and `least + window` at random.
pub(super) fn spread(least: Duration, window: Duration) -> Duration {
    least.saturating_add(SplitMix64::new(seed()).below(window))
}

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(5);
