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
        notice::{Notices, PositionForm},
    },
};

/// The configuration of a [`Hub`], made by [`Hub::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::{Bounds, Hub};
///
/// let hub = Hub::builder(Bounds::events(10_000).with_bytes(8 << 20))
///     .with_max_bytes(256 << 20)
///     .with_retry(Duration::from_secs(1))
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
    pub(super) retry: Option<Duration>,
    pub(super) notices: Notices,
    pub(super) clock: Clock,
}

impl HubBuilder {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            max_bytes: None,
            max_topics: 100_000,
            ids: Ids::own(),
            retry: None,
            notices: Notices::default(),
            clock: Clock::system(),
        }
    }

    /// Bounds the memory of all topics together, in bytes: 256 MiB by default, or as much as the [`Bounds`] of one topic
    /// ask for if that is more.
    ///
    /// What counts is what is allocated: the events with their index and the room to spare in their chunks, what a topic
    /// costs by itself (about 350 bytes and its name), and what is remembered of topics without history. Where it does
    /// not fit, finished topics without subscribers lose their events first, then the oldest event goes, whatever its
    /// topic. A client that comes back for an event that went this way is told so. [`Stats::memory`](super::Stats)
    /// shows how much is in use.
    ///
    /// Subscriptions, and topics that have only subscribers, do not count: they are bounded by the number of
    /// connections. Nor do pieces that subscribers have taken and not yet sent. The newest event is held in any case.
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets how many topics without subscribers and history are remembered: 100,000 that are finished by default, and
    /// as many others.
    ///
    /// Of such a topic the hub keeps its newest evicted position and whether it is finished, about 100 bytes whatever
    /// its name. All together take at most an eighth of [`with_max_bytes`](Self::with_max_bytes), of which those that
    /// are finished go last.
    ///
    /// When one is forgotten, a client of it that comes back with an older ID is told of a gap that may not exist; a gap
    /// that exists is never hidden. When it was finished, the stream of such a client ends after the gap, so that it
    /// does not wait for ever; the same is said to clients of other topics of which the hub knows nothing, which then
    /// come back with the position that they were told and stay. A topic that was finished and is forgotten can be
    /// published to again.
    pub fn with_max_topics(mut self, max_topics: usize) -> Self {
        self.max_topics = max_topics;
        self
    }

    /// Sets who makes the event IDs, the hub by default.
    pub fn with_ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the reconnection time that each stream begins with. By default none is sent.
    pub fn with_retry(mut self, reconnection_time: Duration) -> Self {
        self.retry = Some(reconnection_time);
        self
    }

    /// Sets how a position is told that has moved without an event.
    pub fn with_position_form(mut self, form: PositionForm) -> Self {
        self.notices.form = form;
        self
    }

    /// Sets the event type of positions, `position` by default. Nothing else may be published with it.
    ///
    /// A reconnection time goes out with the position, or in an event of this type without an ID.
    pub fn with_position_type(mut self, event_type: EventType) -> Self {
        self.notices.position_type = event_type;
        self
    }

    /// Sets the event type of [gaps](super::Gap), `reset` by default. Nothing else may be published with it.
    pub fn with_reset_type(mut self, event_type: EventType) -> Self {
        self.notices.reset_type = event_type;
        self
    }

    /// Sets the clock for the age of events, greatest lifetimes and a closing hub's deadline.
    ///
    /// By default it is the system's monotonic clock. With the feature `tokio` it follows tokio's clock while that is
    /// paused, as in tests.
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::custom(now);
        self
    }

    /// Creates the hub.
    pub fn build(self) -> Hub {
        let (max_event, max_bytes) = (self.max_event(), self.max_bytes());
        let ids = IdSpace::new(self.ids);
        let shared = Shared {
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
            retry: self.retry,
        };
        Hub { shared: Arc::new(shared) }
    }

    /// Returns the greatest event, in bytes.
    pub(super) fn max_event(&self) -> usize {
        self.bounds.bytes.min(self.max_bytes())
    }

    /// Returns what all topics may take together, in bytes.
    fn max_bytes(&self) -> usize {
        let of_one = if self.bounds.bytes == usize::MAX { 0 } else { self.bounds.bytes };
        self.max_bytes.unwrap_or(of_one.max(DEFAULT_MAX_BYTES))
    }
}

/// Enough for two million small events, and safe on a small server.
const DEFAULT_MAX_BYTES: usize = 256 << 20;
