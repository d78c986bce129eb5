use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use crate::{
    event::{
        event_type::EventType, id::EventId, id_text::IdText, into_event_id::IntoEventId, rare::Rare,
        text::Text,
    },
    wire::field::unwrap_lines,
};

/// One event to send: any of `id`, `event`, `retry`, `data` and a comment, and for a hub a key and a label.
///
/// Create it from its data with [`new`](Self::new), or empty with [`default`](Self::default), and set other
/// parts with the `with_` methods in any order. Setting a part again replaces it. The order on the wire does
/// not depend on the order of the calls.
///
/// Clients interpret it by the standard: an event is dispatched only if it has data, which may be empty; an
/// event without data still sets the last event ID and the reconnection time; scripts do not see comments.
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
/// Two events are equal if they are equal on the wire, and have the same key and label. Comparing encodes
/// both:
///
/// ```
/// # use ssekit::Event;
/// assert_eq!(Event::new("two\r\nlines"), Event::new("two\nlines"));
/// assert_ne!(Event::new("1.08").with_key("EURUSD"), Event::new("1.08").with_key("EURCHF"));
/// ```
#[doc(alias = "message")]
#[doc(alias = "sse")]
#[derive(Clone, Default)]
pub struct Event {
    pub(super) id: Option<EventId>,
    pub(super) event_type: Option<EventType>,
    pub(super) data: Data,
    /// Shared, so that cloning copies none of it.
    pub(super) key: Option<IdText>,
    pub(super) rare: Option<Arc<Rare>>,
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
    /// Any text is allowed: each CR LF, CR or LF in it is a line break, which the client receives as LF. A
    /// `String` and [checked](Text) [`Bytes`](bytes::Bytes) are taken without a copy. A `&str` is copied; for
    /// a literal, [`Text::from_static`] avoids that. Empty data still writes a `data` line, so the event is
    /// dispatched.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert_eq!(Event::new("two\nlines").encode(), "data: two\ndata: lines\n\n");
    /// assert_eq!(Event::new("").encode(), "data: \n\n");
    /// ```
    pub fn new(data: impl Into<Text>) -> Self {
        Self::default().with_data(data)
    }

    /// Creates an event that is only a comment, which keeps a connection alive and is not dispatched.
    ///
    /// Each line of the text becomes a comment line. Like every event it ends in a blank line, which some
    /// clients turn into an empty message; [`KeepAlive`](crate::KeepAlive) sends comments without one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert_eq!(Event::comment("still here").encode(), ": still here\n\n");
    /// ```
    pub fn comment(text: impl Into<Text>) -> Self {
        Self::default().with_comment(text)
    }

