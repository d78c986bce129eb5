use std::fmt;

use bytes::Bytes;
use http::Response;

use super::disconnect_reason::DisconnectReason;

/// Why a client failed: it makes no further request.
///
/// It displays its cause, and so does its `Debug` form, which is what `main` prints of an error that it returns.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EventSourceError {
    /// The [verdict](super::Verdict) on this was to fail.
    #[error("{0}")]
    Failed(DisconnectReason),
    /// The request is not idempotent, such as a `POST`, and is not sent again.
    ///
    /// See [`Policy::with_resend`](super::Policy::with_resend).
    #[error("{0}; the request is not idempotent, so it is not sent again")]
    NotResent(DisconnectReason),
    /// The policy's number of reconnections in a row is used up.
    #[error("{last}{}", GaveUp(*.attempts))]
    Attempts {
        /// The number of reconnections since the last one that made progress.
        attempts: u32,
        /// Why the last of them was lost.
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

    /// Returns the response that caused this, if one did, with the beginning of its body.
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
