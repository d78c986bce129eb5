use std::time::Duration;

use crate::{base::random::SplitMix64, client::policy::Policy};

/// The reconnections since the last connection that made progress. Determines the delay before the next one.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// All reconnections. Bounded by the policy.
    attempts: u32,
    /// Reconnections after a failure. Each doubles the window of the next.
    backoffs: u32,
}

impl Row {
    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Ends the row: the connection made progress.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// Counts a reconnection, and returns the delay before it.
    pub(super) fn delay(
        &mut self,
        policy: &Policy,
        wait: Wait,
        progress: bool,
        random: &mut SplitMix64,
    ) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        let (time, at_least) = match wait {
            Wait::Exactly(delay) => return delay.max(policy.min_delay()),
            Wait::AtLeast(time, at_least) => (policy.bound(time), at_least),
        };
        if progress {
            return (time - random.below(policy.jitter_window(time))).max(at_least);
        }
        let backoff = random.below(policy.backoff_window(self.backoffs));
        self.backoffs = self.backoffs.saturating_add(1);
        time.max(at_least).saturating_add(backoff)
    }
}

/// The delay that a verdict asks for.
pub(super) enum Wait {
    /// The delay that the application chose.
    Exactly(Duration),
    /// A reconnection time, not yet bounded, and the minimum from `Retry-After`.
    AtLeast(Duration, Duration),
}
