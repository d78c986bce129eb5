use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::{
    body::Body,
    hub::notice::Notices,
    response::{event_stream, stop_reconnecting},
};

/// Why a client cannot be given a stream. [`response`](Self::response) builds the HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: RefusalReason,
    /// `None` stops the client.
    retry: Option<Duration>,
    body: Bytes,
}

/// Why a client is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// All its topics are finished, and nothing remains for it.
    #[error("all topics are finished")]
    Finished,
    /// The hub is closed.
    #[error("the hub is closed")]
    Closed,
    /// The [log](crate::relay) that the hub is fed from cannot be reached, so what the client missed is not known.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[error("the log cannot be reached")]
    Unavailable,
}

impl Refusal {
    pub(crate) fn finished() -> Self {
        Self::new(RefusalReason::Finished, None, &Notices::default())
    }

    pub(super) fn closed(retry: Option<Duration>, notices: &Notices) -> Self {
        Self::new(RefusalReason::Closed, retry, notices)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn unavailable(retry: Duration) -> Self {
        Self::new(RefusalReason::Unavailable, Some(retry), &Notices::default())
    }

    fn new(reason: RefusalReason, retry: Option<Duration>, notices: &Notices) -> Self {
        let body = retry.and_then(|retry| notices.position(None, Some(retry))).unwrap_or_default();
        Self { reason, retry, body }
    }

    /// Returns why.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// Returns after what time the client is asked to come back, or `None` if it is to stop for good.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns the body of the answer: an event of the hub's position type with `retry` for a client that is to come
    /// back, else nothing.
    ///
    /// For stacks that are not on `http` 1; others take the whole [`response`](Self::response).
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Returns the answer: 204, which stops a client, or 200 with `retry` and the end, which sends it away for a
    /// while. A browser would give up for good on a 503.
    pub fn response(&self) -> Response<Body> {
        self.retry.map_or_else(stop_reconnecting, |_| event_stream(self.body.clone().into()))
    }
}

/// Answers with [`Refusal::response`], so that `?` sends it from a handler that returns a `Result` of responses.
impl From<Refusal> for Response<Body> {
    fn from(refusal: Refusal) -> Self {
        refusal.response()
    }
}
