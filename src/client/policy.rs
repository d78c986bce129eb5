use std::{borrow::Cow, time::Duration};

use http::StatusCode;

/// When a client reestablishes a connection, how long it waits, and when it gives up.
///
/// [`Policy::default`] is for services and tools: it backs off, treats the statuses of an overloaded server as
/// temporary, honours `Retry-After` and notices silence. [`Policy::browser`] does what the standard says and no
/// more. The `with_` methods change one setting each.
///
/// The delay before a reconnection is
///
/// ```text
/// max(reconnection time, Retry-After) + random(0 .. backoff window)
/// ```
///
/// where the window is [first backoff](Self::with_backoff) for the first reconnection in a row and doubles with
/// each further one up to its maximum. A *row* ends when a connection has been open for the
/// [sustained uptime](Self::with_sustained_uptime), not when it merely opened: a server that accepts and then
/// closes at once is backed off from like one that refuses.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::client::Policy;
///
/// let policy = Policy::default()
///     .with_max_attempts(Some(10))
///     .with_idle_timeout(Some(Duration::from_secs(45)));
/// # let _ = policy;
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    reconnection_time: Duration,
    min_reconnection_time: Duration,
    max_reconnection_time: Duration,
    first_backoff: Duration,
    max_backoff: Duration,
    sustained_uptime: Duration,
    max_attempts: Option<u32>,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    max_retry_after: Duration,
    temporary: Cow<'static, [StatusCode]>,
}

impl Policy {
    /// Creates the policy of a browser's `EventSource`: 9.2.3 to the letter, with the reconnection time of 3 s
    /// that Chromium starts from.
    ///
    /// Only a broken connection and the end of the stream are temporary; every status but 200 is final,
    /// `Retry-After` is not looked at, there is no backoff, no limit on `retry`, on attempts or on silence.
    /// A `retry: 0` therefore makes such a client reconnect as fast as the server answers.
    pub const fn browser() -> Self {
        Self {
            reconnection_time: DEFAULT_RECONNECTION_TIME,
            min_reconnection_time: Duration::ZERO,
            max_reconnection_time: Duration::MAX,
            first_backoff: Duration::ZERO,
            max_backoff: Duration::ZERO,
            sustained_uptime: Duration::ZERO,
            max_attempts: None,
            connect_timeout: None,
            idle_timeout: None,
            max_retry_after: Duration::ZERO,
            temporary: Cow::Borrowed(&[]),
        }
    }

    /// Sets the reconnection time until the server sets another one with `retry`. Default: 3 s.
    ///
    /// It is held within the [bounds](Self::with_reconnection_time_bounds).
    #[must_use]
    pub const fn with_reconnection_time(mut self, time: Duration) -> Self {
        self.reconnection_time = time;
        self
    }

    /// Sets the bounds that a reconnection time is held within, whoever set it. Default: 100 ms to 5 min.
    ///
    /// If `min` is above `max`, `max` holds.
    #[must_use]
    pub const fn with_reconnection_time_bounds(mut self, min: Duration, max: Duration) -> Self {
        self.min_reconnection_time = min;
        self.max_reconnection_time = max;
        self
    }

    /// Sets the window of the random part of the delay: `first` before the first reconnection in a row,
    /// doubling up to `max`. Default: 1 s to 30 s.
    ///
    /// The window is what keeps the clients of a restarted server from coming back all at once. Two zeros turn
    /// it off.
    #[must_use]
    pub const fn with_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.first_backoff = first;
        self.max_backoff = max;
        self
    }

    /// Sets how long a connection has to stay open for the backoff and the count of attempts to start anew.
    /// Default: 30 s.
    #[must_use]
    pub const fn with_sustained_uptime(mut self, uptime: Duration) -> Self {
        self.sustained_uptime = uptime;
        self
    }

    /// Sets how many reconnections in a row are attempted before the client gives up. Default: `None`, no
    /// limit; `Some(0)` never reconnects.
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

    /// Sets after how long without a byte an open connection is taken for dead. Default: 2 min; `None` never.
    ///
    /// Comments are bytes, so a server's keep-alives count as life. Choose at least twice the interval at which
    /// the server sends them. Time that the application spends on an event is not counted.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets the longest `Retry-After` that is honoured; a longer one counts as this long. Default: 1 h; zero
    /// ignores the header.
    #[must_use]
    pub const fn with_max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// Sets which statuses are temporary, so that the connection is reestablished instead of failed.
    /// Default: 408, 425, 429, 500, 502, 503 and 504.
    ///
    /// 200 and 204 keep their meaning even if named here.
    #[must_use]
    pub fn with_temporary_statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.temporary = statuses.into_iter().collect();
        self
    }

    pub(super) const fn initial_reconnection_time(&self) -> Duration {
        self.reconnection_time
    }

    /// Holds a reconnection time within the bounds.
    pub(super) fn bound(&self, reconnection_time: Duration) -> Duration {
        reconnection_time.max(self.min_reconnection_time).min(self.max_reconnection_time)
    }

    /// Returns the window of the random part after `attempts` reconnections in a row.
    pub(super) fn backoff_window(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
        self.first_backoff.saturating_mul(factor).min(self.max_backoff)
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

    pub(super) fn is_temporary(&self, status: StatusCode) -> bool {
        self.temporary.contains(&status)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reconnection_time: DEFAULT_RECONNECTION_TIME,
            min_reconnection_time: Duration::from_millis(100),
            max_reconnection_time: Duration::from_secs(5 * 60),
            first_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            sustained_uptime: Duration::from_secs(30),
            max_attempts: None,
            connect_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(2 * 60)),
            max_retry_after: Duration::from_secs(60 * 60),
            temporary: Cow::Borrowed(TEMPORARY),
        }
    }
}

const DEFAULT_RECONNECTION_TIME: Duration = Duration::from_secs(3);

const TEMPORARY: &[StatusCode] = &[
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
