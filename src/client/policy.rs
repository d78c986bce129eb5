use std::time::Duration;

use http::StatusCode;

/// The rules of reconnecting: when a client does, how long it waits, and when it gives up.
///
/// [`Policy::default`] suits services and tools: it backs off, treats the statuses of an overloaded server as
/// temporary, honours `Retry-After` and detects silent connections. [`Policy::browser`] follows the standard
/// and does nothing more. Each `with_` method changes one setting. To decide about a single failure, see
/// [`Failure`](super::Failure).
///
/// # The delay before a reconnection
///
/// A connection *made progress* if it dispatched an event, or if it was open for the [sustained
/// uptime](Self::with_sustained_uptime). After such a connection the delay is the reconnection time: the
/// server's `retry` within the [bounds](Self::with_reconnection_time_bounds), shortened at random by up to a
/// tenth, but not below the minimum. If a server ends its responses from time to time, the client is away for
/// no longer than the server's `retry`.
///
/// Consecutive connections without progress form a *row of failures*. Within a row the delay is
///
/// ```text
/// max(reconnection time, Retry-After) + random(0 .. backoff window)
/// ```
///
/// where the window is the [first backoff](Self::with_backoff) for the first failure and doubles with each
/// further one, up to its maximum. The client also backs off from a server that accepts a connection and
/// closes it without an event.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::client::Policy;
///
/// let seconds = Duration::from_secs;
/// let policy = Policy::default()
///     .with_reconnection_time(seconds(1))
///     .with_reconnection_time_bounds(Duration::from_millis(500), seconds(60))
///     .with_jitter(true)
///     .with_backoff(seconds(1), seconds(30))
///     .with_sustained_uptime(seconds(30))
///     .with_max_attempts(Some(10))
///     .with_connect_timeout(Some(seconds(10)))
///     .with_idle_timeout(Some(seconds(45)))
///     .with_max_retry_after(seconds(600))
///     .with_max_error_body_bytes(4096)
///     .with_resend(false);
/// # let _ = policy;
/// ```
#[doc(alias = "reconnect")]
#[derive(Clone, Debug)]
pub struct Policy {
    reconnection_time: Duration,
    min_reconnection_time: Duration,
    max_reconnection_time: Duration,
    has_jitter: bool,
    first_backoff: Duration,
    max_backoff: Duration,
    sustained_uptime: Duration,
    max_attempts: Option<u32>,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    max_retry_after: Duration,
    max_error_body_bytes: usize,
    resends: bool,
    every_status_is_final: bool,
}

impl Policy {
    /// Creates the policy of a browser's `EventSource`: section 9.2.3 to the letter, with Chromium's initial
    /// reconnection time of 3 s.
    ///
    /// Only a broken connection and the end of the stream are temporary. Every status other than 200 is
    /// final, `Retry-After` is ignored, and there is no jitter, no backoff, and no limit on `retry`, on
    /// attempts or on silence. With `retry: 0` such a client reconnects as fast as the server answers.
    pub const fn browser() -> Self {
        Self {
            reconnection_time: DEFAULT_RECONNECTION_TIME,
            min_reconnection_time: Duration::ZERO,
            max_reconnection_time: Duration::MAX,
            has_jitter: false,
            first_backoff: Duration::ZERO,
            max_backoff: Duration::ZERO,
            sustained_uptime: Duration::ZERO,
            max_attempts: None,
            connect_timeout: None,
            idle_timeout: None,
            max_retry_after: Duration::ZERO,
            max_error_body_bytes: 0,
            resends: false,
            every_status_is_final: true,
        }
    }

    /// Sets the reconnection time that applies until the server sets another one with `retry`. Default: 3 s.
    ///
    /// The [bounds](Self::with_reconnection_time_bounds) apply to it.
    #[must_use]
    pub const fn with_reconnection_time(mut self, time: Duration) -> Self {
        self.reconnection_time = time;
        self
    }

    /// Sets the bounds of the reconnection time, including one that the server sets. Default: 100 ms to 5
    /// min.
    ///
    /// If `min` is above `max`, `max` applies.
    #[must_use]
    pub const fn with_reconnection_time_bounds(mut self, min: Duration, max: Duration) -> Self {
        self.min_reconnection_time = min;
        self.max_reconnection_time = max;
        self
    }

