use std::{fmt, sync::Arc};

use crate::decode::last_id::LastId;

/// A received event, owned.
///
/// It is one heap allocation of exactly its texts, including the last event ID, so it keeps no chunk or
/// buffer of the decoder alive. A last event ID of more than 64 bytes is stored separately and shared by all
/// events that have it, including clones. To send an event, use [`Event`](crate::Event).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReceivedEvent {
    /// The data, the event type (empty for [`DEFAULT_EVENT_TYPE`]) and a short last event ID, concatenated.
    text: Box<str>,
    data_end: usize,
    event_type_end: usize,
    /// A long last event ID.
    long_id: Option<Arc<str>>,
}

impl ReceivedEvent {
    #[inline]
    pub(super) fn new(event_type: &str, data: &str, last_event_id: &LastId) -> Self {
        let event_type = if event_type == DEFAULT_EVENT_TYPE { "" } else { event_type };
        let short_id = last_event_id.short();
        // Fast path: most events are data alone, and a box of it needs no second step to shrink.
        let text = if event_type.is_empty() && short_id.is_empty() {
            data.into()
        } else {
            let mut text = String::with_capacity(data.len() + event_type.len() + short_id.len());
            text.push_str(data);
            text.push_str(event_type);
            text.push_str(short_id);
            text.into_boxed_str()
        };
        #[cfg(test)]
        super::tests::count_copies(text.len());
        Self {
            text,
            data_end: data.len(),
            event_type_end: data.len() + event_type.len(),
            long_id: last_event_id.long().cloned(),
        }
    }

    /// Returns the event type: `message` unless an `event` field named another.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("event: order\ndata: a\n\ndata: b\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.next().await.unwrap()?.event_type(), "order");
    /// assert_eq!(events.next().await.unwrap()?.event_type(), "message");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn event_type(&self) -> &str {
        match &self.text[self.data_end..self.event_type_end] {
            "" => DEFAULT_EVENT_TYPE,
            event_type => event_type,
        }
    }

    /// Returns the data: the values of the `data` fields, joined by line feeds.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("data: two\r\ndata: lines\r\n\r\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.next().await.unwrap()?.data(), "two\nlines");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn data(&self) -> &str {
        &self.text[..self.data_end]
    }

    /// Returns the last event ID after this event; an earlier event may have set it. Empty if none did.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::EventStream;
    ///
    /// let chunks = [Ok::<_, std::io::Error>("id: 7\ndata: a\n\ndata: b\n\n")];
    /// let mut events = EventStream::new(futures_util::stream::iter(chunks));
    /// assert_eq!(events.next().await.unwrap()?.last_event_id(), "7");
    /// assert_eq!(events.next().await.unwrap()?.last_event_id(), "7", "an event without an ID keeps it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.long_id.as_deref().unwrap_or(&self.text[self.event_type_end..])
    }
}

impl fmt::Debug for ReceivedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedEvent")
            .field("event_type", &self.event_type())
            .field("data", &self.data())
            .field("last_event_id", &self.last_event_id())
            .finish()
    }
}

/// The event type of an event whose `event` field is absent or empty (9.2.6).
pub(super) const DEFAULT_EVENT_TYPE: &str = "message";
