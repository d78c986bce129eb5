use std::fmt;

use crate::{
    base::sync::{Arc, lock},
    event::{id::EventId, into_event::IntoEvent},
    hub::{
        handle::Hub, held::Held, history_page::HistoryPage, publish_error::PublishError,
        topic_stats::TopicStats, unsubscribed::Unsubscribed,
    },
    request::LastEventId,
};

/// A handle on one topic of a [`Hub`], created by [`Hub::topic`].
///
/// It keeps the hub open, as a [`Hub`] does. While there is a handle, the hub knows the topic, even if the
/// topic has neither history nor subscribers.
///
/// Cloning is cheap, and all clones are the same handle.
///
/// # Examples
///
/// ```
/// use ssekit::{Bounds, Event, Hub, hub::RefusalReason};
///
/// let hub = Hub::new(Bounds::events(100));
/// let job = hub.topic("job-7").finish_on_drop();
/// let worker = std::thread::spawn(move || {
///     job.publish(Event::new("half done")).unwrap();
///     panic!("the other half fails");
/// });
/// assert!(worker.join().is_err());
/// // Nothing more will come, so no client waits for it.
/// assert_eq!(hub.subscribe(["job-7"]).unwrap_err().reason(), RefusalReason::Finished);
/// ```
#[derive(Clone)]
#[must_use = "a handle that finishes its topic when it is dropped does so at once"]
pub struct Topic {
    // Fields drop in this order: the topic is finished before dropping `hub` may close the hub.
    finisher: Option<Arc<Finisher>>,
    hub: Hub,
    held: Arc<Held>,
}

/// Finishes a topic when it is dropped.
struct Finisher(Arc<Held>);

impl Topic {
    pub(super) fn new(hub: Hub, name: &str) -> Self {
        let held = Held::new(&hub.shared, name);
        Self { finisher: None, hub, held: Arc::new(held) }
    }

    /// Finishes the topic when this handle and all clones made from it are dropped, even if a panic drops
    /// them.
    ///
    /// Move it to the task that publishes, so that clients never wait for events of a publisher that is gone.
    /// Clones made before this call do not count. If the topic is finished, from an earlier run of the same
    /// job, it [begins again](Self::reopen).
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// for run in ["first", "second"] {
    ///     let job = hub.topic("job-7").finish_on_drop();
    ///     job.publish(run)?;
    ///     drop(job);
    ///     assert!(hub.topic("job-7").stats().finished);
    /// }
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn finish_on_drop(mut self) -> Self {
        self.reopen();
        self.finisher = Some(Arc::new(Finisher(Arc::clone(&self.held))));
        self
    }

    /// Publishes an event to the topic and returns its ID, as [`Hub::publish`] does.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`] if the hub is closed, the topic is finished, the event is too large, or its
    /// type or ID is not allowed. Nothing is published then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.topic("orders").publish("two coffees")?;
    /// assert_eq!(hub.stats().published, 1);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    #[doc(alias = "send")]
    pub fn publish(&self, event: impl IntoEvent) -> Result<EventId, PublishError> {
        self.hub.publish(&self.held.name, event)
    }

    /// Finishes the topic: no more events follow. See [`Hub::finish`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let job = Hub::new(Bounds::events(100)).topic("job-7");
    /// job.finish();
    /// assert!(job.publish("more").is_err());
    /// ```
    pub fn finish(&self) {
        self.hub.finish(&self.held.name);
    }

    /// Lets the topic begin again if it is finished. Its history stays; to begin without it,
    /// [remove](Self::remove) it first.
    ///
    /// Clients that were stopped meanwhile do not come back by themselves. Others resume as if the topic had
    /// not been finished.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let job = Hub::new(Bounds::events(100)).topic("job-7");
    /// job.finish();
    /// job.reopen();
    /// assert!(job.publish("more").is_ok());
    /// ```
    pub fn reopen(&self) {
        self.held.shared.change(|state, _| state.reopen(&self.held.name));
    }

