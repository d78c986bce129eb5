use std::{
    sync::atomic::AtomicUsize,
    time::{Duration, Instant},
};

use super::{
    Hub, Shared,
    notice::{Notices, PositionForm},
    state::State,
};
use crate::{
    Bounds, EventType,
    clock::Clock,
    replay::{Ids, id_space::IdSpace},
    sync::{Arc, AtomicU64, Mutex},
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
    max_bytes: usize,
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
            max_bytes: usize::MAX,
            max_topics: 10_000,
            ids: Ids::own(),
            retry: None,
            notices: Notices::default(),
            clock: Clock::system(),
        }
    }

    /// Bounds the history of all topics together, in bytes. The oldest event goes first, whatever its topic.
    ///
    /// Without it, only the number of topics bounds the whole.
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets how many topics without subscribers and history are remembered, 10,000 by default.
    ///
    /// Of such a topic the hub keeps its name, its newest evicted position and whether it is finished, about 200
    /// bytes beside the name. When one is forgotten, a client of it that comes back with an older ID is told of a
    /// gap that may not exist; a gap that exists is never hidden. A topic that was finished and is forgotten can be
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
        let max_event = self.max_event();
        let ids = IdSpace::new(self.ids);
        let shared = Shared {
            changes: AtomicU64::new(1),
            filtered: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            aged: self.bounds.age.is_some(),
            max_event,
            ids: ids.scheme().clone(),
            state: Mutex::new(State::new(ids, self.bounds, self.max_bytes, self.max_topics)),
            clock: self.clock,
            notices: self.notices,
            retry: self.retry,
        };
        Hub { shared: Arc::new(shared) }
    }

    /// Returns the greatest event, in bytes.
    pub(super) fn max_event(&self) -> usize {
        self.bounds.bytes.min(self.max_bytes)
    }
}
