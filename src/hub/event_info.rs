use std::{fmt, str};

use crate::{history::scheme::id_in, wire::field::EVENT};

/// The view of an event that a filter gets: its topic, ID, type, key and label.
#[derive(Clone, Copy)]
pub struct EventInfo<'a> {
    topic: &'a str,
    text: &'a [u8],
    key: Option<&'a str>,
    label: Option<&'a str>,
}

impl<'a> EventInfo<'a> {
    /// Wraps an encoded event. Its first line is its `id`, and its second line may be its type.
    pub(crate) fn new(topic: &'a str, text: &'a [u8], key: Option<&'a str>, label: Option<&'a str>) -> Self {
        Self { topic, text, key, label }
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

    /// Returns the event's [key](crate::Event::with_key), if it has one.
    ///
    /// A filter must give one answer for all events of a key. Otherwise a client keeps a value of which it never gets
    /// the successor. See the [guide](crate::guide::state).
    pub fn key(&self) -> Option<&'a str> {
        self.key
    }

    /// Returns the event's [label](crate::Event::with_label), if it has one.
    pub fn label(&self) -> Option<&'a str> {
        self.label
    }
}

impl fmt::Debug for EventInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventInfo")
            .field("topic", &self.topic)
            .field("id", &self.id())
            .field("event_type", &self.event_type())
            .field("key", &self.key)
            .field("label", &self.label)
            .finish()
    }
}