    /// Sets the data, replacing any earlier data, including JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// let event = Event::new("one").with_data("two");
    /// assert_eq!(event.encode(), "data: two\n\n");
    /// ```
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Text>) -> Self {
        self.data = Data::Text(data.into());
        self
    }

    /// Sets the event ID, which a client sends back as `Last-Event-ID` when it reconnects.
    ///
    /// An empty ID clears the client's last event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, EventId};
    ///
    /// assert_eq!(Event::new("a").with_id(7).encode(), "id: 7\ndata: a\n\n");
    /// let id = EventId::try_from("order-7")?;
    /// assert_eq!(Event::new("a").with_id(id).encode(), "id: order-7\ndata: a\n\n");
    /// # Ok::<(), ssekit::InvalidEventId>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn with_id(mut self, id: impl IntoEventId) -> Self {
        self.id = Some(id.into_event_id());
        self
    }

    /// Sets the event type. Without one, or with an empty one, a browser dispatches a `message`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, EventType};
    ///
    /// const ORDER: EventType = EventType::from_static("order");
    /// assert_eq!(Event::new("a").with_type(ORDER).encode(), "event: order\ndata: a\n\n");
    /// ```
    #[inline]
    #[must_use]
    #[doc(alias = "event")]
    #[doc(alias = "name")]
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Sets the reconnection time that the client uses from then on.
    ///
    /// It is sent in whole milliseconds, rounded up, at most `u64::MAX` of them, because browsers ignore
    /// larger numbers.
    ///
    /// Several clients dispatch an empty message for an event that has only a reconnection time. Send it with
    /// data and a type that they do not listen for, as [`reconnect_after`](crate::reconnect_after) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::Event;
    ///
    /// let event = Event::new("busy").with_retry(Duration::from_secs(5));
    /// assert_eq!(event.encode(), "retry: 5000\ndata: busy\n\n");
    /// ```
    #[must_use]
    pub fn with_retry(mut self, reconnection_time: Duration) -> Self {
        self.rare_mut().retry = Some(reconnection_time);
        self
    }

    /// Sets a comment, which is written before the data.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// let event = Event::new("a").with_comment("for a reader of the wire");
    /// assert_eq!(event.encode(), ": for a reader of the wire\ndata: a\n\n");
    /// ```
    #[must_use]
    pub fn with_comment(mut self, text: impl Into<Text>) -> Self {
        self.rare_mut().comment = Some(text.into());
        self
    }

    /// Sets the key of the value that the event brings, replacing an earlier key.
    ///
    /// Publishing it *supersedes* the topic's earlier event with the same key: that one leaves the history,
    /// and a client that has not received it gets this one instead. So the history is the state of the topic:
    /// the newest event of each key, in the order of their last change. See the [guide](crate::guide::state).
    ///
    /// The key never appears on the wire, so put into the data whatever clients must know of it. Any text is
    /// a key. In a hub it counts towards [`Bounds`](crate::Bounds) together with the event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.publish("prices", Event::new("EURUSD 1.08").with_key("EURUSD"))?;
    /// hub.publish("prices", Event::new("EURUSD 1.09").with_key("EURUSD"))?;
    /// assert_eq!(hub.stats().events, 1);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    #[must_use]
    pub fn with_key(mut self, key: impl AsRef<str>) -> Self {
        self.key = Some(key.as_ref().into());
        if self.is_removal() {
            self.rare_mut().is_removal = false;
        }
        self
    }

    /// Sets the key that the event removes, replacing an earlier key.
    ///
    /// It supersedes the key's value like any event with that [key](Self::with_key), and is delivered like
    /// any event: give it a type by which clients recognise a removal. Clients that resume need it. New
    /// clients, which start at the oldest event, do not: once the bounds have evicted it, they are not sent a
    /// gap for it. Clients that were away for so long are.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, EventType};
    ///
    /// const GONE: EventType = EventType::from_static("gone");
    /// let event = Event::new("EURUSD").with_type(GONE).with_removed_key("EURUSD");
    /// assert_eq!((event.key(), event.is_removal()), (Some("EURUSD"), true));
    /// assert_eq!(event.encode(), "event: gone\ndata: EURUSD\n\n");
    /// ```
    #[must_use]
    pub fn with_removed_key(mut self, key: impl AsRef<str>) -> Self {
        self.key = Some(key.as_ref().into());
        self.rare_mut().is_removal = true;
        self
    }

    /// Sets a label, which [filters](crate::Subscribe::filter) see and clients do not, replacing an earlier
    /// one.
    ///
    /// It may name a tenant, a recipient or the sender. It never appears on the wire.
    ///
    /// All events of a [key](Self::with_key) should have one label, because a filter must give one answer for
    /// all of them. So let the key contain the label, such as `tenant-3/row-7`. To move a value from one
    /// label to another, first [remove](Self::with_removed_key) it with the old label and key, then publish
    /// it with the new ones. With one key for both, the value under the new label would supersede the
    /// removal, and a client of the old label that has not read the removal would keep the value for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let mine = |tenant| Subscribe::to("orders").filter(move |event| event.label() == Some(tenant));
    /// let third = hub.subscribe(mine("tenant-3"))?;
    /// hub.publish("orders", Event::new("two coffees").with_label("tenant-3"))?;
    /// # drop(third);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_label(mut self, label: impl AsRef<str>) -> Self {
        self.rare_mut().label = Some(label.as_ref().into());
        self
    }

    /// Returns the event ID, if one was set.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert!(Event::new("a").with_id(7).id().is_some_and(|id| id == "7"));
    /// assert_eq!(Event::new("a").id(), None);
    /// ```
    pub fn id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// Returns the event type, if one was set.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Event, EventType};
    ///
    /// let event = Event::new("a").with_type(EventType::from_static("order"));
    /// assert_eq!(event.event_type().map(EventType::as_str), Some("order"));
    /// ```
    pub fn event_type(&self) -> Option<&EventType> {
        self.event_type.as_ref()
    }

    /// Returns the reconnection time, if one was set.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::Event;
    ///
    /// let event = Event::new("a").with_retry(Duration::from_secs(5));
    /// assert_eq!(event.retry(), Some(Duration::from_secs(5)));
    /// ```
    pub fn retry(&self) -> Option<Duration> {
        self.rare.as_ref()?.retry
    }

    /// Returns the [key](Self::with_key), if one was set.
    pub fn key(&self) -> Option<&str> {
        self.key.as_ref().map(IdText::as_str)
    }

    /// Returns whether the event [removes its key](Self::with_removed_key).
    pub fn is_removal(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_removal)
    }

    /// Returns the [label](Self::with_label), if one was set.
    pub fn label(&self) -> Option<&str> {
        self.rare.as_ref()?.label.as_ref().map(IdText::as_str)
    }

    pub(crate) fn key_text(&self) -> Option<&IdText> {
        self.key.as_ref()
    }

    pub(crate) fn label_text(&self) -> Option<&IdText> {
        self.rare.as_ref()?.label.as_ref()
    }

    /// Returns whether the event has a key or a label.
    #[inline]
    pub(crate) fn has_beside(&self) -> bool {
        self.key.is_some() || self.rare.as_ref().is_some_and(|rare| rare.label.is_some())
    }

    /// Returns whether the event has a reconnection time or a comment.
    #[inline]
    pub(crate) fn has_extras(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_written())
    }

    #[inline]
    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }

    pub(crate) fn without_id(mut self) -> Self {
        self.id = None;
        self
    }

    pub(crate) fn comment_text(&self) -> Option<&Text> {
        self.rare.as_ref()?.comment.as_ref()
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

    /// Returns the length of the data, the comment, the key and the label in bytes.
    #[cfg(feature = "tokio")]
    pub(crate) fn text_len(&self) -> usize {
        let data = match &self.data {
            Data::Absent => 0,
            Data::Text(text) => text.as_bytes().len(),
            Data::Lines(lines) => lines.len(),
        };
        let [key, label] = [self.key_text(), self.label_text()].map(|text| text.map(IdText::as_bytes));
        let rare = [self.comment_text().map(Text::as_bytes), key, label];
        data + rare.iter().flatten().map(|text| text.len()).sum::<usize>()
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
        if let Some(retry) = self.retry() {
            debug.field("retry", &retry);
        }
        if let Some(comment) = self.comment_text() {
            debug.field("comment", comment);
        }
        if let Some(key) = self.key() {
            debug.field(if self.is_removal() { "removed_key" } else { "key" }, &key);
        }
        if let Some(label) = self.label() {
            debug.field("label", &label);
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
