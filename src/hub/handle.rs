use std::{fmt, sync::atomic::Ordering};

use crate::{
    base::sync::{Arc, lock},
    event::{id::EventId, into_event::IntoEvent, value::Event},
    history::{bounds::Bounds, id_space::IdSpace, position::Position},
    hub::{
        builder::HubBuilder,
        close::{Close, Drained},
        core::shared::Shared,
        into_subscribe::IntoSubscribe,
        publish_error::PublishError,
        refusal::Refusal,
        subscription::Subscription,
        topic::Topic,
    },
};

/// A set of topics to publish and subscribe to.
///
/// Cloning is cheap, and all clones are the same hub. See the [module](crate::hub) for its guarantees.
///
/// # Dropping
///
/// A clone is a handle on the hub, and so is a [`Topic`]; a [`Subscription`] is not. Dropping the last handle
/// closes the hub as [`close`](Self::close) does with [`Close::new`]: no one can publish any more, so each
/// subscription ends after the pending events. A handle held by a subscription's filter or callback counts as
/// well.
///
/// # Examples
///
/// ```
/// use futures_util::StreamExt as _;
/// use ssekit::{Bounds, Event, Hub, Subscribe};
///
/// # futures_executor(async {
/// let hub = Hub::new(Bounds::events(1000));
/// let mut orders = hub.subscribe(["orders"])?;
/// let id = hub.publish("orders", Event::new("first"))?;
///
/// let _position = orders.next().await;
/// let first = orders.next().await.unwrap();
/// assert_eq!(first, format!("id: {id}\ndata: first\n\n"));
///
/// // Later, the client comes back with the last event ID that it has seen.
/// hub.publish("orders", Event::new("second"))?;
/// let mut orders = hub.subscribe(Subscribe::to("orders").after(id))?;
/// let _position = orders.next().await;
/// assert!(orders.next().await.unwrap().ends_with(b"data: second\n\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # fn futures_executor<F: Future>(f: F) -> F::Output {
/// #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(f)
/// # }
/// ```
#[doc(alias = "sse")]
#[doc(alias = "broadcast")]
pub struct Hub {
    pub(super) shared: Arc<Shared>,
}

/// Statistics of a hub: its present state, and counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Open subscriptions.
    pub subscribers: usize,
    /// Topics with subscribers, handles or history.
    pub topics: usize,
    /// Events published.
    pub published: u64,
    /// Events delivered, counted once for each subscriber.
    pub delivered: u64,
    /// The number of times that a subscription fell behind the history.
    pub lagged: u64,
    /// The number of times that a client resumed without a gap.
    pub resumed: u64,
    /// The number of gaps reported.
    pub gaps: u64,
    /// Events held.
    pub events: usize,
    /// Bytes held, as [`Bounds::bytes`] counts them.
    pub bytes: usize,
    /// Bytes of memory in use for topics with history and for records of other topics.
    /// [`HubBuilder::max_bytes`] limits it.
    pub memory: usize,
}