    /// Removes the topic with its history, and ends its streams at once. See [`Hub::remove`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let job = hub.topic("job-7");
    /// job.publish("half done")?;
    /// job.remove();
    /// assert_eq!(hub.stats().events, 0);
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn remove(&self) {
        self.hub.remove(&self.held.name);
    }

    /// Returns the number of its open subscriptions.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let job = hub.topic("job-7");
    /// let client = hub.subscribe("job-7")?;
    /// assert_eq!(job.subscribers(), 1);
    /// drop(client);
    /// assert_eq!(job.subscribers(), 0);
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn subscribers(&self) -> usize {
        lock(&self.held.shared.state).topics.get(self.held.key).subscriptions() as usize
    }

    /// Waits until the topic has no subscription. Completes at once if it has none now.
    ///
    /// Use it to stop work for which nobody listens any more. A client that reconnects is away for a moment,
    /// so give it time to come back.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use ssekit::{Bounds, Hub, hub::Topic};
    /// use tokio::time::sleep;
    ///
    /// /// Waits until nobody has listened for ten seconds.
    /// async fn abandoned(job: &Topic) {
    ///     loop {
    ///         job.wait_unsubscribed().await;
    ///         sleep(Duration::from_secs(10)).await;
    ///         if job.subscribers() == 0 {
    ///             return;
    ///         }
    ///     }
    /// }
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let job = hub.topic("job-7").finish_on_drop();
    /// let client = hub.subscribe("job-7")?;
    /// tokio::select! {
    ///     _ = abandoned(&job) => panic!("it has a client"),
    ///     _ = sleep(Duration::from_secs(60)) => {} // the work
    /// }
    /// drop(client);
    /// abandoned(&job).await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tokio"))]
    /// # fn main() {}
    /// ```
    pub fn wait_unsubscribed(&self) -> Unsubscribed {
        Unsubscribed::new(Arc::clone(&self.held))
    }

    /// Returns the topic's statistics.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let orders = hub.topic("orders");
    /// orders.publish("two coffees")?;
    /// let stats = orders.stats();
    /// assert_eq!((stats.events, stats.subscribers, stats.finished), (1, 0, false));
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn stats(&self) -> TopicStats {
        let state = lock(&self.held.shared.state);
        let topic = state.topics.get(self.held.key);
        TopicStats {
            events: topic.log.len(),
            bytes: topic.log.cost(),
            subscribers: topic.subscriptions() as usize,
            finished: topic.is_finished(),
        }
    }

    /// Reads events of the topic as values: up to `limit` of them after a last event ID, or from the oldest
    /// one held.
    ///
    /// Use it for pages of history, for catching up without a stream, and in tests. To continue, pass the
    /// [position](HistoryPage::position) of the page: to this method for the next page, or to
    /// [`Subscribe::after`](crate::Subscribe::after) for a stream that begins where the page ends.
    ///
    /// It copies the events that it returns: at most [`HistoryPage::MAX_BYTES`] of text, or one event.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let orders = hub.topic("orders");
    /// for order in ["two coffees", "one tea", "a cake"] {
    ///     orders.publish(order)?;
    /// }
    /// let page = orders.history(None, 2);
    /// assert_eq!(page.events()[1].data(), "one tea");
    /// assert!(page.has_more());
    /// let page = orders.history(page.position(), 2);
    /// assert_eq!(page.events()[0].data(), "a cake");
    /// assert!(!page.has_more());
    /// # Ok::<(), ssekit::hub::PublishError>(())
    /// ```
    pub fn history(&self, after: impl Into<Option<LastEventId>>, limit: usize) -> HistoryPage {
        HistoryPage::read(&self.held.shared, &self.held.name, after.into(), limit)
    }

    /// Returns the topic's name.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub};
    ///
    /// assert_eq!(Hub::new(Bounds::events(100)).topic("job-7").name(), "job-7");
    /// ```
    pub fn name(&self) -> &str {
        &self.held.name
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        let Held { shared, name, .. } = &*self.0;
        // Of a panicking task as well, as drops run then too.
        shared.change(|state, wake| state.finish(name, wake));
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.name())
            .field("finishes_on_drop", &self.finisher.is_some())
            .finish_non_exhaustive()
    }
}