    /// Sets the window of the random part of the delay: `first` before the first reconnection in a row,
    /// doubling up to `max`. Default: 1 s to 30 s.
    ///
    /// The window keeps clients from reconnecting all at once to a server that was down. Two zeros turn it
    /// off.
    #[must_use]
    pub const fn with_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.first_backoff = first;
        self.max_backoff = max;
        self
    }

    /// Sets how long a connection without an event has to stay open to count as progress. Default: 30 s.
    #[must_use]
    pub const fn with_sustained_uptime(mut self, uptime: Duration) -> Self {
        self.sustained_uptime = uptime;
        self
    }

    /// Sets the maximum number of reconnections in a row without progress. Default: `None`, no limit;
    /// `Some(0)` never reconnects.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: Option<u32>) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how long to wait for a response's status and headers. Default: 30 s; `None` waits for ever.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long an open connection may be silent before it is considered dead. Default: 2 min; `None`
    /// sets no limit.
    ///
    /// Every byte ends a silence, including a comment that the server sends as a keep-alive. Choose at least
    /// twice the server's keep-alive interval. Time that the application spends on an event is not counted.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the longest `Retry-After` to honour; a longer one is cut to it. Default: 1 h; zero ignores the
    /// header.
    #[must_use]
    pub const fn with_max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// Sets whether the reconnection time is shortened at random by up to a tenth. Default: `true`.
    ///
    /// This spreads out clients that lost their connections at the same instant.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: bool) -> Self {
        self.has_jitter = jitter;
        self
    }

    /// Sets how many bytes to keep of the body of a response that is not an event stream. Default: 16 KiB;
    /// with 0 the client does not wait for the body.
    ///
    /// The client reads such a body until it ends or has this many bytes, for at most 5 s. Then it asks for a
    /// verdict.
    #[must_use]
    pub const fn with_max_error_body_bytes(mut self, bytes: usize) -> Self {
        self.max_error_body_bytes = bytes;
        self
    }

    /// Sets whether a request that is not idempotent, such as a `POST`, may be sent again. Default: `false`.
    ///
    /// Without it, such a request is sent again only to resume from a last event ID, or if the application's
    /// verdict is to reconnect.
    #[must_use]
    pub const fn with_resend(mut self, resend: bool) -> Self {
        self.resends = resend;
        self
    }

    pub(super) const fn initial_reconnection_time(&self) -> Duration {
        self.reconnection_time
    }

    /// Limits a reconnection time to the bounds.
    pub(super) fn bound(&self, reconnection_time: Duration) -> Duration {
        reconnection_time.max(self.min_reconnection_time).min(self.max_reconnection_time)
    }

    /// Returns the window of the random part after `backoffs` failures in a row.
    pub(super) fn backoff_window(&self, backoffs: u32) -> Duration {
        let factor = 1_u32.checked_shl(backoffs).unwrap_or(u32::MAX);
        self.first_backoff.saturating_mul(factor).min(self.max_backoff)
    }

    /// Returns the most by which a bounded reconnection time may be shortened.
    pub(super) fn jitter_window(&self, reconnection_time: Duration) -> Duration {
        let most = if self.has_jitter { reconnection_time / 10 } else { Duration::ZERO };
        most.min(reconnection_time.saturating_sub(self.min_reconnection_time))
    }

    /// Returns the minimum of every delay.
    pub(super) fn min_delay(&self) -> Duration {
        self.min_reconnection_time.min(self.max_reconnection_time)
    }

    pub(super) const fn sustained_uptime(&self) -> Duration {
        self.sustained_uptime
    }

    pub(super) const fn max_attempts(&self) -> Option<u32> {
        self.max_attempts
    }

    pub(super) const fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    pub(super) const fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    pub(super) const fn max_retry_after(&self) -> Duration {
        self.max_retry_after
    }

    pub(super) const fn max_error_body_bytes(&self) -> usize {
        self.max_error_body_bytes
    }

    pub(super) const fn resends(&self) -> bool {
        self.resends
    }

    pub(super) fn is_temporary(&self, status: StatusCode) -> bool {
        !self.every_status_is_final
            && match status.as_u16() {
                408 | 425 | 429 => true,
                501 | 505 => false,
                status => (500..600).contains(&status),
            }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reconnection_time: DEFAULT_RECONNECTION_TIME,
            min_reconnection_time: Duration::from_millis(100),
            max_reconnection_time: Duration::from_secs(5 * 60),
            has_jitter: true,
            first_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            sustained_uptime: Duration::from_secs(30),
            max_attempts: None,
            connect_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(2 * 60)),
            max_retry_after: Duration::from_secs(60 * 60),
            max_error_body_bytes: 16 * 1024,
            resends: false,
            every_status_is_final: false,
        }
    }
}

const DEFAULT_RECONNECTION_TIME: Duration = Duration::from_secs(3);
