use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    base::trace::relay::{not_published, publishing},
    event::{id::EventId, into_event::IntoEvent, value::Event},
    hub::{
        builder::HubBuilder, close::Close, handle::Stats as HubStats, into_subscribe::IntoSubscribe,
        publish_error::PublishError as HubPublishError, refusal::Refusal, subscription::Subscription,
    },
    relay::{
        log::{AppendError, Log},
        node::Core,
        publish::PublishError,
        record::Record,
        resume::Arrival,
        tail::Tail,
    },
};

/// A hub whose events come from a [`Log`] shared with other processes.
///
/// Cloning is cheap, and all clones are the same relay. Dropping the last one closes the node as
/// [`close`](Self::close) does by default. See the [module](crate::relay) for its guarantees.
pub struct Relay<L> {
    pub(super) core: Arc<Core<L>>,
    open: Arc<Open<L>>,
}

/// Shared by all handles of a relay. Dropped with the last one, which closes the node.
struct Open<L>(Arc<Core<L>>);

impl<L> Drop for Open<L> {
    fn drop(&mut self) {
        self.0.node.close(Close::new());
    }
}

/// Statistics of a relay: its present state, and counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The statistics of the local hub since it was last filled from the log. Its published events are those
    /// read from the log.
    pub hub: HubStats,
    /// The log is being tailed.
    pub connected: bool,
    /// The time for which the hub may have been behind the log. Zero while it has read everything.
    pub lag: Duration,
    /// The number of times that the log was reached again after a fault.
    pub reconnects: u64,
    /// The number of times that the log turned out to be another one, in an older state, or trimmed past this
    /// node, so that the hub was filled again and its clients had to reconnect.
    pub resets: u64,
    /// The subscriptions now served from the log itself, in addition to those of the hub.
    pub paging: usize,
    /// Events delivered from the log itself. They also count as delivered.
    pub paged: u64,
    /// Entries of the log that were skipped, because they are not a [`Record`] or have a reserved event type.
    pub invalid: u64,
    /// Calls to publish or finish on this node that failed because of the log, with
    /// [`PublishError::NotPublished`] or [`PublishError::Unacknowledged`].
    pub failed_publishes: u64,
}

