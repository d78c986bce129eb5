use std::fmt;

use crate::{
    base::sync::Arc,
    hub::{
        end::End,
        steering::{Change, Steering},
        topic_names::Topics,
    },
};

/// A handle on a stream that an HTTP stack owns by now: it ends the stream, or changes its topics. Created by
/// [`Subscription::handle`](crate::Subscription::handle).
///
/// Cloning is cheap, and all clones are handles on the same stream. A handle keeps neither the stream nor its
/// hub open, and can be used from any thread.
///
/// A change takes effect when the stream is next polled, for which its task is woken. A peer that does not
/// read keeps its stream from being polled; the write timeout of the HTTP stack ends it.
///
/// # Examples
///
/// ```
/// use futures_util::{FutureExt as _, StreamExt as _};
/// use ssekit::{Bounds, Hub};
///
/// let hub = Hub::new(Bounds::events(100));
/// let mut events = hub.subscribe("orders")?;
/// let handle = events.handle();
/// let _position = events.next().now_or_never();
///
/// handle.end(); // the user was logged out
/// assert_eq!(events.next().now_or_never(), Some(None));
/// assert!(handle.has_ended());
/// # Ok::<(), ssekit::hub::Refusal>(())
/// ```
#[derive(Clone)]
pub struct StreamHandle {
    steering: Arc<Steering>,
}

impl StreamHandle {
    pub(super) fn new(steering: Arc<Steering>) -> Self {
        Self { steering }
    }

    /// Ends the stream in an orderly way: the client gets its position, and may reconnect.
    ///
    /// A client that shall not come back must be refused when it does, with
    /// [`stop_reconnecting`](crate::stop_reconnecting) for instance. Events that are pending for it are not
    /// sent; if it resumes, it gets them then.
    pub fn end(&self) {
        self.end_with(End::new());
    }

    /// Ends the stream in an orderly way, with a reconnection time or a last event.
    ///
    /// Only the first call for a stream has an effect.
    pub fn end_with(&self, end: End) {
        self.steering.end(end);
    }

    /// Adds topics to the stream. Those that it has already are left alone.
    ///
    /// Each begins where the stream is: at the position up to which the client was given everything. So all
    /// topics share one position, and every event that is published after this call is delivered. Earlier
    /// events of a new topic are not; send those without IDs, from [`Topic::history`](super::Topic::history)
    /// for instance. If events after that position are no longer held, the client gets a [gap](super::Gap)
    /// before any later event, whatever the [`Lag`](super::Lag) policy.
    ///
    /// When the client comes back, subscribe it to the topics that the stream had. Its last event ID
    /// acknowledges everything before it for all topics that you name, also for one that it did not have.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt as _, StreamExt as _};
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let mut events = hub.subscribe("job-7")?;
    /// let handle = events.handle();
    /// let _position = events.next().now_or_never();
    ///
    /// handle.add("job-8");
    /// handle.remove("job-7");
    /// hub.publish("job-7", "no longer")?;
    /// let id = hub.publish("job-8", "done")?;
    /// let next = events.next().now_or_never().flatten().unwrap();
    /// assert_eq!(next, format!("id: {id}\ndata: done\n\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, topics: impl Into<Topics>) {
        self.steering.change(Change::Add(topics.into().into_names()));
    }

    /// Removes topics from the stream.
    ///
    /// Events of these topics that were not delivered yet are skipped. A topic that is added
    /// again begins at the stream's position then, and skips what lay between. A stream whose topics were all
    /// removed stays open; one that has topics ends when all of them are finished.
    pub fn remove(&self, topics: impl Into<Topics>) {
        self.steering.change(Change::Remove(topics.into().into_names()));
    }

    /// Returns whether the stream has ended or was dropped.
    pub fn has_ended(&self) -> bool {
        self.steering.is_over()
    }
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle").field("has_ended", &self.has_ended()).finish_non_exhaustive()
    }
}
