use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::client::disconnect_reason::DisconnectReason;

/// A connection that failed or ended. The application's [`Verdict`] decides what follows.
///
/// # The default verdict
///
/// [`default`](Self::default) returns the verdict in this table. *Reconnect* means [`Verdict::Reconnect`],
/// and so on. [`Policy::browser`](super::Policy::browser) uses the last column.
///
/// | reason | default policy | browser policy |
/// | --- | --- | --- |
/// | the stream ended, after a whole event or not | reconnect | reconnect |
/// | an error of the transport | reconnect | reconnect |
/// | a [permanent](super::TransportError::permanent) error of the transport | fail | fail |
/// | no response in time, or silence | reconnect | reconnect |
/// | status 408, 425, 429, or 500 to 599 without 501 and 505 | reconnect | fail |
/// | any other status but 200 and 204, redirects that the transport did not follow included | fail | fail |
/// | 200 with another content type, or none | fail | fail |
/// | 200 with a content encoding that the transport did not undo | fail | fail |
///
/// A request that is not idempotent (a `POST`, for example) is sent again only if there is a last event ID to
/// resume from, or if the [policy](super::Policy::with_resend) allows it. Otherwise the default is to stop if
/// the stream ended, and to fail in all other cases.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use ssekit::client::{Failure, Verdict};
///
/// fn decide(failure: &Failure) -> Verdict {
///     match failure.status() {
///         // The next attempt brings a fresh token.
///         Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Verdict::Reconnect,
///         // The model does not exist, whatever the status is.
///         Some(_) if failure.body().starts_with(b"{\"error\":\"no such model\"") => Verdict::Fail,
///         _ => failure.default(),
///     }
/// }
/// # let _ = decide;
/// ```
#[derive(Clone, Debug)]
pub struct Failure {
    pub(super) reason: DisconnectReason,
    pub(super) attempts: u32,
    pub(super) has_delivered: bool,
    pub(super) retry_after: Option<Duration>,
    pub(super) default: Verdict,
}

impl Failure {
    /// Returns the reason why the connection was lost.
    pub const fn reason(&self) -> &DisconnectReason {
        &self.reason
    }

    /// Returns the status of the response that was not an event stream, if that is the reason.
    pub fn status(&self) -> Option<StatusCode> {
        self.reason.response().map(|response| response.status())
    }

    /// Returns the headers of that response.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.reason.response().map(|response| response.headers())
    }

    /// Returns the body of that response as far as it was read; empty if there is no response.
    ///
    /// Its length is at most [`Policy::with_max_error_body_bytes`](super::Policy::with_max_error_body_bytes).
    pub fn body(&self) -> &[u8] {
        self.reason.response().map_or(&[], |response| response.body())
    }

    /// Returns the delay that the response's `Retry-After` asks for, if it has one, up to the policy's
    /// [maximum](super::Policy::with_max_retry_after).
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the number of reconnections since the last connection that made progress, including this one
    /// if it made none; 0 if this one made progress or was the first.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns whether an event was dispatched on this connection.
    pub const fn has_delivered(&self) -> bool {
        self.has_delivered
    }

    /// Returns the verdict of the [table](Self#the-default-verdict).
    pub const fn default(&self) -> Verdict {
        self.default
    }
}

/// The client's reaction to a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Reconnect after the delay of the [`Policy`](super::Policy), but not before `Retry-After` has passed.
    ///
    /// The client fails if it has made as many [attempts](super::Policy::with_max_attempts) as the policy
    /// allows.
    Reconnect,
    /// Reconnect after this delay, or after the policy's minimum reconnection time if that is longer.
    ///
    /// `Retry-After` and the backoff are ignored. The client fails if it has made as many attempts as the
    /// policy allows.
    ReconnectAfter(Duration),
    /// End without an error, as after a 204.
    Stop,
    /// Fail with an [`EventSourceError`](super::EventSourceError) that holds the reason.
    Fail,
}
