use std::time::Duration;

use http::{StatusCode, response::Parts};

use super::{content_type::is_event_stream, policy::Policy, retry_after::retry_after};

/// What a response's status and headers lead to (9.2.3, with the policy's temporary statuses).
pub(super) enum Outcome {
    /// Announce the connection and read the body.
    Open,
    /// The server says that there is nothing more.
    Stop,
    /// Reestablish the connection, after at least this long.
    Reestablish(Duration),
    /// Fail the connection because of its status.
    RefuseStatus,
    /// Fail the connection because its body is no event stream.
    RefuseContentType,
}

impl Outcome {
    pub(super) fn of(response: &Parts, policy: &Policy) -> Self {
        match response.status {
            StatusCode::OK if is_event_stream(&response.headers) => Self::Open,
            StatusCode::OK => Self::RefuseContentType,
            StatusCode::NO_CONTENT => Self::Stop,
            status if policy.is_temporary(status) => {
                let asked = retry_after(&response.headers).unwrap_or_default();
                Self::Reestablish(asked.min(policy.max_retry_after()))
            }
            _ => Self::RefuseStatus,
        }
    }
}
