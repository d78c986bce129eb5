use std::{pin::Pin, time::Duration};

use bytes::Bytes;

#[cfg(feature = "tokio")]
use crate::timer::TokioTimer;
use crate::{Event, KeepAlive, Subscription, keep_alive::Fill, timer::Timer};

/// What a subscription's keep-alives send: its position if that has moved, else what `F` sends.
#[derive(Clone, Debug)]
pub struct Moved<F = ()>(F);

impl Subscription {
    /// Keeps the connection alive: whenever nothing was sent for `interval`, the client is told its position if it
    /// has moved, or else a comment is sent.
    ///
    /// # Panics
    ///
    /// Polling it outside a tokio runtime with time enabled panics. Creating it does not.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn keep_alive(self, interval: Duration) -> KeepAlive<Self, TokioTimer, Moved> {
        self.keep_alive_with_timer(interval, TokioTimer::new())
    }

    /// As [`keep_alive`](Self::keep_alive), on any timer.
    pub fn keep_alive_with_timer<T: Timer>(self, interval: Duration, timer: T) -> KeepAlive<Self, T, Moved> {
        KeepAlive::with_fill(self, interval, timer, Moved::COMMENT)
    }
}

impl Moved {
    pub(crate) const COMMENT: Self = Self(());
}

impl<S: Positioned, T: Timer> KeepAlive<S, T, Moved> {
    /// Sets an event to send in a silence, in place of a comment, when the position has not moved.
    pub fn with_event(self, event: Event) -> KeepAlive<S, T, Moved<Bytes>> {
        self.map_fill(|_| Moved(event.encode()))
    }
}

/// A stream whose client has a position.
pub trait Positioned {
    /// Returns a block that tells the client its position, if that has moved since it was last told.
    fn moved(self: Pin<&mut Self>) -> Option<Bytes>;
}

impl Positioned for Subscription {
    fn moved(self: Pin<&mut Self>) -> Option<Bytes> {
        self.moved()
    }
}

impl<S: Positioned, F: Fill<S>> Fill<S> for Moved<F> {
    fn fill(&mut self, mut subscription: Pin<&mut S>) -> Bytes {
        let moved = subscription.as_mut().moved();
        moved.unwrap_or_else(|| self.0.fill(subscription))
    }
}
