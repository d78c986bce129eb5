use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::{
    body::Body,
    hub::notice::Notices,
    request::LastEventId,
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
    /// The [log](crate::relay) that feeds the hub cannot be reached, so it is not known which events the
    /// client missed.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[error("the log cannot be reached")]
    Unavailable,
}

impl Refusal {
    pub(crate) fn finished() -> Self {
        Self::new(RefusalReason::Finished, None)
    }

    pub(super) fn closed(retry: Option<Duration>) -> Self {
        Self::new(RefusalReason::Closed, retry)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn unavailable(retry: Duration) -> Self {
        Self::new(RefusalReason::Unavailable, Some(retry))
    }

    fn new(reason: RefusalReason, retry: Option<Duration>) -> Self {
        Self { reason, retry, body: Bytes::new() }
    }

    /// Sets the body for a client that sent this ID.
    ///
    /// The body repeats the ID. To the letter of section 9.2.6 a new response begins with an empty ID, and
    /// its first block makes that the client's last event ID, so without it the client would come back as a
    /// new one.
    pub(crate) fn for_client(mut self, last_event_id: Option<&LastEventId>, notices: &Notices) -> Self {
        let id = last_event_id.and_then(LastEventId::as_id).cloned();
        self.body = self.retry.and_then(|retry| notices.position(id, Some(retry))).unwrap_or_default();
        self
    }

    /// Returns the reason for the refusal.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, hub::{Close, RefusalReason}};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new());
    /// assert_eq!(hub.subscribe("orders").unwrap_err().reason(), RefusalReason::Closed);
    /// ```
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// Returns the reconnection time for the client, or `None` if the answer stops it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new().retry(Duration::from_secs(5), Duration::ZERO));
    /// assert_eq!(hub.subscribe("orders").unwrap_err().retry(), Some(Duration::from_secs(5)));
    /// ```
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns the body of the answer: a block with `retry` and the client's last event ID if the client
    /// shall reconnect, in the hub's [form of positions](super::PositionForm), otherwise empty.
    ///
    /// For stacks that do not use `http` 1; for others see [`response`](Self::response).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new().retry(Duration::from_secs(5), Duration::ZERO));
    /// let body = hub.subscribe("orders").unwrap_err().body();
    /// assert!(String::from_utf8_lossy(&body).contains("retry: 5000\n"));
    /// ```
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Returns the answer: 204, which stops a client, or 200 with an event that sets `retry`, after which the
    /// stream ends. On a 503 a browser would give up for good.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let last = hub.publish("job-7", "done")?;
    /// hub.finish("job-7");
    /// let refusal = hub.subscribe(Subscribe::to("job-7").after(last)).unwrap_err();
    /// assert_eq!(refusal.response().status(), 204);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn response(&self) -> Response<Body> {
        // A browser reconnects after a stream that ends, and to nothing else. So a client that
        // shall come back gets a stream, and one that shall not gets 204.
        self.retry.map_or_else(stop_reconnecting, |_| event_stream(self.body.clone().into()))
    }
}

/// Builds [`Refusal::response`], so that `?` returns it from a handler that returns a `Result` of responses.
impl From<Refusal> for Response<Body> {
    fn from(refusal: Refusal) -> Self {
        refusal.response()
    }
}