impl<L: Log> Relay<L> {
    /// Creates a relay and the [`Tail`] that reads the log for it. Spawn the tail.
    ///
    /// `hub` configures the local hub: its bounds limit the newest history held in this process. The IDs are
    /// always the log's; those of the builder are ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-new-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// assert_eq!(relay.stats().hub.published, 0);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn new(log: L, hub: HubBuilder) -> (Self, Tail<L>) {
        let core = Arc::new(Core::new(log, hub));
        let open = Arc::new(Open(Arc::clone(&core)));
        (Self { core: Arc::clone(&core), open }, Tail::new(core))
    }

    /// Publishes an event to a topic, on all nodes, and returns its ID.
    ///
    /// Waits for the log's acknowledgement, but not for this or another node to read the event. Concurrent
    /// calls share round trips if the log supports that.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which tells whether the event may have been published.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-publish-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// let (one, two) = (relay.publish("orders", "one").await?, relay.publish("orders", "two").await?);
    /// assert_ne!(one, two);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn publish(
        &self,
        topic: &str,
        event: impl IntoEvent,
    ) -> Result<EventId, PublishError<L::Error>> {
        self.append(topic, event.into_event(), None).await
    }

    /// Publishes an event unless one was published with the same key before. Returns the ID of whichever was
    /// published.
    ///
    /// After a [`PublishError::Unacknowledged`] you can call it again with the same key. The log determines
    /// how long a key is remembered, and which failures it survives.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which tells whether the event may have been published.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-once-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// let id = relay.publish_once("orders", "order-7", "two coffees").await?;
    /// assert_eq!(relay.publish_once("orders", "order-7", "two coffees").await?, id);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn publish_once(
        &self,
        topic: &str,
        key: &str,
        event: impl IntoEvent,
    ) -> Result<EventId, PublishError<L::Error>> {
        self.append(topic, event.into_event(), Some(key)).await
    }

    /// Finishes a topic on all nodes: no more events will come.
    ///
    /// [`Hub::finish`](crate::Hub::finish) takes effect on each node as soon as it has read the mark.
    /// Finishing a topic again has no effect. A topic stays finished for as long as the log holds the mark.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which tells whether the topic may have been finished. It is safe to try
    /// again.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-finish-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// relay.publish("job-7", "done").await?;
    /// relay.finish("job-7").await?;
    /// assert!(relay.publish("job-7", "more").await.is_err());
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn finish(&self, topic: &str) -> Result<(), PublishError<L::Error>> {
        self.check_open()?;
        match self.record(Record::Finish { topic: topic.to_owned() }, None).await {
            Ok(_) | Err(PublishError::Refused(HubPublishError::Finished)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Subscribes a client to topics, from now on or from just after its last event ID, which any node may
    /// have sent.
    ///
    /// As [`Hub::subscribe`](crate::Hub::subscribe), but what the local hub no longer holds, or does not hold
    /// yet, comes from the log. [`Start::Oldest`](crate::hub::Start::Oldest) is the oldest event in the log.
    /// A subscription lags when the log no longer holds what comes next for it: as long as it does, falling
    /// behind the local hub only makes it slower.
    ///
    /// Waits only if it must ask the log for the event with that ID, or if this node has not read the log
    /// yet. In both cases it waits at most 5 seconds, and only until the relay is closed.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`], which builds the HTTP answer, if the relay is closed, if no event can follow,
    /// if it must ask the log and cannot reach it, or if its [`Tail`] is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-subscribe-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub, Subscribe};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// let id = relay.publish("orders", "two coffees").await?;
    /// let events = relay.subscribe(Subscribe::to("orders").after(id)).await?;
    /// assert!(events.gap().is_none());
    /// # drop(events);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "resume")]
    pub async fn subscribe(&self, what: impl IntoSubscribe) -> Result<Subscription, Refusal> {
        Arrival { core: &self.core, what: what.into_subscribe() }.enter().await
    }

    /// Closes this node: each subscription ends after the events pending in the hub, new clients are refused,
    /// publishing through this node fails, and the log is no longer tailed. Other nodes are not affected.
    ///
    /// Only the first call has an effect. To wait for the subscriptions to end, see
    /// [`drained`](Self::drained).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-close-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// let tail = tokio::spawn(tail.run());
    /// relay.close(Close::new());
    /// tail.await?;
    /// assert!(relay.publish("orders", "two coffees").await.is_err());
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn close(&self, close: Close) {
        self.core.node.close(close);
    }

    /// Waits until no subscription is left.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-drained-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// drop(relay.subscribe("orders").await?);
    /// relay.close(Close::new());
    /// relay.drained().await;
    /// assert_eq!(relay.stats().hub.subscribers, 0);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn drained(&self) {
        let node = &self.core.node;
        let mut progress = node.progress.subscribe();
        // Paging before the hub, because a stream that pages may still move on to the hub. Each
        // that ends after the close sends progress.
        let _ = progress.wait_for(|_| node.paging.load(Ordering::Relaxed) == 0).await;
        if let Some(generation) = node.current() {
            generation.hub.drained().await;
        }
    }

    /// Returns the relay's statistics.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-stats-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// relay.publish("orders", "two coffees").await?;
    /// assert_eq!(relay.stats().failed_publishes, 0);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn stats(&self) -> Stats {
        let node = &self.core.node;
        let (connected, reconnects, lag) = node.link();
        Stats {
            hub: node.current().map(|generation| generation.hub.stats()).unwrap_or_default(),
            connected,
            lag,
            reconnects,
            resets: node.resets.load(Ordering::Relaxed),
            paging: node.paging.load(Ordering::Relaxed),
            paged: node.paged.load(Ordering::Relaxed),
            invalid: node.invalid.load(Ordering::Relaxed),
            failed_publishes: node.failed_publishes.load(Ordering::Relaxed),
        }
    }

    /// Returns the log.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "disk")]
    /// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
    /// # use ssekit::relay::{DiskLog, Relay};
    /// # let folder = std::env::temp_dir().join(format!("ssekit-doc-log-{}", std::process::id()));
    /// # let log = DiskLog::open(&folder).await?;
    /// use ssekit::{Bounds, Hub, relay::Log};
    ///
    /// let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    /// tokio::spawn(tail.run());
    /// let id = relay.publish("orders", "two coffees").await?;
    /// assert!(relay.log().holds(&id).await?);
    /// # relay.close(ssekit::hub::Close::new());
    /// # drop(relay);
    /// # std::fs::remove_dir_all(folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn log(&self) -> &L {
        &self.core.log
    }

    async fn append(
        &self,
        topic: &str,
        event: Event,
        key: Option<&str>,
    ) -> Result<EventId, PublishError<L::Error>> {
        self.check_open()?;
        // Before the log is asked: an event that no hub accepts would be read by each node in vain.
        self.core.node.builder.check(&event)?;
        let record = Record::Event { topic: topic.to_owned(), event };
        publishing(topic, self.record(record, key)).await
    }

    async fn record(&self, record: Record, key: Option<&str>) -> Result<EventId, PublishError<L::Error>> {
        self.core.log.append(record, key).await.map_err(|error| {
            // A finished topic is an answer of the log, and no fault of it.
            if let AppendError::Refused(cause) | AppendError::Unacknowledged(cause) = &error {
                not_published(cause);
                self.core.node.failed_publishes.fetch_add(1, Ordering::Relaxed);
            }
            error.into()
        })
    }

    fn check_open(&self) -> Result<(), HubPublishError> {
        if self.core.node.is_sealed() { Err(HubPublishError::Closed) } else { Ok(()) }
    }
}

impl<L> Clone for Relay<L> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), open: Arc::clone(&self.open) }
    }
}

impl<L: Log + fmt::Debug> fmt::Debug for Relay<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("log", &self.core.log).field("stats", &self.stats()).finish()
    }
}
