use std::time::Duration;

use tokio_postgres::Config;

use crate::{error::PostgresError, log::PostgresLog};

/// Options of a [`PostgresLog`]. Set the same on all nodes.
#[derive(Clone, Debug)]
pub struct PostgresLogOptions {
    pub(crate) max_events: u64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) timeout: Duration,
}

impl Default for PostgresLogOptions {
    fn default() -> Self {
        Self { max_events: 100_000, max_age: None, timeout: Duration::from_secs(5) }
    }
}

impl PostgresLogOptions {
    /// Limits the log to a number of events (default: 100,000). It may hold a sixteenth more, or 1,000 more.
    pub fn max_events(mut self, events: u64) -> Self {
        self.max_events = events.clamp(1, i64::MAX as u64);
        self
    }

    /// Also limits the log to the events of a time, by the clock of PostgreSQL. Entries are removed only when others
    /// arrive.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age.min(MAX_AGE));
        self
    }

    /// Sets how long connecting and each statement may take (default: 5 seconds).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens the log with this name, and creates it if there is none.
    ///
    /// The log is a schema of this name in the database of `config`. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is not of lower-case letters, digits and `_`, or PostgreSQL cannot be reached or
    /// refuses to create the schema.
    pub async fn open(self, config: Config, name: &str) -> Result<PostgresLog, PostgresError> {
        PostgresLog::create(&config, name, self).await
    }
}

const MAX_AGE: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);
