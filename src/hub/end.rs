use std::time::Duration;

use bytes::Bytes;

use crate::event::into_event::IntoEvent;

/// The end of a single stream, for [`StreamHandle::end_with`](super::StreamHandle::end_with).
///
/// By default the client gets its position, and may reconnect at any time.
///
/// # Examples
///
/// ```
/// use ssekit::{Event, EventType, hub::End};
///
/// // The page closes its `EventSource` when it gets this event.
/// let bye = Event::new("you were logged out").with_type(EventType::from_static("bye"));
/// let end = End::new().last_event(bye);
/// # let _ = end;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it is to be passed to `StreamHandle::end_with`"]
pub struct End {
    pub(crate) retry: Option<Duration>,
    pub(crate) last: Option<Bytes>,
}

impl End {
    /// Creates the default: the client gets its position, and may reconnect at any time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the client a reconnection time.
    pub fn retry(mut self, reconnection_time: Duration) -> Self {
        self.retry = Some(reconnection_time);
        self
    }

    /// Sends the client one more event, after its position.
    ///
    /// An ID of the event itself is not sent, because the client would resume with it and the hub does not
    /// know it.
    pub fn last_event(mut self, event: impl IntoEvent) -> Self {
        self.last = Some(event.into_event().without_id().encode());
        self
    }
}
