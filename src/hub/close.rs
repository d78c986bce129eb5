use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    base::{
        clock::Clock,
        slab::Key,
        sync::{Arc, lock},
    },
    event::{into_event::IntoEvent, value::Event},
    hub::core::{shared::Shared, state::Closing},
};

/// Options for closing a [`Hub`](crate::Hub).
///
/// By default clients receive what is pending, without a deadline, and may reconnect at any time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::{Bounds, Hub, hub::Close};
///
/// let hub = Hub::new(Bounds::events(100));
/// // Clients come back after 1 to 11 seconds, not all at once.
/// hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(10)));
/// assert!(hub.subscribe(["orders"]).is_err());
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it is to be passed to `Hub::close`"]
pub struct Close {
    last: Option<Event>,
    retry: Option<Duration>,
    spread: Duration,
    stop: bool,
    deadline: Option<Duration>,
}

/// A future that waits until a hub has no subscription left, created by
/// [`Hub::drained`](crate::Hub::drained).
#[must_use = "a future does nothing unless it is polled"]
pub struct Drained {
    shared: Arc<Shared>,
    key: Option<Key>,
}

impl Close {
    /// Creates the default: clients receive what is pending and may reconnect at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new());
    /// assert_eq!(hub.subscribe("orders").unwrap_err().response().status(), 200);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends each client a reconnection time, chosen at random between `least` and `least + spread`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new().retry(Duration::from_secs(5), Duration::ZERO));
    /// assert_eq!(hub.subscribe("orders").unwrap_err().retry(), Some(Duration::from_secs(5)));
    /// ```
    pub fn retry(mut self, least: Duration, spread: Duration) -> Self {
        self.retry = Some(least);
        self.spread = spread;
        self
    }

    /// Sends each client one more event at the end.
    ///
    /// It follows the client's position. If it has an ID, the client reconnects with that.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Event, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe("orders")?;
    /// hub.close(Close::new().last_event(Event::new("back at nine")));
    /// let all = events.collect::<Vec<_>>().now_or_never().unwrap().concat();
    /// assert!(all.ends_with(b"data: back at nine\n\n"));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn last_event(mut self, event: impl IntoEvent) -> Self {
        self.last = Some(event.into_event());
        self
    }

    /// Ends subscriptions after this time even if events are pending for them.
    ///
    /// It takes effect when they are polled. Such a client reconnects with its last event ID, and misses
    /// nothing if the history is still there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::{FutureExt, StreamExt};
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe("orders")?;
    /// hub.publish("orders", "too late")?;
    /// hub.close(Close::new().deadline(Duration::ZERO));
    /// let all = events.collect::<Vec<_>>().now_or_never().unwrap().concat();
    /// assert!(!String::from_utf8_lossy(&all).contains("too late"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Answers clients that connect from now on with 204, which stops them from reconnecting.
    ///
    /// By default the answer is 200 with a reconnection time (3 s if none is set), after which the stream
    /// ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, Hub, hub::Close};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// hub.close(Close::new().stopping());
    /// assert_eq!(hub.subscribe("orders").unwrap_err().response().status(), 204);
    /// ```
    pub fn stopping(mut self) -> Self {
        self.stop = true;
        self
    }

    pub(super) fn start(self, clock: &Clock) -> Closing {
        Closing {
            // Encoded once and without the lock, for all streams.
            last: self.last.as_ref().map(Event::encode),
            retry: self.retry,
            spread: self.spread,
            stop: self.stop,
            // A deadline beyond what the clock can say is none.
            ends_at: self.deadline.and_then(|deadline| clock.now().checked_add(deadline)),
        }
    }
}

impl Drained {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, key: None }
    }
}

impl Future for Drained {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut waker = Some(cx.waker().clone());
        // The waker that this replaces comes back in `waker` and is dropped without the lock, as it
        // is application code.
        let drained = lock(&this.shared.state).poll_drained(&mut this.key, &mut waker);
        if drained { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = lock(&self.shared.state).leave_drained(key);
            drop(waker);
        }
    }
}

impl fmt::Debug for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drained").finish_non_exhaustive()
    }
}
