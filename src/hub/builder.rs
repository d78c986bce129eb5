use std::{
    sync::atomic::AtomicUsize,
    time::{Duration, Instant},
};

use crate::{
    base::{
        clock::Clock,
        sync::{Arc, AtomicU64, Mutex},
    },
    event::event_type::EventType,
    history::{bounds::Bounds, id_space::IdSpace, ids::Ids},
    hub::{
        core::{shared::Shared, state::State},
        handle::Hub,
        notice::{PositionForm, SharedNotices},
    },
};

/// The configuration of a [`Hub`], created by [`Hub::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::{Bounds, Hub};
///
/// let hub = Hub::builder(Bounds::events(10_000).with_bytes(8 << 20))
///     .max_bytes(256 << 20)
///     .retry(Duration::from_secs(1))
///     .build();
/// assert_eq!(hub.stats().topics, 0);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HubBuilder {
    bounds: Bounds,
    max_bytes: Option<usize>,
    max_topics: usize,
    ids: Ids,
    pub(crate) notices: SharedNotices,
    pub(crate) clock: Clock,
}

impl HubBuilder {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            max_bytes: None,
            max_topics: 100_000,
            ids: Ids::generated(),
            notices: SharedNotices::default(),
            clock: Clock::system(),
        }
    }

    /// Limits the memory of all topics together, in bytes. Default: 256 MiB, or the [`Bounds`] of one topic
    /// if they allow more.
    ///
    /// The limit applies to allocated memory: events with their index and the spare capacity of their chunks,
    /// about 350 bytes and the name per topic, and the records of topics without history. If memory runs out,
    /// finished topics without subscribers lose their events first; then the oldest events are evicted,
    /// whatever their topic. A client that resumes before an evicted event gets a [gap](super::Gap).
    /// [`Stats::memory`](super::Stats) shows the memory in use. A client that reads may cause evictions too,
    /// because sharing what is read takes some memory.
    ///
    /// Subscriptions, and topics that have only subscribers, do not count; the number of connections limits
    /// them. Blocks that subscribers have received but not yet sent do not count either. The newest event is
    /// always held.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::builder(Bounds::events(1_000_000)).max_bytes(64 * 1024).build();
    /// for _ in 0..1000 {
    ///     hub.publish("orders", "x".repeat(1000))?;
    /// }
    /// assert!(hub.stats().memory <= 64 * 1024);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets how many topics without subscribers and history are remembered. Default: 100,000 finished ones,
    /// and as many others.
    ///
    /// For such a topic the hub stores its newest evicted position and whether it is finished, in about 100
    /// bytes whatever its name. All together take at most an eighth of [`max_bytes`](Self::max_bytes); those
    /// of finished topics are dropped last.
    ///
    /// If the hub has forgotten a topic, a client that resumes it with an older ID may get a gap that does
    /// not exist; a gap that exists is always reported. If the topic was finished, the client's stream ends
    /// after the gap, so that it does not wait for ever. Clients of other topics that the hub does not know
    /// get the same; they reconnect with their new position, and their streams then stay open. A topic that
    /// was finished and forgotten can be published to again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).max_remembered_topics(0).build();
    /// hub.publish("job-7", "done")?;
    /// hub.remove("job-7");
    /// assert_eq!(hub.stats().memory, 0, "nothing is stored about it");
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn max_remembered_topics(mut self, max_topics: usize) -> Self {
        self.max_topics = max_topics;
        self
    }

    /// Sets the origin and the order of the event IDs. By default the hub generates them.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub, replay::Ids};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).ids(Ids::integers()).build();
    /// assert_eq!(hub.publish("orders", Event::new("two coffees").with_id(7))?, "7");
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the reconnection time that each stream begins with. By default none is sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).retry(Duration::from_secs(1)).build();
    /// let mut events = hub.subscribe("orders")?;
    /// let first = events.next().now_or_never().flatten().unwrap();
    /// assert!(String::from_utf8_lossy(&first).contains("retry: 1000\n"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn retry(mut self, reconnection_time: Duration) -> Self {
        SharedNotices::make_mut(&mut self.notices).retry = Some(reconnection_time);
        self
    }

    /// Sets how to send a position that has moved without an event.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, hub::PositionForm};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).position_form(PositionForm::IdOnly).build();
    /// let mut events = hub.subscribe("orders")?;
    /// let first = events.next().now_or_never().flatten().unwrap();
    /// assert!(first.starts_with(b"id: ") && !first.windows(4).any(|field| field == b"data"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn position_form(mut self, form: PositionForm) -> Self {
        SharedNotices::make_mut(&mut self.notices).form = form;
        self
    }

    /// Sets the event type of positions. Default: `position`. You cannot publish other events with it.
    ///
    /// A reconnection time is sent with the position, or in a block of this type without data and ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, EventType, Hub};
    ///
    /// let position = EventType::from_static("where-you-are");
    /// let hub = Hub::builder(Bounds::events(100)).position_type(position).build();
    /// let mut events = hub.subscribe("orders")?;
    /// let first = events.next().now_or_never().flatten().unwrap();
    /// assert!(String::from_utf8_lossy(&first).contains("event: where-you-are\n"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn position_type(mut self, event_type: EventType) -> Self {
        SharedNotices::make_mut(&mut self.notices).position_type = event_type;
        self
    }

    /// Sets the event type of [gaps](super::Gap). Default: `reset`. You cannot publish other events with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, EventId, EventType, Hub, Subscribe};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).reset_type(EventType::from_static("load-again")).build();
    /// let mut events = hub.subscribe(Subscribe::to("orders").after(EventId::from_static("unknown")))?;
    /// let gap = events.next().now_or_never().flatten().unwrap();
    /// assert!(String::from_utf8_lossy(&gap).contains("event: load-again\n"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn reset_type(mut self, event_type: EventType) -> Self {
        SharedNotices::make_mut(&mut self.notices).reset_type = event_type;
        self
    }

    /// Sets the clock for the age of events, maximum lifetimes and a closing hub's deadline.
    ///
    /// By default it is the system's monotonic clock. With the feature `tokio` it follows tokio's clock while
    /// that is paused, as in tests.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{sync::{Arc, Mutex}, time::{Duration, Instant}};
    /// use ssekit::{Bounds, Hub};
    ///
    /// let now = Arc::new(Mutex::new(Instant::now()));
    /// let clock = { let now = now.clone(); move || *now.lock().unwrap() };
    /// let hub = Hub::builder(Bounds::events(100).with_age(Duration::from_secs(60))).clock(clock).build();
    /// hub.publish("orders", "two coffees")?;
    /// *now.lock().unwrap() += Duration::from_secs(61);
    /// hub.expire();
    /// assert_eq!(hub.stats().events, 0);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::custom(now);
        self
    }

    /// Creates the hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let builder = Hub::builder(Bounds::events(100));
    /// let (one, another) = (builder.clone().build(), builder.build());
    /// one.publish("orders", "two coffees")?;
    /// assert_eq!((one.stats().events, another.stats().events), (1, 0));
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn build(self) -> Hub {
        let (max_event, max_bytes) = (self.max_event(), self.memory_limit());
        let ids = IdSpace::new(self.ids);
        let shared = Shared {
            // From one, because a parked reader keeps the count in a `NonZeroU64`.
            changes: AtomicU64::new(1),
            filtered: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            aged: self.bounds.age.is_some(),
            max_event,
            max_bytes,
            ids: ids.scheme().clone(),
            state: Mutex::new(State::new(ids, self.bounds, max_bytes, self.max_topics)),
            clock: self.clock,
            notices: self.notices,
        };
        Hub { shared: Arc::new(shared) }
    }

    /// Returns the maximum size of an event, in bytes.
    pub(super) fn max_event(&self) -> usize {
        self.bounds.bytes.min(self.memory_limit())
    }

    /// Returns the maximum memory of all topics together, in bytes.
    fn memory_limit(&self) -> usize {
        let of_one = if self.bounds.bytes == usize::MAX { 0 } else { self.bounds.bytes };
        self.max_bytes.unwrap_or(of_one.max(DEFAULT_MAX_BYTES))
    }
}

/// Enough for two million small events, and safe on a small server.
const DEFAULT_MAX_BYTES: usize = 256 << 20;

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_topics_have_256_mib_or_the_bounds_of_one_if_those_allow_more() {
        let limit = |bounds| Hub::builder(bounds).memory_limit();
        assert_eq!(limit(Bounds::events(100)), 256 << 20);
        assert_eq!(limit(Bounds::bytes(1 << 20)), 256 << 20);
        assert_eq!(limit(Bounds::bytes(1 << 30)), 1 << 30);
        assert_eq!(Hub::builder(Bounds::bytes(1 << 30)).max_bytes(1 << 20).memory_limit(), 1 << 20);
    }
}
