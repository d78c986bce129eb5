use std::{fmt, str};

use crate::{history::scheme::id_in, wire::field::EVENT};

/// The view of an event that a filter gets: its topic, ID and type.
#[derive(Clone, Copy)]
pub struct EventInfo<'a> {
    topic: &'a str,
    text: &'a [u8],
}

impl<'a> EventInfo<'a> {
    /// Wraps an encoded event. Its first line is its `id`, and its second line may be its type.
    pub(crate) fn new(topic: &'a str, text: &'a [u8]) -> Self {
        Self { topic, text }
    }

    /// Returns the topic that the event was published to.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the event ID.
    pub fn id(&self) -> &'a str {
        id_in(self.text).unwrap_or_default()
    }

    /// Returns the event type, or `None` for an event that a browser dispatches as a `message`.
    pub fn event_type(&self) -> Option<&'a str> {
        let mut lines = self.text.split(|byte| *byte == b'\n');
        let event_type = lines.nth(1)?.strip_prefix(EVENT)?;
        str::from_utf8(event_type).ok()
    }
}

impl fmt::Debug for EventInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventInfo")
            .field("topic", &self.topic)
            .field("id", &self.id())
            .field("event_type", &self.event_type())
            .finish()
    }
}
