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
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let subscribe = Subscribe::to(["orders", "news"]).filter(|event| {
    ///     assert!(["orders", "news"].contains(&event.topic()));
    ///     event.topic() == "orders"
    /// });
    /// assert!(hub.subscribe(subscribe).is_ok());
    /// ```
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Returns the event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Event, Hub, Subscribe, replay::Ids};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).ids(Ids::integers()).build();
    /// let mut events = hub.subscribe(Subscribe::to("orders").filter(|event| event.id() != "7"))?;
    /// let _position = events.next().now_or_never();
    /// hub.publish("orders", Event::new("seven").with_id(7))?;
    /// hub.publish("orders", Event::new("eight").with_id(8))?;
    /// assert_eq!(events.next().now_or_never().flatten().unwrap(), "id: 8\ndata: eight\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &'a str {
        id_in(self.text).unwrap_or_default()
    }

    /// Returns the event type, or `None` for an event that a browser dispatches as a `message`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Event, EventType, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let orders = Subscribe::to("shop").filter(|event| event.event_type() == Some("order"));
    /// let mut events = hub.subscribe(orders)?;
    /// let _position = events.next().now_or_never();
    /// hub.publish("shop", "closed on Sunday")?;
    /// hub.publish("shop", Event::new("two coffees").with_type(EventType::from_static("order")))?;
    /// assert!(events.next().now_or_never().flatten().unwrap().ends_with(b"data: two coffees\n\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn event_type(&self) -> Option<&'a str> {
        let mut lines = self.text.split(|byte| *byte == b'\n');
        // The hub writes the ID first and then the type, so that it is on the second line if there
        // is one.
        let event_type = lines.nth(1)?.strip_prefix(EVENT)?;
        str::from_utf8(event_type).ok()
    }

    /// Returns the event's [key](crate::Event::with_key), if it has one.
    ///
    /// A filter must give one answer for all events of a key. Otherwise a client keeps a value of which it
    /// never gets the successor. See the [guide](crate::guide::state).
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
