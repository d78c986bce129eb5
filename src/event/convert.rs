use std::borrow::Cow;

use crate::{
    decode::received_event::ReceivedEvent,
    event::{
        event_type::EventType,
        id::{EventId, InvalidEventId},
        text::Text,
        value::Event,
    },
};

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (self.key_text(), self.label_text(), self.is_removal())
            == (other.key_text(), other.label_text(), other.is_removal())
            && self.encode() == other.encode()
    }
}

impl Eq for Event {}

/// Copies the text. See [`Text::from_static`] for a literal without a copy.
impl From<&str> for Event {
    fn from(data: &str) -> Self {
        Self::new(data)
    }
}

impl From<String> for Event {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

/// Copies the text.
impl From<&String> for Event {
    fn from(data: &String) -> Self {
        Self::new(data)
    }
}

impl From<Box<str>> for Event {
    fn from(data: Box<str>) -> Self {
        Self::new(data)
    }
}

impl From<Cow<'_, str>> for Event {
    fn from(data: Cow<'_, str>) -> Self {
        Self::new(data)
    }
}

impl From<Text> for Event {
    fn from(data: Text) -> Self {
        Self::new(data)
    }
}

/// Clones the event, which copies no text.
impl From<&Event> for Event {
    fn from(event: &Event) -> Self {
        event.clone()
    }
}

/// Forwards a received event: its data, its type, and its last event ID unless that is empty.
///
/// Fails if the ID cannot be sent back in a `Last-Event-ID` header. The [`ReceivedEvent`] is only borrowed,
/// so you can still use it.
///
/// # Examples
///
/// ```
/// use ssekit::{Decoder, Event, decode::Item};
///
/// let mut decoder = Decoder::new();
/// decoder.feed(b"id: 7\nevent: order\ndata: two coffees\n\n");
/// while let Some(Item::Event(received)) = decoder.next() {
///     let event = Event::try_from(received.to_owned())?;
///     assert_eq!(event.encode(), "id: 7\nevent: order\ndata: two coffees\n\n");
/// }
/// # Ok::<(), ssekit::InvalidEventId>(())
/// ```
impl TryFrom<&ReceivedEvent> for Event {
    type Error = InvalidEventId;

    fn try_from(received: &ReceivedEvent) -> Result<Self, InvalidEventId> {
        let mut event = Self::new(received.data());
        // A received type has no line break, because it is one line of a field.
        let event_type = Some(received.event_type()).filter(|event_type| *event_type != "message");
        event.event_type = event_type.and_then(|event_type| EventType::try_from(event_type).ok());
        if !received.last_event_id().is_empty() {
            event.id = Some(EventId::try_from(received.last_event_id())?);
        }
        Ok(event)
    }
}

/// Forwards a received event, as for a reference.
impl TryFrom<ReceivedEvent> for Event {
    type Error = InvalidEventId;

    fn try_from(received: ReceivedEvent) -> Result<Self, InvalidEventId> {
        Self::try_from(&received)
    }
}
