use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::relay::{backoff::spread, redis::error::RedisLogError};

/// Limits attempts to connect: each is followed by a pause, until a command was answered.
///
/// An attempt counts as failed from its beginning, so a pause also follows one that is dropped halfway, and
/// one that reaches a server which refuses all commands.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    row: Mutex<Row>,
    reached: Reached,
}

/// Counts the connections to a server on which a command was answered.
pub(super) type Reached = Arc<AtomicU64>;

#[derive(Debug, Default)]
struct Row {
    failed: u32,
    next: Option<Instant>,
    last: Option<RedisLogError>,
    /// The value of the counter when the last attempt began.
    reached: u64,
}

impl Attempts {
    pub(super) fn new(reached: &Reached) -> Self {
        Self { row: Mutex::default(), reached: Arc::clone(reached) }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    ///
    /// Returns the last error if the pause after it is not over, and no other connection has reached the
    /// server since.
    pub(super) fn begin(&self) -> Result<(), RedisLogError> {
        let mut row = self.lock();
        let reached = self.reached.load(Ordering::Acquire);
        // If the server refused, a working connection of another kind does not show that it no longer would.
        let is_back =
            reached != row.reached && !row.last.as_ref().is_some_and(RedisLogError::is_wrong_server);
        if !is_back && row.next.is_some_and(|next| Instant::now() < next) {
            return Err(row.last.clone().unwrap_or_else(RedisLogError::abandoned));
        }
        row.failed = row.failed.saturating_add(1);
        row.last = None;
        row.reached = reached;
        row.pause();
        Ok(())
    }

    /// Records the error of the last attempt, or of its connection. Returns the number of failures in a row.
    pub(super) fn failed(&self, error: &RedisLogError) -> u32 {
        let mut row = self.lock();
        row.last = Some(error.clone());
        // Starts the pause again, because the attempt itself may have taken longer than the pause.
        row.pause();
        row.failed
    }

    /// Records that a command was answered, so that the next connection of each kind may be made at once.
    pub(super) fn succeeded(&self) {
        self.reached.fetch_add(1, Ordering::AcqRel);
        self.reset();
    }

    /// Allows the next connection at once.
    pub(super) fn reset(&self) {
        *self.lock() = Row::default();
    }

    fn lock(&self) -> MutexGuard<'_, Row> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn pause(&mut self) {
        let doublings = self.failed.saturating_sub(1).min(8);
        let whole = (SHORTEST * 2_u32.pow(doublings)).min(LONGEST);
        self.next = Some(Instant::now() + spread(whole / 2, whole / 2));
    }
}

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn there_are_a_few_attempts_a_second_until_one_succeeds() {
        let attempts = Attempts::default();
        let mut made = 0;
        for _ in 0..10_000 {
            if attempts.begin().is_ok() {
                made += 1;
            }
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        // One a second, in ten seconds, at the least; in the pauses of half the length, two.
        assert!((10..=24).contains(&made), "{made}");
        attempts.reset();
        assert!(attempts.begin().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_another_connection_reached_is_tried_once_at_once() {
        let reached = Reached::default();
        let (attempts, other) = (Attempts::new(&reached), Attempts::new(&reached));
        attempts.begin().unwrap();
        assert!(attempts.begin().is_err());
        other.succeeded();
        attempts.begin().unwrap();
        assert!(attempts.begin().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_begins_when_the_attempt_has_failed_and_says_why() {
        let attempts = Attempts::default();
        attempts.begin().unwrap();
        assert_eq!(attempts.begin().unwrap_err().to_string(), RedisLogError::abandoned().to_string());
        tokio::time::advance(Duration::from_secs(5)).await;
        attempts.failed(&RedisLogError::reply());
        assert_eq!(attempts.begin().unwrap_err().to_string(), RedisLogError::reply().to_string());
        tokio::time::advance(LONGEST).await;
        attempts.begin().unwrap();
    }
}
