use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    event::{id::EventId, value::Event},
    hub::{
        builder::HubBuilder, close::Close, handle::Stats as HubStats,
        publish_error::PublishError as HubPublishError, refusal::Refusal, subscribe::Subscribe,
    },
    relay::{
        core::Core,
        log::{AppendError, Log},
        publish::PublishError,
        record::Record,
        resume::Arrival,
        subscription::Subscription,
        tail::Tail,
    },
};

/// A hub whose events come from a [`Log`] that it shares with other processes.
///
/// Cloning it is cheap, and all clones are the same relay. When the last one is dropped, the node closes as
/// [`close`](Self::close) does by default. See the [module](crate::relay) for what it promises.
pub struct Relay<L> {
    pub(super) core: Arc<Core<L>>,
    open: Arc<Open<L>>,
}

/// Held by all handles of a relay. When it goes, nobody can close the node any more, so it closes.
struct Open<L>(Arc<Core<L>>);

impl<L> Drop for Open<L> {
    fn drop(&mut self) {
        self.0.node.close(Close::new());
    }
}

/// What a relay holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What the local hub holds and has done since it was last filled from the log. What it has published is what was
    /// read from the log.
    pub hub: HubStats,
    /// Whether the log is being tailed.
    pub connected: bool,
    /// For how long the hub may have been behind the log. Zero while there is nothing that it has not read.
    pub lag: Duration,
    /// How often the log was reached again after a fault.
    pub reconnects: u64,
    /// How often the log turned out to be another one, to be in an older state, or to be trimmed past this node, so
    /// that the hub was filled anew and its clients sent to come back.
    pub resets: u64,
    /// Subscriptions that are being served from the log itself, beside those of the hub.
    pub paging: usize,
    /// Events that were given to subscribers from the log itself. They count among the delivered ones, too.
    pub paged: u64,
    /// Entries of the log that were passed over, since they are no [`Record`] or an event of a reserved type.
    pub invalid: u64,
    /// Calls that publish or finish on this node and failed because of the log, with [`PublishError::NotPublished`] or
    /// [`PublishError::Unacknowledged`].
    pub failed_publishes: u64,
}

impl<L: Log> Relay<L> {
    /// Creates a relay, and what tails the log for it, which is to be spawned.
    ///
    /// The hub is the local one: its bounds say how much of the newest history is held in this process. The IDs are
    /// the log's, whatever the builder says.
    pub fn new(log: L, hub: HubBuilder) -> (Self, Tail<L>) {
        let core = Arc::new(Core::new(log, hub));
        let open = Arc::new(Open(Arc::clone(&core)));
        (Self { core: Arc::clone(&core), open }, Tail::new(core))
    }

    /// Publishes an event to a topic, on all nodes, and returns its ID.
    ///
    /// It waits for the log's acknowledgement, and not until this or another node has read the event. Several calls
    /// at once share round trips if the log allows it.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which says whether the event may have been published.
    pub async fn publish(&self, topic: &str, event: Event) -> Result<EventId, PublishError<L::Error>> {
        self.append(topic, event, None).await
    }

    /// Publishes an event unless that was done with the same key before, and returns the ID of the one that was.
    ///
    /// After a [`PublishError::Unacknowledged`] it can be called again with the same key. For how long a key is
    /// remembered, and what that survives, is up to the log.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which says whether the event may have been published.
    pub async fn publish_once(
        &self,
        topic: &str,
        key: &str,
        event: Event,
    ) -> Result<EventId, PublishError<L::Error>> {
        self.append(topic, event, Some(key)).await
    }

    /// Finishes a topic on all nodes: no more events will come.
    ///
    /// What [`Hub::finish`](crate::Hub::finish) says holds on each node, as soon as that has read it. To finish a
    /// topic once more changes nothing. A topic stays finished for as long as the log holds the mark that says so.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`], which says whether the topic may have been finished. It is safe to try again.
    pub async fn finish(&self, topic: &str) -> Result<(), PublishError<L::Error>> {
        self.check_open()?;
        match self.record(Record::Finish { topic: topic.to_owned() }, None).await {
            Ok(_) | Err(PublishError::Refused(HubPublishError::Finished)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Subscribes a client to topics, from now on or from just after its last event ID, which any node may have given it.
    ///
    /// As [`Hub::subscribe`](crate::Hub::subscribe), but what the local hub no longer holds, or does not hold yet, comes
    /// from the log. [`Start::Oldest`](crate::hub::Start::Oldest) is the oldest event in the log. A subscription lags when the log no
    /// longer holds what comes next for it: as long as it does, falling behind the local hub only makes it slower.
    ///
    /// It waits only if the log must be asked whether it holds the event with that ID, or has not been read yet by this
    /// node; no longer than 5 seconds in either case, and no longer than until the relay is closed.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`], which builds the HTTP answer, if the relay is closed, if nothing will ever come, if the
    /// log must be asked and cannot be reached, or if its [`Tail`] has gone.
    #[doc(alias = "resume")]
    pub async fn subscribe(&self, what: impl Into<Subscribe>) -> Result<Subscription, Refusal> {
        Arrival { core: &self.core, what: what.into() }.enter().await
    }

    /// Closes this node: each subscription ends after what is pending in the hub, new clients are refused, nothing
    /// can be published through it, and the log is no longer tailed. Other nodes go on.
    ///
    /// Only the first call has an effect. To wait until all have gone, see [`drained`](Self::drained).
    pub fn close(&self, close: Close) {
        self.core.node.close(close);
    }

    /// Waits until no subscription is left.
    pub async fn drained(&self) {
        let node = &self.core.node;
        let mut progress = node.progress.subscribe();
        let _ = progress.wait_for(|_| node.paging.load(Ordering::Relaxed) == 0).await;
        if let Some(generation) = node.current() {
            generation.hub.drained().await;
        }
    }

    /// Returns what the relay holds and has done.
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
        self.core.node.builder.check(&event)?;
        self.record(Record::Event { topic: topic.to_owned(), event }, key).await
    }

    async fn record(&self, record: Record, key: Option<&str>) -> Result<EventId, PublishError<L::Error>> {
        self.core.log.append(record, key).await.map_err(|error| {
            if !matches!(error, AppendError::Finished) {
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
