use std::{borrow::Cow, fmt, time::Duration};

use crate::{
    event::{event_type::EventType, id::EventId, into_event_id::IntoEventId, text::Text},
    wire::field::unwrap_lines,
};

/// One event to send: any of `id`, `event`, `retry`, `data` and a comment.
///
/// Create it from its data with [`new`](Self::new), or empty with [`default`](Self::default), and set other parts
/// with the `with_` methods in any order. Setting a part again replaces it. The order on the wire does not depend on
/// the order of the calls.
///
/// Clients interpret it by the standard: an event is dispatched only if it has data, which may be empty; an event
/// without data still sets the last event ID and the reconnection time; scripts do not see comments.
///
/// Cloning is cheap and copies no text. To encode an event see [`encode`](Self::encode).
///
/// # Examples
///
/// ```
/// use ssekit::{Event, EventType};
///
/// let event = Event::new("two\nlines").with_id(7).with_type(EventType::from_static("note"));
/// assert_eq!(event.encode(), "id: 7\nevent: note\ndata: two\ndata: lines\n\n");
/// ```
///
/// Two events are equal if they are equal on the wire. Comparing encodes both:
///
/// ```
/// # use ssekit::Event;
/// assert_eq!(Event::new("two\r\nlines"), Event::new("two\nlines"));
/// ```
#[derive(Clone, Default)]
pub struct Event {
    pub(super) id: Option<EventId>,
    pub(super) event_type: Option<EventType>,
    pub(super) retry: Option<Duration>,
    pub(super) comment: Option<Text>,
    pub(super) data: Data,
}

/// The data as text, or as `data` lines ready for the wire.
#[derive(Clone, Default)]
pub(crate) enum Data {
    #[default]
    Absent,
    Text(Text),
    #[cfg_attr(not(feature = "json"), expect(dead_code, reason = "only JSON is kept as lines"))]
    Lines(bytes::Bytes),
}

impl Event {
    /// Creates an event from its data.
    ///
    /// Any text is allowed: each CR LF, CR or LF in it is a line break, which the client receives as LF. A `String`
    /// and [checked](Text) [`Bytes`](bytes::Bytes) are taken without a copy. A `&str` is copied; for a literal,
    /// [`Text::from_static`] avoids that. Empty data still writes a `data` line, so the event is dispatched.
    pub fn new(data: impl Into<Text>) -> Self {
        Self::default().with_data(data)
    }

    /// Creates an event that is only a comment, which keeps a connection alive and is not dispatched.
    ///
    /// Each line of the text becomes a comment line. Like every event it ends in a blank line, which some clients
    /// turn into an empty message; [`KeepAlive`](crate::KeepAlive) sends comments without one.
    pub fn comment(text: impl Into<Text>) -> Self {
        Self::default().with_comment(text)
    }

    /// Sets the data, replacing any earlier data, including JSON.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Text>) -> Self {
        self.data = Data::Text(data.into());
        self
    }

    /// Sets the event ID, which a client sends back as `Last-Event-ID` when it reconnects.
    ///
    /// An empty ID clears the client's last event ID.
    #[inline]
    #[must_use]
    pub fn with_id(mut self, id: impl IntoEventId) -> Self {
        self.id = Some(id.into_event_id());
        self
    }

    /// Sets the event type. Without one, or with an empty one, a browser dispatches a `message`.
    #[inline]
    #[must_use]
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Sets the reconnection time that the client uses from then on.
    ///
    /// It is sent in whole milliseconds, rounded up, at most `u64::MAX` of them, because browsers ignore larger
    /// numbers.
    ///
    /// Several clients dispatch an empty message for an event that has only a reconnection time. Send it with data
    /// and a type that they do not listen for, as [`reconnect_after`](crate::reconnect_after) does.
    #[must_use]
    pub fn with_retry(mut self, reconnection_time: Duration) -> Self {
        self.retry = Some(reconnection_time);
        self
    }

    /// Sets a comment, which is written before the data.
    #[must_use]
    pub fn with_comment(mut self, text: impl Into<Text>) -> Self {
        self.comment = Some(text.into());
        self
    }

    /// Returns the event ID, if one was set.
    pub fn id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// Returns the event type, if one was set.
    pub fn event_type(&self) -> Option<&EventType> {
        self.event_type.as_ref()
    }

    /// Returns the reconnection time, if one was set.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    pub(crate) fn without_id(mut self) -> Self {
        self.id = None;
        self
    }

    pub(crate) fn comment_text(&self) -> Option<&Text> {
        self.comment.as_ref()
    }

    /// Returns the data, if there is any: text as it was set, JSON as a client receives it.
    ///
    /// Checks the text for UTF-8. Copies JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert_eq!(Event::new("two coffees").data().as_deref(), Some("two coffees"));
    /// assert_eq!(Event::comment("still here").data(), None);
    /// ```
    pub fn data(&self) -> Option<Cow<'_, str>> {
        match &self.data {
            Data::Absent => None,
            Data::Text(text) => Some(String::from_utf8_lossy(text.as_bytes())),
            Data::Lines(lines) => {
                Some(Cow::Owned(String::from_utf8_lossy(&unwrap_lines(lines)).into_owned()))
            }
        }
    }

    pub(crate) fn data_field(&self) -> &Data {
        &self.data
    }

    /// Returns the length of the data and the comment in bytes.
    #[cfg(feature = "tokio")]
    pub(crate) fn text_len(&self) -> usize {
        let data = match &self.data {
            Data::Absent => 0,
            Data::Text(text) => text.as_bytes().len(),
            Data::Lines(lines) => lines.len(),
        };
        data + self.comment.as_ref().map_or(0, |comment| comment.as_bytes().len())
    }

    /// Returns the data as the text that a client receives. Copies only JSON of several lines.
    #[cfg(feature = "tokio")]
    pub(crate) fn data_text(&self) -> Option<bytes::Bytes> {
        match &self.data {
            Data::Absent => None,
            Data::Text(text) => Some(text.to_bytes()),
            Data::Lines(lines) => Some(unwrap_lines(lines)),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Event");
        if let Some(id) = &self.id {
            debug.field("id", &id.as_str());
        }
        if let Some(event_type) = &self.event_type {
            debug.field("event_type", &event_type.as_str());
        }
        if let Some(retry) = &self.retry {
            debug.field("retry", retry);
        }
        if let Some(comment) = &self.comment {
            debug.field("comment", comment);
        }
        match &self.data {
            Data::Absent => {}
            Data::Text(text) => {
                debug.field("data", text);
            }
            Data::Lines(lines) => {
                debug.field("data_lines", lines);
            }
        }
        debug.finish()
    }
}
