use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::{
    body::Body,
    hub::notice::Notices,
    response::{event_stream, stop_reconnecting},
};

/// The reason why a client cannot be given a stream. [`response`](Self::response) builds the HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: RefusalReason,
    /// `None` stops the client.
    retry: Option<Duration>,
    body: Bytes,
}

/// The reason for a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// All topics are finished, and no event remains for the client.
    #[error("all topics are finished")]
    Finished,
    /// The hub is closed.
    #[error("the hub is closed")]
    Closed,
    /// The [log](crate::relay) that feeds the hub cannot be reached, so it is not known which events the client
    /// missed.
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

    /// Returns the reason for the refusal.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// Returns the reconnection time for the client, or `None` if the answer stops it.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns the body of the answer: an event of the hub's position type with `retry` if the client shall
    /// reconnect, otherwise empty.
    ///
    /// For stacks that do not use `http` 1; for others see [`response`](Self::response).
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Returns the answer: 204, which stops a client, or 200 with an event that sets `retry`, after which the stream
    /// ends. On a 503 a browser would give up for good.
    pub fn response(&self) -> Response<Body> {
        self.retry.map_or_else(stop_reconnecting, |_| event_stream(self.body.clone().into()))
    }
}

/// Builds [`Refusal::response`], so that `?` returns it from a handler that returns a `Result` of responses.
impl From<Refusal> for Response<Body> {
    fn from(refusal: Refusal) -> Self {
        refusal.response()
    }
}
