use std::fmt;

use crate::{
    base::{
        slab::Key,
        sync::{Arc, lock},
    },
    event::{id::EventId, value::Event},
    hub::{
        core::{name::Name, shared::Shared},
        handle::Hub,
        publish_error::PublishError,
    },
};

/// A handle on one topic of a [`Hub`], created by [`Hub::topic`].
///
/// It keeps the hub open, as a [`Hub`] does. While there is a handle, the hub knows the topic, even if the topic has
/// neither history nor subscribers.
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

/// Keeps a topic known to the hub. Counts as a user of the topic, like a subscription.
struct Held {
    shared: Arc<Shared>,
    key: Key,
    name: Name,
}

/// Finishes a topic when it is dropped.
struct Finisher(Arc<Held>);

impl Topic {
    pub(super) fn new(hub: Hub, name: &str) -> Self {
        let (key, name) = {
            let mut state = lock(&hub.shared.state);
            let key = state.topics.begin(name);
            state.topics.subscribe(key);
            // It has a publisher, so it has not ended.
            state.topics.get_mut(key).unknown = false;
            (key, state.topics.get(key).name.clone())
        };
        let held = Held { shared: Arc::clone(&hub.shared), key, name };
        Self { finisher: None, hub, held: Arc::new(held) }
    }

    /// Finishes the topic when this handle and all clones made from it are dropped, even if a panic drops them.
    ///
    /// Move it to the task that publishes, so that clients never wait for events of a publisher that is gone. Clones
    /// made before this call do not count. It has no effect on a topic that is already finished.
    pub fn finish_on_drop(mut self) -> Self {
        self.finisher = Some(Arc::new(Finisher(Arc::clone(&self.held))));
        self
    }

    /// Publishes an event to the topic and returns its ID, as [`Hub::publish`] does.
    ///
    /// # Errors
    ///
    /// Returns a [`PublishError`] if the hub is closed, the topic is finished, the event is too large, or its type or
    /// ID is not allowed. Nothing is published then.
    pub fn publish(&self, event: impl Into<Event>) -> Result<EventId, PublishError> {
        self.hub.publish(&self.held.name, event)
    }

    /// Finishes the topic: no more events follow. See [`Hub::finish`].
    pub fn finish(&self) {
        self.hub.finish(&self.held.name);
    }

    /// Returns the topic's name.
    pub fn name(&self) -> &str {
        &self.held.name
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.shared.state).topics.unsubscribe(self.key);
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        let Held { shared, name, .. } = &*self.0;
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
