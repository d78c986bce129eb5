use std::time::Duration;

use super::{LimitExceeded, ReceivedEvent, received_event::DEFAULT_EVENT_TYPE};

/// What a [`Decoder`](super::Decoder) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event was dispatched.
    Event(EventRef<'a>),
    /// A `retry` field set the reconnection time.
    Retry(Duration),
    /// A comment, without its colon and otherwise as it was sent.
    ///
    /// It means nothing but that the peer is alive.
    Comment(&'a str),
    /// An event went over a limit and is lost; decoding goes on with the next one.
    LimitExceeded(LimitExceeded),
}

/// A dispatched event, borrowed from the chunk or from the decoder.
///
/// Costs no allocation. [`to_owned`](Self::to_owned) makes a [`ReceivedEvent`] of it, to keep or to send elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRef<'a> {
    event_type: &'a str,
    data: &'a str,
    last_event_id: &'a str,
}

impl<'a> EventRef<'a> {
    /// An empty `event_type` is the default one.
    #[inline(always)]
    pub(super) fn new(event_type: &'a str, data: &'a str, last_event_id: &'a str) -> Self {
        let event_type = if event_type.is_empty() { DEFAULT_EVENT_TYPE } else { event_type };
        Self { event_type, data, last_event_id }
    }

    /// Returns the event type: `message` unless an `event` field named another.
    pub const fn event_type(&self) -> &'a str {
        self.event_type
    }

    /// Returns the data: the values of the `data` fields, with a line feed between each two.
    pub const fn data(&self) -> &'a str {
        self.data
    }

    /// Returns the last event ID as of this event, which an earlier event may have set; empty if none has.
    pub const fn last_event_id(&self) -> &'a str {
        self.last_event_id
    }

    /// Copies the event, with one heap allocation.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut chunk = &b"event: greeting\ndata: hello\n\n"[..];
    /// let mut items = decoder.decode(&mut chunk);
    /// let Some(Item::Event(event)) = items.next() else { panic!("there is an event") };
    /// let kept = event.to_owned();
    /// drop(decoder);
    /// assert_eq!((kept.event_type(), kept.data()), ("greeting", "hello"));
    /// ```
    #[inline]
    pub fn to_owned(&self) -> ReceivedEvent {
        ReceivedEvent::new(self.event_type, self.data, self.last_event_id)
    }
}

impl From<EventRef<'_>> for ReceivedEvent {
    fn from(event: EventRef<'_>) -> Self {
        event.to_owned()
    }
}
