use std::{fmt, time::Duration};

use crate::decode::{
    last_id::LastId,
    limits::LimitExceeded,
    open_event::OpenEvent,
    received_event::{DEFAULT_EVENT_TYPE, ReceivedEvent},
};

/// An item that a [`Decoder`](super::Decoder) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event was dispatched.
    Event(EventRef<'a>),
    /// A `retry` field set the reconnection time.
    Retry(Duration),
    /// A comment, as sent, without its colon.
    ///
    /// It has no meaning other than that the peer is alive.
    Comment(&'a str),
    /// An event exceeded a limit and is lost, or an ID did and is ignored. Decoding continues.
    LimitExceeded(LimitExceeded),
}

/// A dispatched event, borrowed from the decoder.
///
/// It allocates nothing. Call [`to_owned`](Self::to_owned) to keep the event or to send it elsewhere.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    event: &'a OpenEvent,
    text: &'a str,
    last_event_id: &'a LastId,
}

impl<'a> EventRef<'a> {
    /// Creates an event whose values are in `event` or `text`.
    #[inline]
    pub(super) fn new(event: &'a OpenEvent, text: &'a str, last_event_id: &'a LastId) -> Self {
        Self { event, text, last_event_id }
    }

    /// Returns the event type: `message` unless an `event` field named another.
    #[inline]
    pub fn event_type(&self) -> &'a str {
        match self.event.event_type(self.text) {
            "" => DEFAULT_EVENT_TYPE,
            event_type => event_type,
        }
    }

    /// Returns the data: the values of the `data` fields, joined by line feeds.
    #[inline]
    pub fn data(&self) -> &'a str {
        self.event.data(self.text)
    }

    /// Returns the last event ID after this event; an earlier event may have set it. Empty if none did.
    pub fn last_event_id(&self) -> &'a str {
        self.last_event_id.as_str()
    }

    /// Copies the event with one heap allocation. A last event ID of more than 64 bytes is not copied; it is
    /// shared with the decoder and with all events that have it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::decode::{Decoder, Item};
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed(b"event: greeting\ndata: hello\n\n");
    /// let Some(Item::Event(event)) = decoder.next() else { panic!("there is an event") };
    /// let kept = event.to_owned();
    /// drop(decoder);
    /// assert_eq!((kept.event_type(), kept.data()), ("greeting", "hello"));
    /// ```
    #[inline]
    pub fn to_owned(&self) -> ReceivedEvent {
        ReceivedEvent::new(self.event.event_type(self.text), self.data(), self.last_event_id)
    }
}

impl PartialEq for EventRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.event_type(), self.data(), self.last_event_id())
            == (other.event_type(), other.data(), other.last_event_id())
    }
}

impl Eq for EventRef<'_> {}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRef")
            .field("event_type", &self.event_type())
            .field("data", &self.data())
            .field("last_event_id", &self.last_event_id())
            .finish()
    }
}

impl From<EventRef<'_>> for ReceivedEvent {
    fn from(event: EventRef<'_>) -> Self {
        event.to_owned()
    }
}