impl Hub {
    /// Creates a hub with this much history per topic, and at most 256 MiB for all topics together.
    ///
    /// To set another limit, see [`HubBuilder::max_bytes`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(1));
    /// hub.publish("orders", "one")?;
    /// hub.publish("orders", "two")?;
    /// assert_eq!(hub.stats().events, 1);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn new(bounds: Bounds) -> Self {
        Self::builder(bounds).build()
    }

    /// Returns a builder for a hub with this much history per topic.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::builder(Bounds::events(100)).retry(Duration::from_secs(1)).build();
    /// assert_eq!(hub.stats().topics, 0);
    /// ```
    pub fn builder(bounds: Bounds) -> HubBuilder {
        HubBuilder::new(bounds)
    }

    /// Publishes an event to a topic and returns its ID.
    ///
    /// The event is an [`Event`], a reference to one, or a text for an event that has only data. It is
    /// encoded once, whatever the number of subscribers, and parked subscribers are woken. Publishing never
    /// waits for a subscriber.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`] if the hub is closed, the topic is finished, the event is too large, or its
    /// type or ID is not allowed. Nothing is published then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, EventType, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.publish("orders", "two coffees")?;
    /// hub.publish("orders", Event::new("a tea").with_type(EventType::from_static("late")))?;
    /// assert_eq!(hub.stats().published, 2);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    #[doc(alias = "send")]
    #[doc(alias = "broadcast")]
    pub fn publish(&self, topic: &str, event: impl IntoEvent) -> Result<EventId, PublishError> {
        let event = &event.into_event();
        self.append(topic, &mut [self.prepare(topic, event)?], |ids| ids.line().event_id(event))
    }

    /// Publishes events to a topic, all or none, with one wake-up, and returns their IDs.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`] if one of them cannot be published.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let ids = hub.publish_all("orders", ["two coffees", "a tea"])?;
    /// assert_eq!(ids.len(), 2);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn publish_all<E: IntoEvent>(
        &self,
        topic: &str,
        events: impl IntoIterator<Item = E>,
    ) -> Result<Vec<EventId>, PublishError> {
        let events: Vec<Event> = events.into_iter().map(IntoEvent::into_event).collect();
        let batch: Result<Vec<_>, _> = events.iter().map(|event| self.prepare(topic, event)).collect();
        // All are prepared before the first is appended, so that a batch with an event that is
        // refused leaves no trace.
        let mut batch = batch?;
        let head = self.append(topic, &mut batch, IdSpace::head)?;
        let ids = events
            .iter()
            // The batch was appended under one lock, so its events have the last positions in a
            // row.
            .zip((0..events.len()).rev())
            .map(|(event, after)| self.shared.ids.event_id(event, || head - after as Position));
        Ok(ids.collect())
    }

    /// Returns a handle on a topic. The topic begins now if it has not begun.
    ///
    /// It publishes to the topic, and can [finish the topic when it is dropped](Topic::finish_on_drop).
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let orders = hub.topic("orders");
    /// orders.publish("two coffees")?;
    /// assert_eq!(orders.name(), "orders");
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn topic(&self, name: &str) -> Topic {
        Topic::new(self.clone(), name)
    }

    /// Subscribes a client to topics, from now on or from just after its last event ID.
    ///
    /// Pass the name of a topic, or an array of names, for a new client; see [`Subscribe`](super::Subscribe)
    /// for resuming, filters and lifetimes. The stream begins with the client's position, or with a
    /// [`Gap`](super::Gap) if some of the events asked for are no longer available.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`], which builds the HTTP answer, if the hub is closed, or if no event can follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let new = hub.subscribe("orders")?;
    /// let id = hub.publish("orders", "two coffees")?;
    /// let resumed = hub.subscribe(Subscribe::to("orders").after(id))?;
    /// assert_eq!(hub.stats().subscribers, 2);
    /// # drop((new, resumed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "resume")]
    pub fn subscribe(&self, what: impl IntoSubscribe) -> Result<Subscription, Refusal> {
        what.into_subscribe().enter(&self.shared)
    }

    /// Finishes a topic: no more events follow.
    ///
    /// The streams of its subscribers end after the last event. A client that resumes still gets the events
    /// it missed while they are held; after that it is refused with 204, which stops a browser. Publishing to
    /// the topic is an error from now on. To finish a topic even if its publisher panics, see
    /// [`Topic::finish_on_drop`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, Subscribe, hub::RefusalReason};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let last = hub.publish("job-7", "done")?;
    /// hub.finish("job-7");
    /// assert!(hub.publish("job-7", "more").is_err());
    /// let refusal = hub.subscribe(Subscribe::to("job-7").after(last)).unwrap_err();
    /// assert_eq!(refusal.reason(), RefusalReason::Finished);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn finish(&self, topic: &str) {
        self.shared.change(|state, wake| state.finish(topic, wake));
    }

    /// Removes a topic and all its events at once.
    ///
    /// Use it when a job's history is no longer needed. The streams of its subscribers end. A client that
    /// resumes with an ID from before the topic's last event first gets a [`Gap`](super::Gap) with the reason
    /// *evicted*. A topic that was [finished](Self::finish) stays finished, so its clients are still stopped;
    /// any other can be published to again. Does nothing if the topic holds nothing.
    ///
    /// Holds the lock for a bounded time, and frees the topic's events without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Event, Hub, Subscribe, hub::GapReason};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let first = hub.publish("job-7", Event::new("started"))?;
    /// hub.publish("job-7", Event::new("half done"))?;
    /// hub.remove("job-7");
    /// assert_eq!(hub.stats().events, 0);
    ///
    /// let events = hub.subscribe(Subscribe::to("job-7").after(first))?;
    /// assert_eq!(events.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, topic: &str) {
        // In steps, with the lock released in between, as forgetting many IDs takes long.
        while self.shared.change(|state, wake| state.remove(topic, wake)).is_none() {}
    }

    /// Evicts all events that are now too old, in all topics.
    ///
    /// Takes the lock again for each few dozen events, so that others are not delayed. If topics of your
    /// service fall silent, call it from time to time, because each publish and each resume evicts only a
    /// bounded number of events.
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
    pub fn expire(&self) {
        let now = self.shared.now();
        while lock(&self.shared.state).expire(now) {}
    }

    /// Closes the hub: each subscription ends after its pending events, and new clients are refused.
    ///
    /// Only the first call has an effect. To wait for the subscriptions to end, see
    /// [`drained`](Self::drained).
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new());
    /// assert!(hub.publish("orders", "two coffees").is_err());
    /// assert!(hub.subscribe("orders").is_err());
    /// ```
    pub fn close(&self, close: Close) {
        let closing = close.start(&self.shared.clock);
        self.shared.change(|state, wake| state.close(closing, wake));
    }

    /// Waits until no subscription is left.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe("orders").unwrap();
    /// hub.close(Close::new());
    /// drop(events);
    /// hub.drained().await;
    /// assert_eq!(hub.stats().subscribers, 0);
    /// # });
    /// ```
    pub fn drained(&self) -> Drained {
        Drained::new(Arc::clone(&self.shared))
    }

    /// Returns the hub's statistics.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.publish("orders", "two coffees")?;
    /// let stats = hub.stats();
    /// assert_eq!((stats.topics, stats.events, stats.published), (1, 1, 1));
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn stats(&self) -> Stats {
        // Filters run without the lock and count here, so that the sum may be a moment old.
        let filtered = self.shared.filtered.load(Ordering::Relaxed);
        let state = lock(&self.shared.state);
        Stats {
            subscribers: state.subscribers,
            topics: state.topics.len(),
            published: state.published,
            delivered: state.delivered + state.topics.delivered() + filtered,
            lagged: state.lagged,
            resumed: state.resumed,
            gaps: state.gaps,
            events: state.topics.events(),
            bytes: state.topics.cost(),
            memory: state.memory(),
        }
    }
}

impl Clone for Hub {
    fn clone(&self) -> Self {
        // `Relaxed`, because the caller has a handle, so that the count cannot reach zero
        // meanwhile.
        self.shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // `AcqRel`, as when the last owner of an `Arc` is dropped: everything done through other handles must be
        // visible here.
        if self.shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close(Close::new());
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
