use std::fmt;

use bytes::Bytes;
use http::Response;

use crate::client::disconnect_reason::DisconnectReason;

/// The reason why a client failed and makes no further request.
///
/// `Display` shows the cause. So does `Debug`, because `main` prints the `Debug` form of an error that it
/// returns.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EventSourceError {
    /// The [verdict](super::Verdict) on this failure was to fail.
    #[error("{0}")]
    Failed(DisconnectReason),
    /// The request is not idempotent (a `POST`, for example) and is not sent again.
    ///
    /// See [`Policy::with_resend`](super::Policy::with_resend).
    #[error("{0}; the request is not idempotent, so it is not sent again")]
    NotResent(DisconnectReason),
    /// The client made as many reconnections in a row as its policy allows.
    #[error("{last}{}", GaveUp(*.attempts))]
    Attempts {
        /// The number of reconnections since the last connection that made progress.
        attempts: u32,
        /// The reason why the last connection was lost.
        last: DisconnectReason,
    },
}

impl EventSourceError {
    /// Returns why the last connection was lost.
    pub const fn reason(&self) -> &DisconnectReason {
        match self {
            Self::Failed(reason) | Self::NotResent(reason) | Self::Attempts { last: reason, .. } => reason,
        }
    }

    /// Returns the response that caused the failure, with the beginning of its body, if a response did.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        self.reason().response()
    }
}

impl fmt::Debug for EventSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct GaveUp(u32);

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("; no reconnection is allowed"),
            1 => f.write_str("; gave up after 1 reconnection in a row"),
            attempts => write!(f, "; gave up after {attempts} reconnections in a row"),
        }
    }
}
