use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// The clock for the age of events, lifetimes and deadlines: the system's monotonic clock, or one that the
/// application sets.
///
/// With the feature `tokio` the system's clock is tokio's, which differs only while a test has paused it.
#[derive(Clone)]
pub(crate) struct Clock {
    now: Option<Arc<dyn Fn() -> Instant + Send + Sync>>,
    start: Instant,
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self { now: None, start: system_now() }
    }

    pub(crate) fn custom(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        let start = now();
        Self { now: Some(Arc::new(now)), start }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now.as_ref().map_or_else(system_now, |now| now())
    }

    /// Returns the nanoseconds since this clock was created.
    pub(crate) fn nanos(&self) -> u64 {
        nanos(self.now().saturating_duration_since(self.start))
    }
}

/// Reads the system's clock. Needs no runtime: outside one, tokio's clock is the system's.
fn system_now() -> Instant {
    #[cfg(feature = "tokio")]
    return tokio::time::Instant::now().into_std();
    #[cfg(not(feature = "tokio"))]
    Instant::now()
}

/// Returns a time span in whole nanoseconds, at most 584 years.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.now.is_some() { "Clock(custom)" } else { "Clock(system)" })
    }
}
