use std::time::Duration;

/// Limits on a history: by number of events, by bytes, or both, and optionally by age.
///
/// The oldest events are evicted first. At least one of the first two bounds is set, so memory is always
/// bounded.
///
/// Events that a newer one with the same [key](crate::Event::with_key) has superseded are not counted; until
/// they are cleaned up, they take at most as much memory again. Count and age evict the value of a key as any
/// event, even if the key has no newer one. To hold the whole state of a topic, allow as many events as it
/// can have keys, and no age.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::Bounds;
///
/// let bounds = Bounds::events(10_000).with_bytes(16 << 20).with_age(Duration::from_secs(3600));
/// # let _ = bounds;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Option<Duration>,
}

impl Bounds {
    /// The bytes that an event costs in addition to its text: its entry in the index, and spare capacity.
    pub const EVENT_OVERHEAD: usize = 40;

    /// The bytes that a key, a label or both cost an event in addition to their text.
    pub const KEY_OVERHEAD: usize = 88;

    /// Limits the history to a number of events. Zero counts as one, because an event must be held to be
    /// delivered.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(2));
    /// for text in ["one", "two", "three"] {
    ///     buffer.push(&Event::new(text))?;
    /// }
    /// assert_eq!(buffer.len(), 2);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub const fn events(events: usize) -> Self {
        Self { events: usize::MAX, bytes: usize::MAX, age: None }.with_events(events)
    }

    /// Limits the history to a number of bytes: those of the encoded events, plus
    /// [`EVENT_OVERHEAD`](Self::EVENT_OVERHEAD) for each. An event with a key or a label counts for their
    /// text and [`KEY_OVERHEAD`](Self::KEY_OVERHEAD) in addition.
    ///
    /// An event that exceeds this bound on its own is rejected when it is published.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::bytes(1024));
    /// assert!(buffer.push(&Event::new("x".repeat(2000))).is_err());
    /// for _ in 0..100 {
    ///     buffer.push(&Event::new("two coffees"))?;
    /// }
    /// assert!(buffer.bytes() <= 1024);
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    pub const fn bytes(bytes: usize) -> Self {
        Self { events: usize::MAX, bytes, age: None }
    }

    /// Sets the bound on the number of events, replacing an earlier one. Zero counts as one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Bounds;
    ///
    /// assert_eq!(Bounds::events(7).with_events(100), Bounds::events(100));
    /// ```
    #[must_use]
    pub const fn with_events(mut self, events: usize) -> Self {
        self.events = if events == 0 { 1 } else { events };
        self
    }

    /// Sets the bound on bytes, replacing an earlier one.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Bounds;
    ///
    /// assert_eq!(Bounds::bytes(1024).with_bytes(16 << 20), Bounds::bytes(16 << 20));
    /// ```
    #[must_use]
    pub const fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the maximum age of an event, replacing an earlier one.
    ///
    /// Events older than this may be evicted, but some may still be held. There is no timer: each publish and
    /// each resume evicts a bounded number of events that are too old, and `expire` evicts all of them. Until
    /// then such an event is delivered like any other.
    ///
    /// The value of a key is as old as its last change.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::{Bounds, Event, ReplayBuffer};
    ///
    /// let mut buffer = ReplayBuffer::new(Bounds::events(100).with_age(Duration::ZERO));
    /// buffer.push(&Event::new("too old at once"))?;
    /// assert!(buffer.is_empty());
    /// # Ok::<(), ssekit::replay::PushError>(())
    /// ```
    #[must_use]
    pub const fn with_age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }
}
