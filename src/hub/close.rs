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
    event::value::Event,
    hub::core::{shared::Shared, state::Closing},
};

/// How a [`Hub`](crate::Hub) closes.
///
/// By default each client gets what is pending, without a deadline, and may come back when it likes.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ssekit::{Bounds, Hub, hub::Close};
///
/// let hub = Hub::new(Bounds::events(100));
/// // Clients come back after 1 to 11 seconds, not all at once.
/// hub.close(Close::new().with_retry(Duration::from_secs(1), Duration::from_secs(10)));
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

/// Waits until a hub has no subscription left, made by [`Hub::drained`](crate::Hub::drained).
#[must_use = "a future does nothing unless it is polled"]
pub struct Drained {
    shared: Arc<Shared>,
    key: Option<Key>,
}

impl Close {
    /// Lets each client get what is pending, and come back when it likes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends each client away with a reconnection time between `least` and `least + spread`, at random.
    pub fn with_retry(mut self, least: Duration, spread: Duration) -> Self {
        self.retry = Some(least);
        self.spread = spread;
        self
    }

    /// Sends each client one more event at the end.
    ///
    /// Its ID, if it has one, is what the client comes back with; it comes after the client's position.
    pub fn with_last_event(mut self, event: Event) -> Self {
        self.last = Some(event);
        self
    }

    /// Ends subscriptions after this time even if events are pending for them.
    ///
    /// It takes effect when they are polled. A client that is cut this way comes back with its last event ID and
    /// has lost nothing, if the history is still there.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Stops clients that connect from now on with 204, so that they do not come back.
    ///
    /// By default they are sent away with 200, the reconnection time (3 s if none is set) and the end of the stream.
    pub fn stopping(mut self) -> Self {
        self.stop = true;
        self
    }

    pub(super) fn start(self, clock: &Clock) -> Closing {
        Closing {
            last: self.last.as_ref().map(Event::encode),
            retry: self.retry,
            spread: self.spread,
            stop: self.stop,
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
